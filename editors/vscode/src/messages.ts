// What the server tells the user. Must hold: what a message says to do in a shell can be done by its buttons, since the server
// that the extension carries is on nobody's path.

import * as vscode from "vscode";
import { MessageType, type ShowMessageParams } from "vscode-languageclient/node";
import { remedies } from "./words";

/** Shows a message of the server. */
export async function tell({ type, message }: ShowMessageParams): Promise<void> {
  const { showErrorMessage, showWarningMessage, showInformationMessage } = vscode.window;
  const show = type === MessageType.Error ? showErrorMessage : type === MessageType.Warning ? showWarningMessage : showInformationMessage;
  const offered = remedies(message);
  const chosen = await show(message, ...offered.map(({ title }) => title));
  const remedy = offered.find(({ title }) => title === chosen);
  if (remedy) await vscode.commands.executeCommand(remedy.command);
}
