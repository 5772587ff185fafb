// The places without suggestions, and whether there are next edits: everywhere, in a language, in a file. Invariant: switching off for everything or for
// a language is stored in the settings, where the server reads it; a file is remembered for this workspace only.

import * as vscode from "vscode";

const KEY = "fimble.filesWithout";

export class Places {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly memory: vscode.Memento) {}

  isFileOff(uri: vscode.Uri): boolean {
    return this.files().includes(uri.toString());
  }

  isLanguageOff(language: string): boolean {
    return this.languages().includes(language);
  }

  /** Why there are no suggestions in this document, if there are none. */
  reason(document: vscode.TextDocument): string | undefined {
    if (!["file", "untitled"].includes(document.uri.scheme)) return "no suggestions in this kind of document.";
    if (this.isFileOff(document.uri)) return "suggestions are off for this file.";
    if (this.isLanguageOff(document.languageId)) return `suggestions are off for ${document.languageId}.`;
    return undefined;
  }

  async toggleEverywhere(): Promise<void> {
    const section = vscode.workspace.getConfiguration("fimble");
    await section.update("enabled", !section.get("enabled", true), target("enabled"));
  }

  isNextEditOn(): boolean {
    return vscode.workspace.getConfiguration("fimble").get("experimental.nextEdit", false);
  }

  async toggleNextEdit(): Promise<void> {
    const key = "experimental.nextEdit";
    await vscode.workspace.getConfiguration("fimble").update(key, !this.isNextEditOn(), target(key));
  }

  async toggleLanguage(language: string): Promise<void> {
    const others = this.languages().filter((other) => other !== language);
    const next = this.isLanguageOff(language) ? others : [...others, language];
    await vscode.workspace.getConfiguration("fimble").update("languages.disabled", next, target("languages.disabled"));
  }

  async toggleFile(uri: vscode.Uri): Promise<void> {
    const others = this.files().filter((other) => other !== uri.toString());
    await this.memory.update(KEY, this.isFileOff(uri) ? others : [...others, uri.toString()]);
    this.changed.fire();
  }

  private files(): string[] {
    return this.memory.get<string[]>(KEY, []);
  }

  private languages(): string[] {
    return vscode.workspace.getConfiguration("fimble").get<string[]>("languages.disabled", []);
  }
}

/** A value of the workspace hides the user's: it has to be changed where it is in force. */
function target(key: string): vscode.ConfigurationTarget {
  const found = vscode.workspace.getConfiguration("fimble").inspect(key);
  if (found?.workspaceFolderValue !== undefined) return vscode.ConfigurationTarget.WorkspaceFolder;
  if (found?.workspaceValue !== undefined) return vscode.ConfigurationTarget.Workspace;
  return vscode.ConfigurationTarget.Global;
}
