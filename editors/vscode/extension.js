// A language-server client for inline completion, without dependencies. `FIMBLE` is the path of the binary.
"use strict";
const vscode = require("vscode");
const { spawn } = require("child_process");

/** One server process and the messages to and from it. */
class Server {
  constructor(log) {
    this.log = log;
    this.nextId = 1;
    this.waiting = new Map();
    this.buffer = Buffer.alloc(0);
    const path = vscode.workspace.getConfiguration("fimble").get("server.path") || FIMBLE;
    this.process = spawn(path, ["lsp"], { stdio: ["pipe", "pipe", "pipe"] });
    this.process.on("error", (error) => this.ended(`cannot start ${path}: ${error.message}`));
    this.process.on("exit", (code) => this.ended(`the server ended with code ${code}`));
    this.process.stdin.on("error", () => {});
    this.process.stderr.on("data", (data) => log.append(data.toString()));
    this.process.stdout.on("data", (data) => this.receive(data));
    const folders = vscode.workspace.workspaceFolders || [];
    this.ready = this.request("initialize", {
      processId: process.pid,
      rootUri: folders.length ? folders[0].uri.toString() : null,
      workspaceFolders: folders.map((folder) => ({ uri: folder.uri.toString(), name: folder.name })),
      initializationOptions: vscode.workspace.getConfiguration("fimble"),
      capabilities: {
        general: { positionEncodings: ["utf-16"] },
        textDocument: { synchronization: {}, inlineCompletion: {} },
        window: { showMessage: {} },
      },
    }).then(() => {
      this.notify("initialized", {});
      vscode.workspace.textDocuments.forEach((document) => this.open(document));
    });
    this.ready.catch((error) => log.appendLine(String(error)));
  }

  send(message) {
    if (!this.process || this.process.exitCode !== null) return;
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    this.process.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.process.stdin.write(body);
  }

  notify(method, params) {
    this.send({ method, params });
  }

  request(method, params, token) {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      if (token) token.onCancellationRequested(() => this.notify("$/cancelRequest", { id }));
      this.send({ id, method, params });
    });
  }

  receive(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const end = this.buffer.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(this.buffer.toString("ascii", 0, end))[1]);
      if (this.buffer.length < end + 4 + length) return;
      const message = JSON.parse(this.buffer.toString("utf8", end + 4, end + 4 + length));
      this.buffer = this.buffer.subarray(end + 4 + length);
      this.handle(message);
    }
  }

  handle(message) {
    if (message.method === "window/showMessage") {
      const show = { 1: "showErrorMessage", 2: "showWarningMessage" }[message.params.type] || "showInformationMessage";
      vscode.window[show](message.params.message);
    } else if (message.method === "window/logMessage") {
      this.log.appendLine(message.params.message);
    } else if (message.method && message.id !== undefined) {
      this.send({ id: message.id, result: null });
    } else if (message.id !== undefined) {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (!waiting) return;
      if (message.error) waiting.reject(new Error(message.error.message));
      else waiting.resolve(message.result);
    }
  }

  ended(reason) {
    this.log.appendLine(reason);
    this.waiting.forEach(({ reject }) => reject(new Error(reason)));
    this.waiting.clear();
  }

  open(document) {
    if (!["file", "untitled"].includes(document.uri.scheme)) return;
    const { languageId, version } = document;
    this.notify("textDocument/didOpen", {
      textDocument: { uri: document.uri.toString(), languageId, version, text: document.getText() },
    });
  }

  change({ document, contentChanges }) {
    if (!["file", "untitled"].includes(document.uri.scheme) || contentChanges.length === 0) return;
    // Several changes of one event are told against the text before it, so they go from the end to the start.
    const changes = [...contentChanges].sort((a, b) => b.rangeOffset - a.rangeOffset);
    this.notify("textDocument/didChange", {
      textDocument: { uri: document.uri.toString(), version: document.version },
      contentChanges: changes.map(({ range, text }) => ({ range, text })),
    });
  }

  close(document) {
    this.notify("textDocument/didClose", { textDocument: { uri: document.uri.toString() } });
  }

  stop() {
    const child = this.process;
    this.request("shutdown").then(() => this.notify("exit"), () => child.kill());
  }
}

let server;

function activate(context) {
  const log = vscode.window.createOutputChannel("Fimble");
  server = new Server(log);
  const accepted = (id) => server.request("workspace/executeCommand", { command: "fimble.accepted", arguments: [id] });
  context.subscriptions.push(
    log,
    vscode.workspace.onDidOpenTextDocument((document) => server.open(document)),
    vscode.workspace.onDidChangeTextDocument((event) => server.change(event)),
    vscode.workspace.onDidCloseTextDocument((document) => server.close(document)),
    vscode.commands.registerCommand("fimble.restart", () => {
      server.stop();
      server = new Server(log);
    }),
    vscode.commands.registerCommand("fimble.accepted", (id) => accepted(id).catch(() => {})),
    vscode.commands.registerCommand("fimble.showWhy", async () => {
      const why = await server.request("workspace/executeCommand", { command: "fimble.why" });
      const content = why ? why.text : "No request yet.";
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content, language: "markdown" }));
    }),
    vscode.languages.registerInlineCompletionItemProvider({ pattern: "**" }, {
      async provideInlineCompletionItems(document, position, { triggerKind, selectedCompletionInfo }, token) {
        await server.ready;
        const result = await server.request("textDocument/inlineCompletion", {
          textDocument: { uri: document.uri.toString() },
          position,
          // The editor counts the kinds of a trigger from 0, the protocol from 1.
          context: { triggerKind: triggerKind + 1, selectedCompletionInfo },
        }, token).catch(() => null);
        return (result ? result.items : []).map(({ insertText, range, command }) => ({
          insertText,
          range: range && new vscode.Range(range.start.line, range.start.character, range.end.line, range.end.character),
          command: command && { command: command.command, title: command.title, arguments: command.arguments },
        }));
      },
    }),
    { dispose: () => server.stop() },
  );
}

module.exports = { activate, deactivate: () => server && server.stop() };
