// Messages of the server to the user. Invariant: a button does what an error asks for in a shell, because the server of
// the extension is not on the `PATH`.

import * as vscode from "vscode";
import { MessageType, type ShowMessageParams } from "vscode-languageclient/node";
import { remedies, type ServerError } from "./words";

/** Shows a message of the server. */
export async function tell({ type, message, data }: ShowMessageParams & { data?: ServerError }): Promise<void> {
  const { showErrorMessage, showWarningMessage, showInformationMessage } = vscode.window;
  const show = type === MessageType.Error ? showErrorMessage : type === MessageType.Warning ? showWarningMessage : showInformationMessage;
  const offered = remedies(data);
  const chosen = await show(message, ...offered.map(({ title }) => title));
  const remedy = offered.find(({ title }) => title === chosen);
  if (remedy) await vscode.commands.executeCommand(remedy.command);
}
