// Next edits apart from the editor, so that they can be tested alone. Invariant: what is drawn as removed and as added is what
// applying removes and adds.

/** A place as the protocol has it. */
export interface Place {
  line: number;
  character: number;
}

/** An edit as the server sends it (see editors/PROTOCOL.md). */
export interface NextEdit {
  text: string;
  range: { start: Place; end: Place };
  textDocument: { uri: string; version: number };
  command: { title: string; command: string; arguments: unknown[] };
  kind: "edit" | "jump";
}

/** The part of an edit that differs from the text. */
export interface Difference {
  /** Characters of the old text before it. */
  before: number;
  removed: string;
  added: string;
}

/** New text that is drawn has at most so many characters. */
const MAX_DRAWN = 120;

/** What differs between an old text and the one instead of it. No character of two units is cut. */
export function difference(old: string, text: string): Difference {
  const isInside = (whole: string, at: number) => /[\uDC00-\uDFFF]/.test(whole[at] ?? "");
  const shorter = Math.min(old.length, text.length);
  let before = 0;
  while (before < shorter && old[before] === text[before]) before++;
  while (before > 0 && (isInside(old, before) || isInside(text, before))) before--;
  let after = 0;
  while (after < shorter - before && old[old.length - 1 - after] === text[text.length - 1 - after]) after++;
  while (after > 0 && isInside(old, old.length - after)) after--;
  return { before, removed: old.slice(before, old.length - after), added: text.slice(before, text.length - after) };
}

/**
 * Whether the editor itself can draw a change: text that is only inserted, at the cursor or behind it on its line. Several lines
 * can only follow a line.
 */
export function isGhost(change: Difference, at: Place, cursor: Place, lineLength: number): boolean {
  const isAhead = at.line === cursor.line && at.character >= cursor.character;
  const fits = !change.added.includes("\n") || at.character === lineLength;
  return change.removed === "" && change.added !== "" && isAhead && fits;
}

/** New text on one line, as it is drawn. Ordinary blanks would be drawn as one. */
export function drawn(added: string): string {
  const line = added.replaceAll("\r", "").replaceAll("\n", "⏎").replaceAll("\t", "    ");
  const short = line.length > MAX_DRAWN ? `${line.slice(0, MAX_DRAWN)}…` : line;
  return short.replaceAll(" ", "\u00a0");
}

/** Where an edit is, for the hint and the status bar. `file`: its name, if it is not the file with the cursor. */
export function whereabouts(line: number, file: string | undefined): string {
  return file === undefined ? `line ${line + 1}` : `${file}:${line + 1}`;
}
