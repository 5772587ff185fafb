// The server process and the connection to it. Invariant: at most one runs; one that ends is started again, but not forever;
// a problem is shown once, with its remedy, and stays in the status bar.

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  RevealOutputChannelOn,
  ShowMessageNotification,
  type Middleware,
  type StaticFeature,
} from "vscode-languageclient/node";
import { configuredPath, findBinary } from "./binary";
import { tell } from "./messages";
import { keepsEnding, neverAnswered, serverSettings, type ServerStatus } from "./words";

const MOST_ENDS = 4;
const WITHIN_MS = 3 * 60_000;
const STOP_TIMEOUT_MS = 3_000;
/** A server answers `initialize` before it loads anything. */
const START_TIMEOUT_MS = 20_000;

/** The notification for documents that the server writes (see editors/PROTOCOL.md). */
export interface ServerDocument {
  uri: string;
  title: string;
  text: string;
  done: boolean;
  /** Whether the model thinks before it answers; servers of another version may not say it. */
  thinking?: boolean;
}

/** The notification that the rest of a suggestion is written whose beginning was shown. */
export interface Refresh {
  textDocument: { uri: string; version: number };
}

/** Our part of the client's capabilities. */
const capabilities: StaticFeature = {
  fillClientCapabilities: (client) => {
    client.experimental = { ...client.experimental, fimble: { status: true, virtualDocuments: true, asksInstruction: true, inlineCompletionRefresh: true } };
  },
  initialize: () => {},
  getState: () => ({ kind: "static" }),
  clear: () => {},
};

/** The library's own messages name no remedy: they go to the log, and the extension shows its own. */
class Client extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Server implements vscode.Disposable {
  /** None while it does not run. */
  status: ServerStatus | undefined;
  /** Why it does not run. */
  fault: string | undefined;
  private file: string | undefined;
  /** The binary in use. */
  path: string | undefined;
  private client: LanguageClient | undefined;
  /** The value of the setting at the last start. */
  private configured = "";
  private ends: number[] = [];
  private isStarting = false;
  private turn: Promise<void> = Promise.resolve();
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly written = new vscode.EventEmitter<ServerDocument>();
  readonly onDidWrite = this.written.event;
  private readonly grown = new vscode.EventEmitter<Refresh["textDocument"]>();
  /** More of a suggestion is known than was shown for this version of a document. */
  readonly onDidGrow = this.grown.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly middleware: Middleware,
  ) {}

  /** The file that the session is recorded in. */
  get recording(): string | undefined {
    return this.file;
  }

  /**
   * Stops what runs and starts anew, one after the other however often it is called. A recording belongs to one process: it
   * ends with that, and `recordInto`, a file that is not there yet, begins another one.
   */
  restart(recordInto?: string): Promise<void> {
    this.ends = [];
    return this.inTurn(() => this.startAnew(recordInto));
  }

  /** Starts the binary that the settings name now, if it is another one: the editor can report a setting several times. */
  follow(): void {
    void this.inTurn(async () => {
      if (configuredPath() === this.configured) return;
      this.ends = [];
      await this.startAnew();
    });
  }

  private async startAnew(recordInto?: string): Promise<void> {
    await this.stop();
    await this.start(recordInto);
  }

  /** One after the other, however often it is called. */
  private inTurn(run: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(run).catch((error) => this.broken(String(error)));
    return this.turn;
  }

  /** Ends the server for good. */
  end(): Promise<void> {
    // One that has not answered yet would keep those waiting that close the editor.
    if (this.isStarting) this.client?.serverProcess?.kill("SIGKILL");
    return this.inTurn(() => this.stop());
  }

  dispose(): void {
    this.changed.dispose();
    this.written.dispose();
    this.grown.dispose();
  }

  /** Runs a command of the server. */
  async execute<T>(command: string, ...args: unknown[]): Promise<T> {
    if (!this.client?.isRunning()) throw new Error(this.fault ?? "Fimble's server is not running.");
    return (await this.client.sendRequest(ExecuteCommandRequest.type, { command, arguments: args as never[] })) as T;
  }

  /** Asks the server something that is no command. */
  async request<T>(method: string, params: object, token: vscode.CancellationToken): Promise<T> {
    if (!this.client?.isRunning()) throw new Error(this.fault ?? "Fimble's server is not running.");
    return (await this.client.sendRequest(method, params, token)) as T;
  }

  /** Tells the server something that needs no answer. */
  notify(method: string, params: object): void {
    if (!this.client?.isRunning()) return;
    this.client.sendNotification(method, params).catch((error) => this.log.warn(`${method}: ${String(error)}`));
  }

  private async start(recordInto?: string): Promise<void> {
    this.fault = undefined;
    this.status = undefined;
    this.configured = configuredPath();
    this.changed.fire();
    const binary = await findBinary(this.context);
    if ("fault" in binary) return this.broken(binary.fault);
    this.path = binary.path;
    if (binary.warning) void vscode.window.showWarningMessage(binary.warning);
    this.log.info(`starting ${binary.path}`);
    this.file = recordInto;
    const client: Client = new Client(
      "fimble",
      "Fimble",
      { command: binary.path, args: recordInto === undefined ? ["lsp"] : ["lsp", "--record", recordInto] },
      {
        documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        initializationOptions: () => settings(),
        initializationFailedHandler: () => false,
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          // The extension restarts the server, not the library, which would report a failure twice.
          closed: () => {
            if (client === this.client) this.ended(binary.path);
            return { action: CloseAction.DoNotRestart, handled: true };
          },
        },
        middleware: {
          ...this.middleware,
          workspace: {
            configuration: () => [settings()],
            didChangeConfiguration: () => client.sendNotification("workspace/didChangeConfiguration", { settings: { fimble: settings() } }),
          },
        },
      },
    );
    client.registerFeature(capabilities);
    client.onNotification("fimble/status", (status: ServerStatus) => {
      this.status = status;
      this.changed.fire();
    });
    client.onNotification(ShowMessageNotification.type, (message) => void tell(message));
    client.onNotification("fimble/inlineCompletionRefresh", ({ textDocument }: Refresh) =>
      this.grown.fire(textDocument),
    );
    client.onNotification("fimble/document", (document: ServerDocument) => this.written.fire(document));
    this.client = client;
    this.isStarting = true;
    const didNotStart = (why: string) => `Fimble's server ${binary.path} did not start: ${why}.`;
    let late: string | undefined;
    const timer = setTimeout(() => {
      late = neverAnswered(binary.path, START_TIMEOUT_MS);
      // The library waits for ever; that the connection ends is what lets it go.
      client.serverProcess?.kill("SIGKILL");
    }, START_TIMEOUT_MS);
    try {
      await client.start();
      // Where the process ends meanwhile, the library may say nothing.
      if (!client.isRunning()) this.broken(late ?? didNotStart("it ended before it answered"));
    } catch (error) {
      this.broken(late ?? didNotStart(error instanceof Error ? error.message : String(error)));
    } finally {
      clearTimeout(timer);
      this.isStarting = false;
    }
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.status = undefined;
    if (!client) return;
    // One that is still starting, or that has ended already, cannot be asked to stop.
    await client.dispose(STOP_TIMEOUT_MS).catch((error) => this.log.warn(`stopping: ${String(error)}`));
    this.endRecording();
  }

  private endRecording(): void {
    if (this.file === undefined) return;
    void vscode.window.showInformationMessage(
      `The session is in ${this.file}. Attach it to a report, or play it in the sources of Fimble: ` +
        "cargo run --release -p fimble-tools --bin fimble-bench -- replay FILE",
    );
    this.file = undefined;
  }

  /** The process of the server in use ended without being asked to. */
  private ended(path: string): void {
    this.status = undefined;
    this.endRecording();
    // A failed start is reported where the server was started.
    if (this.fault !== undefined || this.isStarting) return;
    const now = Date.now();
    this.ends = [...this.ends.filter((time) => now - time < WITHIN_MS), now];
    this.log.warn(`the server ended, ${this.ends.length} of ${MOST_ENDS} times within three minutes`);
    if (this.ends.length >= MOST_ENDS) return this.broken(keepsEnding(path, this.ends.length));
    this.changed.fire();
    void this.inTurn(() => this.startAnew());
  }

  private broken(fault: string): void {
    this.fault = fault;
    this.status = undefined;
    this.file = undefined;
    this.log.error(fault);
    this.changed.fire();
    void vscode.window.showErrorMessage(fault, "Restart", "Open Settings", "Show Log").then((chosen) => {
      if (chosen === "Restart") void this.restart();
      if (chosen === "Open Settings") void vscode.commands.executeCommand("workbench.action.openSettings", "fimble.server.path");
      if (chosen === "Show Log") this.log.show();
    });
  }
}

function settings(): Record<string, unknown> {
  const section = vscode.workspace.getConfiguration("fimble");
  const isSet = (key: string) => {
    const found = section.inspect(key);
    return [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue].some((value) => value !== undefined);
  };
  return serverSettings(vscode.workspace.getConfiguration().get<Record<string, unknown>>("fimble", {}), isSet);
}
