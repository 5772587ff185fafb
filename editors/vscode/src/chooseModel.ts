// The choice of the model: installed models, models on this disk, models to fetch. Invariant: a model that is chosen answers
// without a restart, and a model that cannot be fetched changes nothing; nothing is fetched without a request of the user.

import * as vscode from "vscode";
import { Cancelled, CommandError, runModelCommand } from "./modelProcess";
import { commandFor, licenceQuestion, offer, progressText, readList, rows, type CatalogueModel, type Choice, type ModelList, type Progress, type Row } from "./models";
import type { Server } from "./server";
import { remedies } from "./words";

/** Whether the offer of the first start was answered on this machine. */
const OFFERED = "fimble.hasOfferedModel";

type Doable = Extract<Choice, { kind: "use" | "add" | "get" }>;
type Item = vscode.QuickPickItem & { choice?: Choice };

export class ModelChoice implements vscode.Disposable {
  private running: AbortController | undefined;
  private hasLookedForOffer = false;

  constructor(
    private readonly server: Server,
    private readonly memory: vscode.Memento,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** The editor is closed, and what it fetches with it. */
  dispose(): void {
    this.running?.abort();
  }

  /** Shows the list and does what is chosen. */
  async choose(): Promise<void> {
    const list = this.list();
    const items = list.then((list) => asItems(rows(list)));
    const picked = await vscode.window.showQuickPick(items, {
      title: "The model that completes",
      placeHolder: "The chosen model answers once it is loaded; the bundled model answers until then",
      matchOnDescription: true,
      matchOnDetail: true,
    });
    // A list that could not be read has its error here.
    await list;
    if (picked?.choice) await this.act(picked.choice);
  }

  /** Offers a better model where the bundled one is in use: once on a machine. */
  async offerOnce(): Promise<void> {
    const { status, path } = this.server;
    if (this.hasLookedForOffer || status?.state !== "ready" || status.model !== "bundled" || !path) return;
    if (this.memory.get(OFFERED, false) || configured() !== undefined) return;
    this.hasLookedForOffer = true;
    const made = offer(await this.list());
    if (!made) return;
    const chosen = await vscode.window.showInformationMessage(made.message, "Get", "Not now", "Choose…");
    await this.memory.update(OFFERED, true);
    if (chosen === "Get") await this.act({ kind: "get", model: made.model });
    if (chosen === "Choose…") await this.choose();
  }

  private async list(): Promise<ModelList> {
    return readList((await runModelCommand(this.program(), ["model", "list", "--json"])).output);
  }

  private program(): string {
    if (!this.server.path) throw new Error(this.server.fault ?? "Fimble's server is not running.");
    return this.server.path;
  }

  private async act(choice: Choice): Promise<void> {
    switch (choice.kind) {
      case "explain":
        void vscode.window.showWarningMessage(choice.sentence);
        return;
      case "browse": {
        const picked = await vscode.window.showOpenDialog({ canSelectFolders: true, canSelectFiles: true, openLabel: "Use this model" });
        if (picked?.[0]) await this.use({ kind: "add", spec: picked[0].fsPath });
        return;
      }
      case "get":
        if (choice.model.nonCommercial && !(await accepts(choice.model))) return;
        return this.use(choice);
      case "use":
      case "add":
        return this.use(choice);
    }
  }

  /** Runs the command and lets the server change to the model. */
  private async use(choice: Doable): Promise<void> {
    if (this.running) throw new Error("Fimble is still getting another model. Wait for it, or cancel it.");
    const running = new AbortController();
    this.running = running;
    try {
      const lines = await this.run(choice, running);
      await this.change();
      if (lines.length > 0) void vscode.window.showInformationMessage(`Fimble: ${lines.join(" ")}`);
    } catch (error) {
      if (!(error instanceof Cancelled)) this.fail(error);
    } finally {
      this.running = undefined;
    }
  }

  /** Returns what the command said of the model. */
  private run(choice: Doable, running: AbortController): Thenable<string[]> {
    const title = choice.kind === "get" ? choice.model.title : choice.kind === "add" ? choice.spec : choice.name;
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: choice.kind === "use" ? `Fimble: changing to ${title}` : `Fimble: getting ${title}`,
      cancellable: true,
    };
    return vscode.window.withProgress(options, async (shown, token) => {
      token.onCancellationRequested(() => running.abort());
      const args = commandFor(choice);
      this.log.info(`running fimble ${args.join(" ")}`);
      let step = "";
      const onProgress = (news: Progress) => {
        if ("step" in news) step = news.step;
        shown.report({ message: progressText(step, "step" in news ? undefined : news) });
      };
      const { added } = await runModelCommand(this.program(), args, { onProgress, signal: running.signal });
      for (const line of added?.lines ?? []) this.log.info(line);
      return added?.lines ?? [];
    });
  }

  /** The server loads what is in use now. A setting that names another model would win, and goes: the choice is the newer wish. */
  private async change(): Promise<void> {
    if (configured() === undefined) {
      await this.server.execute("fimble.reloadModel");
    } else {
      await vscode.workspace.getConfiguration("fimble").update("model", undefined, vscode.ConfigurationTarget.Global);
    }
  }

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(message);
    const offered = remedies(error instanceof CommandError ? error.error : undefined);
    void vscode.window.showErrorMessage(message, ...offered.map(({ title }) => title)).then((chosen) => {
      const remedy = offered.find(({ title }) => title === chosen);
      if (remedy) void vscode.commands.executeCommand(remedy.command);
    });
  }
}

/** The model that the user's settings name; none if they leave it to `fimble model use`. */
function configured(): unknown {
  return vscode.workspace.getConfiguration("fimble").inspect("model")?.globalValue ?? undefined;
}

async function accepts(model: CatalogueModel): Promise<boolean> {
  const accept = "Accept the Licence";
  return (await vscode.window.showWarningMessage(licenceQuestion(model), { modal: true }, accept)) === accept;
}

/** The rows with a line before each group. */
function asItems(all: Row[]): Item[] {
  const items: Item[] = [];
  let group = "";
  for (const row of all) {
    if (row.group !== group) items.push({ label: row.group, kind: vscode.QuickPickItemKind.Separator });
    group = row.group;
    items.push({ label: row.label, description: row.description, detail: row.detail || undefined, choice: row.choice });
  }
  return items;
}
