// The server binary that is used, and its check. Invariant: each problem with it is one message that says what to
// do, found before the client library starts it.

import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { noBinary, notFimble, otherVersion, versionIn } from "./words";

const NAME = process.platform === "win32" ? "fimble.exe" : "fimble";
/** A binary that has not said its version by then will not serve either. */
const VERSION_TIMEOUT_MS = 20_000;

/** A server that can be started. */
export interface Binary {
  path: string;
  /** A problem that the user sees although the binary can be used. */
  warning?: string;
}

/** The path in the settings; empty if none is set. */
export function configuredPath(): string {
  return vscode.workspace.getConfiguration("fimble").get<string>("server.path", "").trim();
}

/** The path in the settings, otherwise the server of the extension. */
export async function findBinary(context: vscode.ExtensionContext): Promise<Binary | { fault: string }> {
  const configured = configuredPath();
  const file = configured || path.join(context.extensionPath, "server", NAME);
  const isFromSetting = configured !== "";
  try {
    if (!path.isAbsolute(file)) return { fault: noBinary(file, isFromSetting, "the path is not absolute") };
    if (!(await stat(file)).isFile()) return { fault: noBinary(file, isFromSetting, "it is no file") };
    await access(file, constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "it may not be executed" : String(error);
    return { fault: noBinary(file, isFromSetting, why) };
  }
  const said = await askVersion(file);
  if ("error" in said) return { fault: noBinary(file, isFromSetting, said.error) };
  const version = versionIn(said.output);
  if (!version) return { fault: notFimble(file, said.output) };
  const ours = (context.extension.packageJSON as { version: string }).version;
  return { path: file, warning: otherVersion(file, version, ours) };
}

function askVersion(file: string): Promise<{ output: string } | { error: string }> {
  return new Promise((resolve) => {
    execFile(file, ["--version"], { timeout: VERSION_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (!error) return resolve({ output: stdout });
      // A program that is none of ours may know no --version: what it said tells more than its exit code.
      if (typeof error.code === "number") return resolve({ output: stdout || stderr });
      resolve({ error: error.killed ? "it did not answer when asked for its version" : error.message });
    });
  });
}
