// The menu behind the status bar's item. Invariant: its first line is the state, in words; what it offers can be done now.

import * as vscode from "vscode";
import type { Places } from "./places";
import type { Server } from "./server";
import { statusItem } from "./words";

interface Entry extends vscode.QuickPickItem {
  run?: () => unknown;
}

const separator = (label: string): Entry => ({ label, kind: vscode.QuickPickItemKind.Separator });
const command = (name: string) => () => vscode.commands.executeCommand(name);

export async function showMenu(server: Server, places: Places): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const isOn = vscode.workspace.getConfiguration("fimble").get("enabled", true);
  const state = statusItem({
    status: server.status,
    fault: server.fault,
    isWorking: false,
    disabledHere: document && places.reason(document),
  });
  const entries: Entry[] = [separator("Suggestions")];
  const turn = (off: boolean, where: string, run: () => unknown) => {
    entries.push({ label: off ? `$(circle-slash) Disable ${where}` : `$(check) Enable ${where}`, run });
  };
  turn(isOn, "everywhere", () => places.toggleEverywhere());
  if (document && ["file", "untitled"].includes(document.uri.scheme)) {
    turn(!places.isLanguageOff(document.languageId), `for ${document.languageId}`, () => places.toggleLanguage(document.languageId));
    turn(!places.isFileOff(document.uri), "for this file", () => places.toggleFile(document.uri));
  }
  turn(places.isNextEditOn(), "next edits", () => places.toggleNextEdit());
  entries.push(
    { label: "$(play) Complete now", run: command("fimble.complete") },
    { label: "$(question) Why this suggestion, or none?", run: command("fimble.showWhy") },
    separator("Model"),
    { label: "$(chip) Choose a model…", description: server.status?.model ?? "", run: command("fimble.chooseModel") },
  );
  if (server.status?.state === "failed") {
    entries.push({ label: "$(cloud-download) Install ONNX Runtime…", run: command("fimble.setUp") });
  }
  entries.push(
    separator("Server"),
    { label: "$(graph) Statistics", run: command("fimble.statistics") },
    { label: "$(output) Open the log", run: command("fimble.openLog") },
    { label: "$(debug-restart) Restart the server", run: command("fimble.restart") },
    { label: "$(pulse) Run the doctor", run: command("fimble.doctor") },
    {
      label: server.recording ? "$(debug-stop) Stop recording" : "$(record) Record a session…",
      run: command("fimble.record"),
    },
    { label: "$(settings-gear) Settings", run: () => vscode.commands.executeCommand("workbench.action.openSettings", "@ext:fimble.fimble") },
  );
  const chosen = await vscode.window.showQuickPick(entries, { title: state.tooltip, placeHolder: "What would you like to do?" });
  await chosen?.run?.();
}
