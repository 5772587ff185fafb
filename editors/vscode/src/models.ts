// The output of `fimble model` about models, and its display, apart from the editor so that it can be tested alone. Invariant:
// a missing field is left out, never invented; sizes are those that a user sees elsewhere (1 MB is 10^6 bytes).

/** A model that was added, or the bundled one. */
export interface InstalledModel {
  name: string;
  bytes?: number | null;
  source?: string | null;
  active?: boolean;
  precision?: string | null;
  licence?: string | null;
}

/** A model file of another program. */
export interface FoundModel {
  /** The argument of `fimble model add`. */
  spec: string;
  store?: string | null;
  bytes?: number | null;
  quantisation?: string | null;
  parameters?: number | string | null;
  /** Whether it can fill in the middle. */
  fim?: boolean | null;
  /** Whether it runs in the server's process. */
  runs?: boolean;
  /** Why it does not. */
  reason?: string | null;
  command?: string | null;
}

/** A place that could not be read. */
export interface UnreadableStore {
  store?: string | null;
  path: string;
  reason: string;
}

/** A model that can be fetched. */
export interface CatalogueModel {
  name: string;
  title: string;
  purpose?: string | null;
  licence: string;
  nonCommercial?: boolean;
  parameters?: number | string | null;
  /** Of the download. */
  bytes?: number | null;
  memoryBytes?: number | null;
  context?: number | null;
  recommended?: boolean;
  installed?: boolean;
}

/** The output of `fimble model list --json`. */
export interface ModelList {
  active?: string | null;
  installed: InstalledModel[];
  found: FoundModel[];
  unreadable: UnreadableStore[];
  catalogue: CatalogueModel[];
}

/** The effect of choosing a row. */
export type Choice =
  | { kind: "use"; name: string }
  | { kind: "add"; spec: string }
  | { kind: "get"; model: CatalogueModel }
  | { kind: "browse" }
  /** Nothing can be done: why not. */
  | { kind: "explain"; sentence: string };

/** A row of the list. */
export interface Row {
  group: string;
  label: string;
  description: string;
  detail: string;
  choice: Choice;
}

/** How far a command is. */
export type Progress =
  | { step: string }
  | { done: number; total?: number | null; rate?: number | null; secondsLeft?: number | null };

/** The result of `add` or `get`. */
export interface Added {
  added: string;
  lines?: string[];
}

/** Reads the list; throws a sentence where the output is none. */
export function readList(output: string): ModelList {
  let list: Partial<ModelList>;
  try {
    list = JSON.parse(output) as Partial<ModelList>;
  } catch {
    throw new Error("Fimble's program gave no list of models. Install the extension and the program in the same version.");
  }
  return { active: list.active, installed: list.installed ?? [], found: list.found ?? [], unreadable: list.unreadable ?? [], catalogue: list.catalogue ?? [] };
}

/** A number of bytes. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}

function parameters(count: number | string | null | undefined): string | undefined {
  if (typeof count !== "number") return count ?? undefined;
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)}B parameters` : `${Math.round(count / 1e6)}M parameters`;
}

const joined = (parts: (string | null | undefined | false)[]) => parts.filter(Boolean).join(" · ");
const maybeSize = (bytes: number | null | undefined) => (typeof bytes === "number" ? size(bytes) : undefined);

/** All rows, in groups, the most useful first. */
export function rows(list: ModelList): Row[] {
  const installed = list.installed.map((model): Row => ({
    group: "Installed",
    label: model.name,
    description: joined([(model.active || model.name === list.active) && "in use", maybeSize(model.bytes)]),
    detail: joined([model.precision, model.licence, model.source]),
    choice: { kind: "use", name: model.name },
  }));
  const found = list.found.map((model): Row => ({
    group: "Found on this disk",
    label: model.spec,
    description: joined([maybeSize(model.bytes), model.quantisation, parameters(model.parameters)]),
    detail: model.runs === false ? `cannot run here: ${model.reason ?? "no reason was given"}` : joined([model.store, fim(model.fim)]),
    choice: model.runs === false
      ? { kind: "explain", sentence: `Fimble cannot run ${model.spec} in its process: ${model.reason ?? "no reason was given"}` }
      : { kind: "add", spec: model.spec },
  }));
  const unreadable = list.unreadable.map(({ store, path, reason }): Row => ({
    group: "Found on this disk",
    label: path,
    description: joined([store, "cannot be read"]),
    detail: reason,
    choice: { kind: "explain", sentence: `Fimble cannot read the models in ${path}: ${reason}` },
  }));
  const catalogue = list.catalogue.filter(({ installed }) => !installed).map((model): Row => ({
    group: "To download",
    label: model.title,
    description: joined([model.recommended && "recommended", maybeSize(model.bytes), model.licence]),
    detail: joined([model.purpose, typeof model.memoryBytes === "number" && `takes ${size(model.memoryBytes)} of memory`]),
    choice: { kind: "get", model },
  }));
  const other: Row = { group: "Another one", label: "A file or folder…", description: "a GGUF file, or a folder with a model", detail: "", choice: { kind: "browse" } };
  return [...installed, ...found, ...unreadable, ...catalogue, other];
}

function fim(can: boolean | null | undefined): string | undefined {
  if (can === true) return "fills in the middle";
  return can === false ? "completes from left to right only" : undefined;
}

/** The first start's offer, where there is one to make: the bundled model is in use, and a better one can be fetched. */
export function offer(list: ModelList): { model: CatalogueModel; message: string } | undefined {
  const model = list.catalogue.find(({ recommended, installed }) => recommended && !installed);
  if (list.active !== "bundled" || !model) return undefined;
  const bytes = typeof model.bytes === "number" ? `${size(model.bytes)} to download, ` : "";
  return { model, message: `Fimble completes with its small bundled model. ${model.title} suggests more and better code on this machine (${bytes}licence ${model.licence}).` };
}

/** The question before a model is fetched whose licence forbids commercial use. */
export function licenceQuestion({ title, licence }: CatalogueModel): string {
  return `The licence of ${title} (${licence}) forbids commercial use. Do you accept it?`;
}

/** The arguments of `fimble` for a choice. */
export function commandFor(choice: Extract<Choice, { kind: "use" | "add" | "get" }>): string[] {
  switch (choice.kind) {
    case "use":
      return ["model", "use", choice.name];
    case "add":
      return ["model", "add", choice.spec, "--use", "--progress", "json"];
    case "get":
      return ["model", "get", choice.model.name, "--use", "--progress", "json", ...(choice.model.nonCommercial ? ["--accept-licence"] : [])];
  }
}

/** How far a step is, for people. */
export function progressText(step: string, progress: Exclude<Progress, { step: string }> | undefined): string {
  if (!progress) return step;
  const { done, total, rate, secondsLeft } = progress;
  const part = total ? `${Math.floor((Math.min(done, total) / total) * 100)} % of ${size(total)}` : size(done);
  const facts = [part, typeof rate === "number" && `${size(rate)}/s`, typeof secondsLeft === "number" && `${duration(secondsLeft)} left`];
  const text = facts.filter(Boolean).join(", ");
  return step ? `${step}: ${text}` : text;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The error of a command, as it wrote it; something to say where it wrote nothing. */
export function failure(stderr: string, command: string[]): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter(Boolean);
  // Steps may stand before it.
  const from = lines.map((line) => line.startsWith("fimble: ")).lastIndexOf(true);
  const text = lines.slice(Math.max(from, 0)).join(" ").replace(/^fimble: /, "");
  return text ? `Fimble: ${text}` : `\`fimble ${command.join(" ")}\` ended without a reason. Run \`fimble doctor\`.`;
}
