// Code actions. Invariant: a failed one says why; the editor itself would only log it.

import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";

export const tellFailures: Middleware = {
  async resolveCodeAction(action, token, next) {
    try {
      return await next(action, token);
    } catch (error) {
      if (!(error instanceof vscode.CancellationError)) {
        void vscode.window.showWarningMessage(`Fimble: ${error instanceof Error ? error.message : String(error)}`);
      }
      throw error;
    }
  },
};
