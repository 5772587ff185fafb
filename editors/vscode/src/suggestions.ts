// Ghost text: the messages between the editor and the server. Invariant: a document that is switched off gets no request;
// a dismissed suggestion is reported to the server, which does not show it again at that place.

import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import type { Places } from "./places";
import type { Refresh, Server } from "./server";

/** The delay before the icon moves; with a shorter one it would only flicker. */
const WORKING_AFTER_MS = 150;

/** Counts what is being computed. */
export class Working {
  private pending = 0;
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  get isLong(): boolean {
    return this.pending > 0;
  }

  async during<T>(work: PromiseLike<T>): Promise<T> {
    let counted = false;
    const timer = setTimeout(() => {
      counted = true;
      this.pending++;
      this.changed.fire();
    }, WORKING_AFTER_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      if (counted) {
        this.pending--;
        this.changed.fire();
      }
    }
  }
}

/** Asks again where the rest of what is shown is known by now. */
export class Growing {
  private isAsking = false;

  /** The editor's command sends an explicit request, but this request is not from the user. */
  contextOf(context: vscode.InlineCompletionContext): vscode.InlineCompletionContext {
    if (!this.isAsking) return context;
    this.isAsking = false;
    return { ...context, triggerKind: vscode.InlineCompletionTriggerKind.Automatic };
  }

  async ask({ uri, version }: Refresh["textDocument"]): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.uri.toString() !== uri || document.version !== version) return;
    this.isAsking = true;
    try {
      // The editor does not ask again for a place whose suggestion it shows.
      await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
      await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    } finally {
      this.isAsking = false;
    }
  }
}

/** Whether something else is drawn at a place. */
type Taken = (document: vscode.TextDocument, position: vscode.Position) => boolean;

export function middleware(places: Places, working: Working, growing: Growing, isTaken: Taken): Middleware {
  return {
    async provideInlineCompletionItems(document, position, context, token, next) {
      if (places.isFileOff(document.uri) || isTaken(document, position)) return [];
      return working.during(Promise.resolve(next(document, position, growing.contextOf(context), token)));
    },
  };
}

/** Hides the suggestion as the editor does, and keeps it away. */
export async function dismiss(server: Server): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
  if (!editor) return;
  const { line, character } = editor.selection.active;
  const place = { textDocument: { uri: editor.document.uri.toString() }, position: { line, character } };
  // Without a server there is nothing to keep away.
  await server.execute("fimble.dismissed", place).catch(() => {});
}
