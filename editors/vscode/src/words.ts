// Messages of the extension to the user, apart from the editor so that they can be tested alone. Invariant: each message says
// what is wrong and what to do about it.

/** The oldest editor that shows inline completions the way the client library asks for them. */
export const OLDEST_EDITOR = "1.91.0";

/** The state of the server, as in `fimble/status`. */
export interface ServerStatus {
  state: "loading" | "ready" | "failed" | "disabled";
  model?: string | null;
  provider?: string | null;
  reason?: string | null;
  message?: string | null;
  fraction?: number | null;
  /** The model that is wanted where another one answers for it. */
  wanted?: { model: string; state: "loading" | "failed"; reason?: string | null; message?: string | null; fraction?: number | null } | null;
  /** Whether code goes to another machine. */
  remote?: boolean;
  /** Differences from the settings. */
  notices?: string[];
}

/** The text of the status bar. */
export interface Shown {
  icon: string;
  text: string;
  tooltip: string;
  isError: boolean;
}

/** The state when the status bar is drawn. */
export interface Known {
  /** None: the server does not run. */
  status: ServerStatus | undefined;
  /** Why it does not run, if that is known. */
  fault: string | undefined;
  /** Whether a suggestion is being computed, for long enough that the user may notice. */
  isWorking: boolean;
  /** Why there are no suggestions in the file that is shown, if that is so. */
  disabledHere: string | undefined;
  /** Where the next edit is that is drawn. */
  nextEdit?: string | undefined;
}

/** The status bar's item. */
export function statusItem({ status, fault, isWorking, disabledHere, nextEdit }: Known): Shown {
  const item = (icon: string, tooltip: string, text = "Fimble", isError = false): Shown => ({ icon, text, tooltip, isError });
  if (fault) return item("error", fault, "Fimble", true);
  if (!status) return item("loading~spin", "Fimble: the server is starting.");
  switch (status.state) {
    case "failed":
      return item("error", `Fimble works without suggestions: ${status.reason ?? "the model could not be loaded."}`, "Fimble", true);
    case "disabled":
      return item("circle-slash", "Fimble: suggestions are off.");
    case "loading": {
      const part = typeof status.fraction === "number" ? ` ${Math.round(status.fraction * 100)} %` : "";
      return item("loading~spin", `Fimble: ${status.message ?? "loading the model"}${part}`, `Fimble${part}`);
    }
    case "ready": {
      if (disabledHere) return item("circle-slash", `Fimble: ${disabledHere}`);
      const where = `Fimble: ${status.model ?? "the model"} on ${status.provider ?? "this machine"}`;
      if (status.wanted) return meanwhile(where, status.wanted, isWorking);
      const remote = status.remote ? ["Code goes to another machine, as the settings allow."] : [];
      const edit = nextEdit === undefined ? [] : [`The next edit is at ${nextEdit}: Tab jumps to it, and then applies it.`];
      const tooltip = [where, ...remote, ...edit, ...(status.notices ?? [])].join("\n");
      const text = status.remote ? "Fimble (remote)" : "Fimble";
      return item(isWorking ? "sync~spin" : "zap", tooltip, nextEdit === undefined ? text : `${text} ⇥ ${nextEdit}`);
    }
  }
}

/** The item while a model answers for the one that is wanted. */
function meanwhile(where: string, wanted: NonNullable<ServerStatus["wanted"]>, isWorking: boolean): Shown {
  const icon = isWorking ? "sync~spin" : "zap";
  if (wanted.state === "failed") {
    return { icon: "warning", text: "Fimble", tooltip: `${where}\n${wanted.model} could not be loaded: ${wanted.reason ?? "the log says why."}`, isError: false };
  }
  const part = typeof wanted.fraction === "number" ? ` ${Math.round(wanted.fraction * 100)} %` : "";
  const message = wanted.message ? `: ${wanted.message}${part}` : part && `:${part}`;
  return { icon, text: `Fimble${part}`, tooltip: `${where}\n${wanted.model} is being loaded${message}`, isError: false };
}

/** Whether version `a` (like 1.91.0-insider) is older than `b`. */
export function isOlder(a: string, b: string): boolean {
  const numbers = (version: string) => version.split(/[.\-+]/).slice(0, 3).map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < 3; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** The problem with this editor, if any. */
export function editorFault(version: string): string | undefined {
  if (!isOlder(version, OLDEST_EDITOR)) return undefined;
  return `Fimble needs VS Code ${OLDEST_EDITOR} or newer, and this is ${version}. Update the editor.`;
}

/** The binary is not there, or may not be run. */
export function noBinary(path: string, isFromSetting: boolean, why: string): string {
  const remedy = isFromSetting
    ? "Correct the setting fimble.server.path, or clear it to use the server of the extension."
    : "Install the extension's package for this platform, or set fimble.server.path to the path of a fimble binary.";
  return `Fimble cannot start its server ${path}: ${why}. ${remedy}`;
}

/** The binary is something else. */
export function notFimble(path: string, said: string): string {
  const shown = said.trim().split("\n")[0]?.slice(0, 80) ?? "";
  const what = shown ? `it said "${shown}"` : "it said nothing";
  return `Fimble cannot use ${path} as its server: asked for its version, ${what}. Set fimble.server.path to the path of a fimble binary, or clear it.`;
}

/** The binary is of another version than the extension; none if they fit. */
export function otherVersion(path: string, binary: string, extension: string): string | undefined {
  if (binary === extension) return undefined;
  return `Fimble's server ${path} is version ${binary}, the extension is ${extension}. Install both in the same version, or clear fimble.server.path to use the server of the extension.`;
}

/** The server keeps ending. */
export function keepsEnding(path: string, times: number): string {
  return `Fimble's server ${path} ended ${times} times within three minutes and is not started again. The log says why.`;
}

/** The process runs but does not answer. */
export function neverAnswered(path: string, afterMs: number): string {
  return `Fimble's server ${path} did not answer within ${afterMs / 1000} seconds and was ended. Restart it, or set fimble.server.path to the path of a fimble binary. The log has what it said.`;
}

/** An error of the server as data. docs/troubleshooting.md lists the codes. */
export interface ServerError {
  code: string;
  cause?: string;
  remedy?: string;
}

const INSTALL = { title: "Install ONNX Runtime", command: "fimble.setUp" };
const DOCTOR = { title: "Run the Doctor", command: "fimble.doctor" };

/** The button that the editor offers for an error instead of a command in a shell. */
export function remedies(error: ServerError | undefined): { title: string; command: string }[] {
  switch (error?.code) {
    case "runtime-missing":
    case "runtime-unusable":
    case "checksum-wrong":
      return [INSTALL];
    case "internal-error":
    case "model-failed":
      return [DOCTOR];
    default:
      return [];
  }
}

/** The version in what `fimble --version` prints; none if it is no fimble. */
export function versionIn(output: string): string | undefined {
  return /^fimble (\S+)\s*$/m.exec(output)?.[1];
}

/**
 * The settings that go to the server: all but those of the extension itself. Of `experimental` only what is set goes, because a
 * default there would count instead of a value under the key of an earlier version.
 */
export function serverSettings(section: Record<string, unknown>, isSet: (key: string) => boolean): Record<string, unknown> {
  const { server: _, experimental, ...settings } = JSON.parse(JSON.stringify(section)) as Record<string, unknown>;
  if (typeof experimental !== "object" || experimental === null) return { ...settings, ...(experimental !== undefined && { experimental }) };
  const chosen = Object.entries(experimental).filter(([key]) => isSet(`experimental.${key}`));
  return { ...settings, experimental: Object.fromEntries(chosen) };
}

/** Counters of `fimble.status` as a page. */
export function statisticsPage(status: Record<string, unknown>): string {
  const number = (key: string) => (typeof status[key] === "number" ? (status[key] as number).toLocaleString("en") : "0");
  const tokens = (status["tokens"] ?? {}) as Record<string, number>;
  const edits = (status["nextEdits"] ?? {}) as Record<string, number>;
  const rows = [
    ["requests", number("requests")],
    ["suggestions shown", number("shown")],
    ["answered without the model", number("withoutModel")],
    ["accepted", number("accepted")],
    ["dismissed", number("dismissed")],
    ["next edits shown", (edits["shown"] ?? 0).toLocaleString("en")],
    ["next edits accepted", (edits["accepted"] ?? 0).toLocaleString("en")],
    ["superseded while typing", number("superseded")],
    ["tokens read", (tokens["prefilled"] ?? 0).toLocaleString("en")],
    ["tokens reused from the cache", (tokens["reused"] ?? 0).toLocaleString("en")],
    ["tokens written", (tokens["decoded"] ?? 0).toLocaleString("en")],
    ["open documents", number("documents")],
  ];
  const table = rows.map(([name, value]) => `| ${name} | ${value} |`).join("\n");
  return [
    "# Fimble since the server started",
    "",
    `Server ${String(status["version"])}, model ${String(status["model"])} on ${String(status["provider"] ?? "nothing")}: ${String(status["state"])}.`,
    "",
    "| what | count |",
    "|---|---|",
    table,
    "",
    "Counted in memory, written nowhere, sent nowhere.",
    "",
  ].join("\n");
}
