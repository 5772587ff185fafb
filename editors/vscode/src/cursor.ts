// Reports the place of a still cursor to the server, which reads it before the first key. Invariant: nothing is sent while
// the user types, because the server sees that itself.

import * as vscode from "vscode";
import type { Places } from "./places";
import type { Server } from "./server";

/** A cursor that moves on sooner only passes by. */
const REST_MS = 100;

export function followCursor(server: Server, places: Places): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  let last: { document: vscode.TextDocument; version: number } | undefined;
  const listening = vscode.window.onDidChangeTextEditorSelection(({ textEditor, selections }) => {
    clearTimeout(timer);
    const { document } = textEditor;
    const isTyped = last?.document === document && last.version !== document.version;
    last = { document, version: document.version };
    const [place] = selections;
    if (isTyped || !place?.isEmpty || places.reason(document) !== undefined) return;
    const { line, character } = place.active;
    const cursor = { textDocument: { uri: document.uri.toString() }, position: { line, character } };
    timer = setTimeout(() => server.notify("fimble/cursor", cursor), REST_MS);
  });
  return vscode.Disposable.from(listening, { dispose: () => clearTimeout(timer) });
}
