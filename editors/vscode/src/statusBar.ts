// The status bar's item. Invariant: it always shows the state for the visible file.

import * as vscode from "vscode";
import type { NextEdits } from "./nextEdit";
import type { Places } from "./places";
import type { Server } from "./server";
import type { Working } from "./suggestions";
import { statusItem } from "./words";

export function statusBar(server: Server, places: Places, working: Working, nextEdits: NextEdits): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("fimble.status", vscode.StatusBarAlignment.Right, 100);
  item.name = "Fimble";
  item.command = "fimble.menu";
  const draw = () => {
    const document = vscode.window.activeTextEditor?.document;
    const shown = statusItem({
      status: server.status,
      fault: server.fault,
      isWorking: working.isLong,
      disabledHere: document && places.reason(document),
      nextEdit: nextEdits.place,
    });
    item.text = `$(${shown.icon}) ${shown.text}`;
    item.tooltip = server.recording ? `${shown.tooltip} The session is recorded in ${server.recording}.` : shown.tooltip;
    item.backgroundColor = shown.isError ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
  };
  draw();
  item.show();
  return vscode.Disposable.from(
    item,
    server.onDidChange(draw),
    places.onDidChange(draw),
    working.onDidChange(draw),
    nextEdits.onDidChange(draw),
    vscode.window.onDidChangeActiveTextEditor(draw),
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("fimble") && draw()),
    vscode.workspace.onDidOpenTextDocument(draw),
  );
}
