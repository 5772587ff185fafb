// The extension's start and its commands. Invariant: a command that cannot do its work says why; nothing here or below opens
// a connection or collects statistics for others.

import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as vscode from "vscode";
import { tellFailures } from "./actions";
import { ModelChoice } from "./chooseModel";
import { followCursor } from "./cursor";
import { Documents, SCHEME } from "./documents";
import { showMenu } from "./menu";
import { NextEdits } from "./nextEdit";
import { Places } from "./places";
import { Server } from "./server";
import { statusBar } from "./statusBar";
import { dismiss, Growing, middleware, Working } from "./suggestions";
import { runInTerminal } from "./terminal";
import { editorFault, statisticsPage } from "./words";

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const fault = editorFault(vscode.version);
  if (fault) {
    void vscode.window.showErrorMessage(fault);
    return;
  }
  const log = vscode.window.createOutputChannel("Fimble", { log: true });
  const places = new Places(context.workspaceState);
  const working = new Working();
  const growing = new Growing();
  const documents = new Documents();
  const running = new Server(context, log, {
    ...middleware(places, working, growing, (document, position) => nextEdits.isGhostAt(document, position)),
    ...tellFailures,
    window: {
      // The document came before, and is shown rendered already.
      showDocument: (params, token, next) => (params.uri.startsWith(`${SCHEME}:`) ? { success: true } : next(params, token)),
    },
  });
  server = running;
  const nextEdits: NextEdits = new NextEdits(running, places);
  const models = new ModelChoice(running, context.globalState, log);
  const command = (name: string, run: (...args: never[]) => unknown) =>
    vscode.commands.registerCommand(name, async (...args: never[]) => {
      try {
        await run(...args);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        void vscode.window.showErrorMessage(message);
      }
    });
  const action = (kind: string, apply: "first" | "never") =>
    vscode.commands.executeCommand("editor.action.codeAction", { kind, apply });
  context.subscriptions.push(
    log,
    running,
    models,
    nextEdits,
    running.onDidChange(() => void models.offerOnce().catch((error) => log.warn(`no model is offered: ${String(error)}`))),
    running.onDidGrow((document) => void growing.ask(document)),
    statusBar(running, places, working, nextEdits),
    followCursor(running, places),
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, documents),
    running.onDidWrite((document) => void documents.written(document)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("fimble.server.path")) running.follow();
    }),
    command("fimble.menu", () => showMenu(running, places)),
    command("fimble.complete", () => vscode.commands.executeCommand("editor.action.inlineSuggest.trigger")),
    command("fimble.dismiss", () => {
      nextEdits.dismiss();
      return dismiss(running);
    }),
    command("fimble.nextEdit", () => nextEdits.go()),
    command("fimble.dismissNextEdit", () => nextEdits.dismiss()),
    command("fimble.showWhy", async () => {
      const { text } = await running.execute<{ text: string }>("fimble.why");
      await documents.page("Why", text);
    }),
    command("fimble.statistics", async () => {
      await documents.page("Statistics", statisticsPage(await running.execute("fimble.status")));
    }),
    command("fimble.explainHere", () => action("fimble.explain", "first")),
    command("fimble.refactorHere", () => action("refactor", "never")),
    command("fimble.refactor.ask", async (place: object) => {
      const instruction = await vscode.window.showInputBox({ title: "Refactor", prompt: "What is to be changed?" });
      if (instruction?.trim()) await running.execute("fimble.refactor", { ...place, instruction });
    }),
    command("fimble.toggle", () => places.toggleEverywhere()),
    command("fimble.chooseModel", () => models.choose()),
    command("fimble.openLog", () => log.show()),
    command("fimble.restart", () => running.restart()),
    command("fimble.doctor", () => runInTerminal(running, ["doctor"])),
    command("fimble.setUp", () => runInTerminal(running, ["setup", "--model", "none"], () => running.execute("fimble.reloadModel"))),
    command("fimble.record", () => record(running)),
  );
  void running.restart();
}

export async function deactivate(): Promise<void> {
  await server?.end();
}

/** A recording begins and ends with the process: the server is restarted, with or without it. */
async function record(running: Server): Promise<void> {
  if (running.recording !== undefined) return running.restart();
  const file = await vscode.window.showSaveDialog({
    // Not into the project: it would be committed by chance.
    defaultUri: vscode.Uri.file(join(homedir(), "fimble-session.jsonl")),
    title: "Record what is typed, and the text of every open file, into",
    filters: { "Fimble session": ["jsonl"] },
    saveLabel: "Record",
  });
  if (!file) return;
  // The dialog has asked whether an older one may go; the server only writes new ones.
  await rm(file.fsPath, { force: true });
  await running.restart(file.fsPath);
}
