// Documents that exist only in the editor: explanations of the server, and pages of the extension. Invariant: they are shown
// rendered, beside the code, and close with the window.

import * as vscode from "vscode";
import type { ServerDocument } from "./server";

export const SCHEME = "fimble";

export class Documents implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "";
  }

  /** The text that the server has written so far. */
  async written({ uri, text: written, done, thinking }: ServerDocument): Promise<void> {
    const text = written || done ? written : thinking ? "*The model is thinking …*" : "*Waiting for the model …*";
    const parsed = vscode.Uri.parse(uri);
    const isNew = !this.texts.has(parsed.toString());
    this.put(parsed, text);
    if (!isNew) return;
    await vscode.workspace.openTextDocument(parsed);
    // The editor overlooks changes of a document that it is only about to open.
    this.changed.fire(parsed);
    await preview(parsed);
  }

  /** Shows a page under a name. */
  async page(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.md` });
    this.put(uri, text);
    await preview(uri);
  }

  private put(uri: vscode.Uri, text: string): void {
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
  }
}

/** Rendered if the editor has its Markdown extension, else as text. */
async function preview(uri: vscode.Uri): Promise<void> {
  const commands = await vscode.commands.getCommands(true);
  if (commands.includes("markdown.showPreviewToSide")) {
    await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
  } else {
    await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }
}
