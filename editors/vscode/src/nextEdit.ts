// The next edit: where to change what next. Invariant: an edit is shown and applied only for the version of the document that it was
// made for; applying is one step for undo; the keys are ours only while an edit is drawn.

import { basename } from "node:path";
import * as vscode from "vscode";
import { difference, drawn, isGhost, whereabouts, type Difference, type NextEdit, type Place } from "./changes";
import type { Places } from "./places";
import type { Server } from "./server";

/** After a key, before the first request. */
const AFTER_KEY_MS = 300;
/** After that, before the word at the cursor counts as complete. */
const AT_REST_MS = 900;
/** After the cursor has moved away from a change. */
const AFTER_MOVE_MS = 150;
const CONTEXT_KEY = "fimble.hasNextEdit";
const AUTOMATIC = 2;

/** An edit that is shown. */
interface Shown {
  edit: NextEdit;
  /** Its range in the document. */
  range: vscode.Range;
  /** Where its difference begins. */
  start: vscode.Position;
  change: Difference;
  /** Whether the editor draws it as a suggestion at the cursor. */
  isGhost: boolean;
}

const color = (name: string) => new vscode.ThemeColor(name);

export class NextEdits implements vscode.Disposable, vscode.InlineCompletionItemProvider {
  private shown: Shown | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking: vscode.CancellationTokenSource | undefined;
  /** The document and its version when the cursor moved last: a cursor that moves with another version moves by typing. */
  private moved: { document: vscode.TextDocument; version: number } | undefined;
  private readonly removed = vscode.window.createTextEditorDecorationType({
    textDecoration: "line-through",
    backgroundColor: color("diffEditor.removedTextBackground"),
  });
  private readonly added = vscode.window.createTextEditorDecorationType({});
  private readonly hint = vscode.window.createTextEditorDecorationType({});
  private readonly disposables: vscode.Disposable[];
  private readonly altered = new vscode.EventEmitter<void>();
  readonly onDidChange = this.altered.event;

  constructor(
    private readonly server: Server,
    private readonly places: Places,
  ) {
    this.disposables = [
      this.removed,
      this.added,
      this.hint,
      this.altered,
      vscode.languages.registerInlineCompletionItemProvider([{ scheme: "file" }, { scheme: "untitled" }], this),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.textChanged(document);
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.cursorMoved(textEditor)),
      vscode.window.onDidChangeTextEditorVisibleRanges(() => this.shown && this.draw()),
      vscode.window.onDidChangeActiveTextEditor(() => this.shown && this.draw()),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("fimble") && this.clear()),
    ];
  }

  dispose(): void {
    this.clear();
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** Where the edit is that is drawn, in words. */
  get place(): string | undefined {
    if (!this.shown || this.shown.isGhost) return undefined;
    return whereabouts(this.shown.start.line, this.fileOf(this.shown));
  }

  /** Whether the editor draws an edit as a suggestion at this place; then there is no other suggestion. */
  isGhostAt(document: vscode.TextDocument, position: vscode.Position): boolean {
    return this.ghostAt(document, position) !== undefined;
  }

  provideInlineCompletionItems(document: vscode.TextDocument, position: vscode.Position): vscode.InlineCompletionItem[] {
    const shown = this.ghostAt(document, position);
    if (!shown) return [];
    const range = new vscode.Range(position, shown.start);
    const item = new vscode.InlineCompletionItem(document.getText(range) + shown.change.added, range);
    item.command = shown.edit.command;
    return [item];
  }

  /** Jumps to the edit, or applies it if the cursor is on its lines. */
  async go(): Promise<void> {
    const shown = this.shown;
    if (!shown || shown.isGhost) return;
    const { edit, range } = shown;
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(edit.textDocument.uri));
    if (document.version !== edit.textDocument.version) return this.clear();
    const active = vscode.window.activeTextEditor;
    const line = active?.selection.active.line ?? -1;
    if (active?.document === document && line >= range.start.line && line <= range.end.line) return this.apply(active, shown);
    const editor = active?.document === document ? active : await vscode.window.showTextDocument(document);
    editor.selection = new vscode.Selection(shown.start, shown.start);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    this.draw();
  }

  /** Hides the edit, and says so to the server. */
  dismiss(): void {
    if (!this.shown) return;
    this.server.notify("fimble/didDismissNextEdit", { item: this.shown.edit });
    this.clear();
  }

  private async apply(editor: vscode.TextEditor, { edit, range }: Shown): Promise<void> {
    this.clear();
    const isDone = await editor.edit((builder) => builder.replace(range, edit.text), { undoStopBefore: true, undoStopAfter: true });
    if (!isDone) return;
    const end = editor.document.positionAt(editor.document.offsetAt(range.start) + edit.text.length);
    editor.selection = new vscode.Selection(end, end);
    // A server that was restarted meanwhile does not know it.
    await this.server.execute(edit.command.command, ...edit.command.arguments).catch(() => {});
    this.schedule(0, true);
  }

  private textChanged(document: vscode.TextDocument): void {
    if (document.uri.toString() === this.shown?.edit.textDocument.uri) this.clear();
    if (document !== vscode.window.activeTextEditor?.document || !this.isOn(document)) return;
    this.clear();
    this.schedule(AFTER_KEY_MS, false);
  }

  private cursorMoved(editor: vscode.TextEditor): void {
    const { document } = editor;
    const isTyped = this.moved?.document === document && this.moved.version !== document.version;
    this.moved = { document, version: document.version };
    if (this.shown) return this.shown.isGhost ? this.clear() : this.draw();
    if (!isTyped && this.timer) this.schedule(AFTER_MOVE_MS, true);
  }

  private isOn(document: vscode.TextDocument): boolean {
    return this.places.isNextEditOn() && this.places.reason(document) === undefined;
  }

  private schedule(delay: number, atRest: boolean): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(atRest), delay);
  }

  private async ask(atRest: boolean): Promise<void> {
    this.timer = undefined;
    const editor = vscode.window.activeTextEditor;
    if (!editor || !editor.selection.isEmpty || !this.isOn(editor.document)) return;
    const { document } = editor;
    const position = editor.selection.active;
    const asking = new vscode.CancellationTokenSource();
    this.asking?.cancel();
    this.asking = asking;
    const params = {
      textDocument: { uri: document.uri.toString(), version: document.version },
      position: wire(position),
      context: { triggerKind: AUTOMATIC, atRest },
    };
    const answer = await this.server.request<{ edits: NextEdit[] }>("fimble/nextEdit", params, asking.token).catch(() => undefined);
    if (this.asking !== asking) return;
    this.asking = undefined;
    const edit = answer?.edits[0];
    if (edit) await this.show(edit, position);
    else if (answer && !atRest) this.schedule(AT_REST_MS, true);
  }

  private async show(edit: NextEdit, cursor: vscode.Position): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(edit.textDocument.uri));
    const editor = vscode.window.activeTextEditor;
    if (document.version !== edit.textDocument.version || !editor) return;
    const { start, end } = edit.range;
    const range = new vscode.Range(start.line, start.character, end.line, end.character);
    const change = difference(document.getText(range), edit.text);
    const at = document.positionAt(document.offsetAt(range.start) + change.before);
    const isHere = editor.document === document && editor.selection.active.isEqual(cursor);
    const isAsGhost = isHere && isGhost(change, wire(at), wire(cursor), document.lineAt(at.line).text.length);
    this.shown = { edit, range, start: at, change, isGhost: isAsGhost };
    this.server.notify("textDocument/didShowInlineEdit", { item: edit });
    if (isAsGhost) await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    else this.draw();
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.asking?.cancel();
    this.asking = undefined;
    if (!this.shown) return;
    this.shown = undefined;
    this.draw();
  }

  private draw(): void {
    const shown = this.shown && !this.shown.isGhost ? this.shown : undefined;
    void vscode.commands.executeCommand("setContext", CONTEXT_KEY, shown !== undefined);
    this.altered.fire();
    for (const editor of vscode.window.visibleTextEditors) {
      const isTarget = editor.document.uri.toString() === shown?.edit.textDocument.uri;
      this.drawChange(editor, isTarget ? shown : undefined);
      this.drawHint(editor, editor === vscode.window.activeTextEditor ? shown : undefined);
    }
  }

  private drawChange(editor: vscode.TextEditor, shown: Shown | undefined): void {
    if (!shown || editor.document.version !== shown.edit.textDocument.version) {
      editor.setDecorations(this.removed, []);
      editor.setDecorations(this.added, []);
      return;
    }
    const { document } = editor;
    const end = document.positionAt(document.offsetAt(shown.start) + shown.change.removed.length);
    const after = {
      contentText: drawn(shown.change.added),
      color: color("editor.foreground"),
      backgroundColor: color("diffEditor.insertedTextBackground"),
    };
    editor.setDecorations(this.removed, shown.change.removed === "" ? [] : [new vscode.Range(shown.start, end)]);
    editor.setDecorations(this.added, shown.change.added === "" ? [] : [{ range: new vscode.Range(end, end), renderOptions: { after } }]);
  }

  /** At the end of the edit's line, or of the cursor's where that is not on the screen. */
  private drawHint(editor: vscode.TextEditor, shown: Shown | undefined): void {
    if (!shown) return editor.setDecorations(this.hint, []);
    const isHere = editor.document.uri.toString() === shown.edit.textDocument.uri;
    const isVisible = isHere && editor.visibleRanges.some((range) => range.contains(shown.start));
    const words = isVisible ? "Tab" : `Tab: ${whereabouts(shown.start.line, this.fileOf(shown))}`;
    const line = isVisible ? shown.start.line : editor.selection.active.line;
    const end = editor.document.lineAt(line).range.end;
    const after = { contentText: `⇥ ${words}`, color: color("editorCodeLens.foreground"), margin: "0 0 0 2em" };
    editor.setDecorations(this.hint, [{ range: new vscode.Range(end, end), renderOptions: { after } }]);
  }

  private fileOf({ edit }: Shown): string | undefined {
    const { uri } = edit.textDocument;
    const isHere = vscode.window.activeTextEditor?.document.uri.toString() === uri;
    return isHere ? undefined : basename(vscode.Uri.parse(uri).path);
  }

  private ghostAt(document: vscode.TextDocument, position: vscode.Position): Shown | undefined {
    const { shown } = this;
    const { uri, version } = shown?.edit.textDocument ?? {};
    const isOfDocument = shown?.isGhost && uri === document.uri.toString() && version === document.version;
    return isOfDocument && shown.start.line === position.line && !shown.start.isBefore(position) ? shown : undefined;
  }
}

const wire = ({ line, character }: vscode.Position): Place => ({ line, character });
