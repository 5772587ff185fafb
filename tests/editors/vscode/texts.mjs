// Texts to type into. Invariant: what is to come repeats what stands there, so that any model that completes code goes on with
// it; no test knows what exactly it says.

const NAMES = ["first", "second", "third", "fourth"];

/** Lines of one form, and the start of another one to type. */
export const LINES = NAMES.map((name) => `${name}_value = compute_value(${name}_input, scale)\n`).join("");
export const START = "fifth_value = comp";

/** The same with characters of two, three and four bytes before the cursor. */
export const UMLAUTS = NAMES.map((name) => `größe_${name} = "日本 🦀" + compute_value(${name}_input)\n`).join("");
export const UMLAUT_START = 'größe_fifth = "日本 🦀" + comp';

/** Blocks of one form, and the head of another one to type. */
export const BLOCKS = NAMES.map(
  (name) => `def read_${name}(path):\n    with open(path) as stream:\n        content = stream.read()\n    return parse_${name}(content)\n\n\n`,
).join("");
export const HEAD = "def read_fifth(path):\n";

/** A function to explain and to change, and a shorter one as a chat model would answer it. */
export const FUNCTION = "def total(rows):\n    n = 0\n    for row in rows:\n        n += row\n    return n\n";
export const SHORTER = "def total(rows):\n    return sum(rows)\n";
