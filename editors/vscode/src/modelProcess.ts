// `fimble model …` as a child of the extension. Invariant: the extension itself opens no connection, the child does; a command
// that is cancelled ends with all that it started; an error is what the command wrote.

import { spawn, type ChildProcess } from "node:child_process";
import { failure, type Added, type Progress } from "./models";
import type { ServerError } from "./words";

/** A child that was asked to end has this long. */
const KILL_AFTER_MS = 3_000;
/** The end of standard error that is kept, in characters. */
const KEPT = 8_000;

export class Cancelled extends Error {}

/** A command that failed: what it wrote, and the error as data if it gave that. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly error: ServerError | undefined,
  ) {
    super(message);
  }
}

/** Where a command reports, and what ends it. */
export interface Watch {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** The output of a command without its progress, and the model that it added, if any. */
export interface Outcome {
  output: string;
  added: Added | undefined;
}

/** Runs the program; throws its error as a sentence, or `Cancelled`. */
export function runModelCommand(program: string, args: string[], { onProgress, signal }: Watch = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Cancelled());
    // Of a group of its own, so that what it started ends with it.
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: process.platform !== "win32" });
    let [output, rest, stderr] = ["", "", ""];
    let added: Added | undefined;
    let failed: ServerError | undefined;
    const read = (line: string) => {
      const news = progressIn(line);
      if (!news) output += `${line}\n`;
      else if ("added" in news) added = news;
      else if ("error" in news) failed = news.error;
      else onProgress?.(news);
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(read);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-KEPT)));
    let killing: NodeJS.Timeout | undefined;
    const cancel = () => {
      end(child, "SIGTERM");
      killing = setTimeout(() => end(child, "SIGKILL"), KILL_AFTER_MS);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    child.on("error", (error) => reject(new Error(`Fimble: ${program} cannot be started: ${error.message}.`)));
    child.on("close", (code) => {
      signal?.removeEventListener("abort", cancel);
      clearTimeout(killing);
      if (rest) read(rest);
      if (code === 0) resolve({ output, added });
      else reject(signal?.aborted ? new Cancelled() : new CommandError(failure(stderr, args), failed));
    });
  });
}

/** The content of a line; none if it is a line for people. */
function progressIn(line: string): Progress | Added | { error: ServerError } | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const news = JSON.parse(line) as Record<string, unknown>;
    const isError = typeof (news["error"] as ServerError | undefined)?.code === "string";
    const isNews = typeof news["step"] === "string" || typeof news["done"] === "number" || typeof news["added"] === "string";
    return isError || isNews ? (news as unknown as Progress | Added | { error: ServerError }) : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a child and what it started. */
function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  if (process.platform === "win32") {
    spawn("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore" });
    return;
  }
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
