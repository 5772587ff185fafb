// The binary's own commands, in a terminal where the user sees what they do. Invariant: what runs is the binary that serves
// this window.

import * as vscode from "vscode";
import type { Server } from "./server";

/** Runs a subcommand; `then` once it ended well. */
export function runInTerminal(server: Server, subcommand: string[], then?: () => unknown): void {
  if (!server.path) {
    void vscode.window.showErrorMessage(server.fault ?? "Fimble's server is not running.");
    return;
  }
  const name = `fimble ${subcommand.join(" ")}`;
  const execution = new vscode.ProcessExecution(server.path, subcommand);
  const task = new vscode.Task({ type: "fimble", name }, vscode.TaskScope.Workspace, name, "Fimble", execution, []);
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, focus: false, clear: true };
  void vscode.tasks.executeTask(task).then((running) => {
    const ended = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution !== running) return;
      ended.dispose();
      if (event.exitCode === 0) void then?.();
    });
  });
}
