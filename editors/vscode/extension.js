// A language-server client for inline completion, without dependencies. `FIMBLE`, the path of the binary that printed
// this file, is defined above it. Must hold: every request gets an answer or an error, also when the server dies; nothing
// but `initialize` is sent before the server answered it.
const vscode = require("vscode");
const { spawn } = require("child_process");

/** Documents of other schemes (source control, output, settings) are not the user's text. */
const isText = (document) => ["file", "untitled"].includes(document.uri.scheme);
/** The editor's own classes turn into other JSON than the protocol's. */
const toRange = ({ start, end }) => ({
  start: { line: start.line, character: start.character },
  end: { line: end.line, character: end.character },
});
const fromRange = ({ start, end }) => new vscode.Range(start.line, start.character, end.line, end.character);

/**
 * An item of the server as the editor wants it. Text right of the cursor that the item would write again stays untouched:
 * rewritten, a bracket that the editor has closed by itself is no longer typed over, and the user's own `)` comes twice.
 */
function toItem({ insertText, range, command }, document, position) {
  if (!range) return { insertText, command };
  const replaced = fromRange(range);
  const right = document.getText(new vscode.Range(position, replaced.end));
  if (!insertText.endsWith(right)) return { insertText, range: replaced, command };
  const kept = insertText.slice(0, insertText.length - right.length);
  return { insertText: kept, range: new vscode.Range(replaced.start, position), command };
}

/** The user's settings without those that are the client's own. */
function settings() {
  const all = JSON.parse(JSON.stringify(vscode.workspace.getConfiguration("fimble")));
  delete all.server;
  return all;
}

/** One server process and the messages to and from it. `ended(reason, wasReady)` is called once, unless it was stopped. */
class Server {
  constructor(log, ended) {
    this.log = log;
    this.onEnded = ended;
    this.isReady = false;
    this.isOver = false;
    this.nextId = 1;
    this.waiting = new Map();
    this.buffer = Buffer.alloc(0);
    this.path = vscode.workspace.getConfiguration("fimble").get("server.path") || FIMBLE;
    log.appendLine(`starting ${this.path}`);
    this.process = spawn(this.path, ["lsp"], { stdio: ["pipe", "pipe", "pipe"] });
    this.process.on("error", (error) => this.ended(`cannot be started (${error.message})`));
    this.process.on("close", (code, signal) => this.ended(signal ? `ended by ${signal}` : `ended with code ${code}`));
    // What cannot be written is told by the end of the process.
    this.process.stdin.on("error", () => {});
    this.process.stderr.on("data", (data) => log.append(data.toString()));
    this.process.stdout.on("data", (data) => this.receive(data));
    const folders = vscode.workspace.workspaceFolders || [];
    this.request("initialize", {
      processId: process.pid,
      clientInfo: { name: vscode.env.appName, version: vscode.version },
      rootUri: folders.length ? folders[0].uri.toString() : null,
      workspaceFolders: folders.map((folder) => ({ uri: folder.uri.toString(), name: folder.name })),
      initializationOptions: settings(),
      capabilities: {
        general: { positionEncodings: ["utf-16"] },
        textDocument: { synchronization: {}, inlineCompletion: {} },
        window: { showMessage: {} },
      },
    }).then(() => {
      this.isReady = true;
      this.notify("initialized", {});
      vscode.workspace.textDocuments.forEach((document) => this.open(document));
    }).catch((error) => log.appendLine(`initialize: ${error.message}`));
  }

  send(message) {
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    this.process.stdin.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]));
  }

  notify(method, params) {
    if (this.isReady) this.send({ method, params });
  }

  request(method, params, token) {
    if (this.isOver) return Promise.reject(new Error("The Fimble server does not run."));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const cancel = token && token.onCancellationRequested(() => this.notify("$/cancelRequest", { id }));
      const settle = (how) => (value) => {
        if (cancel) cancel.dispose();
        how(value);
      };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.send({ id, method, params });
    });
  }

  receive(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    try {
      for (;;) {
        const end = this.buffer.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = /content-length: *(\d+)/i.exec(this.buffer.toString("ascii", 0, end));
        if (!length) throw new Error("no Content-Length");
        const next = end + 4 + Number(length[1]);
        if (this.buffer.length < next) return;
        const message = JSON.parse(this.buffer.toString("utf8", end + 4, next));
        this.buffer = this.buffer.subarray(next);
        this.handle(message);
      }
    } catch (error) {
      this.ended(`wrote something that is no message (${error.message})`);
      this.process.kill();
    }
  }

  handle({ id, method, params, result, error }) {
    if (method === "window/showMessage") {
      const show = { 1: "showErrorMessage", 2: "showWarningMessage" }[params.type] || "showInformationMessage";
      vscode.window[show](params.message);
      this.log.appendLine(params.message);
    } else if (method === "window/logMessage") {
      this.log.appendLine(params.message);
    } else if (method && id !== undefined) {
      this.send({ id, error: { code: -32601, message: `this client has no ${method}` } });
    } else if (this.waiting.has(id)) {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    }
  }

  ended(reason) {
    if (this.isOver) return;
    const wasReady = this.isReady;
    this.isReady = false;
    this.isOver = true;
    this.log.appendLine(`${this.path}: ${reason}`);
    this.waiting.forEach(({ reject }) => reject(new Error(`The Fimble server ${reason}.`)));
    this.waiting.clear();
    this.onEnded(reason, wasReady);
  }

  open(document) {
    if (!isText(document)) return;
    const { languageId, version } = document;
    this.notify("textDocument/didOpen", {
      textDocument: { uri: document.uri.toString(), languageId, version, text: document.getText() },
    });
  }

  change({ document, contentChanges }) {
    if (!isText(document) || contentChanges.length === 0) return;
    // Several changes of one event are told against the text before it, so they go from the end to the start.
    const changes = [...contentChanges].sort((a, b) => b.rangeOffset - a.rangeOffset);
    this.notify("textDocument/didChange", {
      textDocument: { uri: document.uri.toString(), version: document.version },
      contentChanges: changes.map(({ range, text }) => ({ range: toRange(range), text })),
    });
  }

  close(document) {
    if (isText(document)) this.notify("textDocument/didClose", { textDocument: { uri: document.uri.toString() } });
  }

  execute(command, ...args) {
    return this.request("workspace/executeCommand", { command, arguments: args });
  }

  /** Ends the process as the protocol says, or by force if it takes longer than two seconds. */
  async stop() {
    this.onEnded = () => {};
    if (this.isOver) return;
    const force = setTimeout(() => this.process.kill("SIGKILL"), 2000);
    const gone = new Promise((resolve) => this.process.once("close", resolve));
    await this.request("shutdown").catch(() => {});
    this.notify("exit");
    await gone;
    clearTimeout(force);
  }
}

let server;

function activate(context) {
  const log = vscode.window.createOutputChannel("Fimble");
  // A server that ran and died is started again once; after that the user decides.
  let mayRestartItself = true;
  const start = () => {
    server = new Server(log, (reason, wasReady) => {
      if (wasReady && mayRestartItself) {
        mayRestartItself = false;
        log.appendLine("it is started again, once");
        start();
        return;
      }
      const remedy = wasReady ? "" : " Set fimble.server.path to the path of the fimble binary.";
      const actions = ["Restart", wasReady ? "Show Log" : "Open Settings"];
      vscode.window.showErrorMessage(`Fimble: ${server.path} ${reason}.${remedy}`, ...actions).then((chosen) => {
        if (chosen === "Restart") vscode.commands.executeCommand("fimble.restart");
        if (chosen === "Show Log") log.show();
        if (chosen === "Open Settings") vscode.commands.executeCommand("workbench.action.openSettings", "fimble.server.path");
      });
    });
  };
  const restart = async () => {
    mayRestartItself = true;
    await server.stop();
    start();
  };
  const provider = {
    async provideInlineCompletionItems(document, position, { triggerKind, selectedCompletionInfo: selected }, token) {
      if (!server.isReady || !isText(document)) return [];
      const result = await server.request("textDocument/inlineCompletion", {
        textDocument: { uri: document.uri.toString() },
        position: { line: position.line, character: position.character },
        context: {
          // The editor counts the kinds of a trigger from 0, the protocol from 1.
          triggerKind: triggerKind + 1,
          selectedCompletionInfo: selected && { range: toRange(selected.range), text: selected.text },
        },
      }, token).catch((error) => {
        if (!token.isCancellationRequested) log.appendLine(`inlineCompletion: ${error.message}`);
      });
      return (result ? result.items : []).map((item) => toItem(item, document, position));
    },
  };
  start();
  context.subscriptions.push(
    log,
    vscode.workspace.onDidOpenTextDocument((document) => server.open(document)),
    vscode.workspace.onDidChangeTextDocument((event) => server.change(event)),
    vscode.workspace.onDidCloseTextDocument((document) => server.close(document)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("fimble.server.path")) restart();
      else if (event.affectsConfiguration("fimble")) {
        server.notify("workspace/didChangeConfiguration", { settings: { fimble: settings() } });
      }
    }),
    vscode.commands.registerCommand("fimble.restart", restart),
    // The editor runs this one after it inserted a suggestion.
    vscode.commands.registerCommand("fimble.accepted", (argument) => server.execute("fimble.accepted", argument).catch(() => {})),
    vscode.commands.registerCommand("fimble.showWhy", async () => {
      const { text } = await server.execute("fimble.why").catch((error) => ({ text: error.message }));
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: text, language: "markdown" }));
    }),
    vscode.languages.registerInlineCompletionItemProvider({ pattern: "**" }, provider),
  );
}

module.exports = { activate, deactivate: () => server && server.stop() };
