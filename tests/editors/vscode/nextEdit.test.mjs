// The next edit as somebody meets it: drawn after a change, jumped to, applied, dismissed, undone. Invariant: the change is one that
// calls for others without a model: a variable is renamed at its definition.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { until, Workbench } from "./workbench.mjs";

const BODY = "def area(width, height):\n    total = width * height\n    if total > 10:\n        print(total)\n    return total\n";
/** The same with one use. */
const ONE = "def area(width, height):\n    total = width * height\n    return total\n";
const FAR = ONE.replace("    return", `${"    # far\n".repeat(80)}    return`);
/** A function, and a file that uses it. */
const HOME = "def total_of(rows):\n    return sum(rows)\n";
const USES = "from home import total_of\n\nprint(total_of([1]))\n";

let bench;
let window;

/** A text with its first occurrences renamed. */
function renamed(times, text = BODY, name = "amount") {
  let left = times;
  return text.replace(/total/g, (word) => (left-- > 0 ? name : word));
}

before(async () => {
  bench = await Workbench.start({
    // Suggestions have tests of their own, and Tab is theirs where there is one.
    settings: { "fimble.experimental.nextEdit": true, "editor.inlineSuggest.enabled": false },
    files: { "apply.py": BODY, "undo.py": ONE, "far.py": FAR, "dismiss.py": BODY, "off.py": BODY, "home.py": HOME, "uses.py": USES },
  });
  window = await bench.ready("apply.py");
});

afterEach(() => window?.picture(`last-${window.name}`));
after(() => bench?.close());

/** Renames the variable at its definition, in each file to something else. */
async function rename(name = "amount", editor = window) {
  for (const key of ["Control+Home", "ArrowDown", "Home", "Control+Shift+ArrowRight"]) await editor.press(key);
  await editor.type(name);
}

/** What decorations write behind texts. */
function drawn() {
  return window.page.evaluate(() => {
    const spans = [...document.querySelectorAll(".monaco-editor .view-line span")];
    const contents = spans.map((span) => getComputedStyle(span, "::after").content);
    return contents.filter((content) => content !== "none" && content !== "normal").map((content) => content.replace(/^"|"$/g, "").replaceAll("\u00a0", " "));
  });
}

/** Waits until the status bar names this place. */
async function waitFor(place) {
  await until(`an edit at ${place}`, async () => (await window.statusText())?.includes(`⇥ ${place}`)).catch((error) => {
    const traces = bench.traces().filter((trace) => trace.method === "nextEdit").map(({ document, line, character, decision }) => ({ document, line, character, decision }));
    throw new Error(`${error.message}; the server says ${JSON.stringify(traces.slice(-4))}`);
  });
}

async function waitNone() {
  await until("no edit", async () => !(await window.statusText())?.includes("⇥"));
  assert.deepEqual((await drawn()).filter((text) => text.includes("⇥")), []);
}

test("Tab jumps to the next use, and then applies the edit", async () => {
  await rename();
  await waitFor("line 3");
  assert.ok((await drawn()).includes("amount"), String(await drawn()));
  assert.ok((await drawn()).includes("⇥ Tab"), String(await drawn()));
  await window.picture("next-edit");
  await window.press("Tab");
  await until("the cursor to jump", async () => (await window.cursor()).startsWith("Ln 3"));
  assert.equal(await window.saved(), renamed(1));
  for (const line of [3, 4, 5]) {
    await waitFor(`line ${line}`);
    if (line > 3) await window.press("Tab");
    await until("the cursor to jump", async () => (await window.cursor()).startsWith(`Ln ${line}`));
    await window.press("Tab");
    await until("the edit applied", async () => (await window.saved()) === renamed(line - 1));
  }
  await waitNone();
});

test("what was applied is undone in one step", async () => {
  await window.edit("undo.py");
  await rename("size");
  await waitFor("line 3");
  await window.press("Tab");
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === renamed(2, ONE, "size"));
  await window.press("Control+z");
  assert.equal(await window.saved(), renamed(1, ONE, "size"));
  await window.press("Control+y");
  assert.equal(await window.saved(), renamed(2, ONE, "size"));
});

test("an edit that is not on the screen is announced at the cursor", async () => {
  await window.edit("far.py");
  await rename("product");
  await waitFor("line 83");
  assert.ok((await drawn()).includes("⇥ Tab: line 83"), String(await drawn()));
  await window.press("Tab");
  await until("the cursor to jump", async () => (await window.cursor()).startsWith("Ln 83"));
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === renamed(2, FAR, "product"));
});

test("an edit in another open file is announced, jumped to and applied", async () => {
  await window.edit("uses.py");
  await window.edit("home.py");
  for (const key of ["Control+Home", ...Array(4).fill("ArrowRight"), "Control+Shift+ArrowRight"]) await window.press(key);
  await window.type("sum_of");
  await waitFor("uses.py:1");
  assert.equal(await window.saved(), HOME.replace("total_of", "sum_of"));
  await window.press("Tab");
  await window.page.locator(".tab.active", { hasText: "uses.py" }).waitFor();
  window.name = "uses.py";
  await waitFor("line 1");
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === USES.replace("total_of", "sum_of"));
  await waitFor("line 3");
  await window.press("Tab");
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === USES.replaceAll("total_of", "sum_of"));
});

test("Escape sends it away, and Tab is the editor's then", async () => {
  await window.edit("dismiss.py");
  await rename("result");
  await waitFor("line 3");
  await window.press("Escape");
  await waitNone();
  await window.press("Home");
  await window.press("Tab");
  assert.equal(await window.saved(), renamed(1, BODY, "result").replace("    result", "        result"));
});

test("without the setting there is none", async () => {
  bench.set({ "editor.inlineSuggest.enabled": false });
  await window.edit("off.py");
  await rename("number");
  assert.equal(await window.saved(), renamed(1, BODY, "number"));
  await waitNone();
});

test("text that is only inserted behind the cursor is a suggestion of the editor", async (t) => {
  const other = await Workbench.start({ settings: { "fimble.experimental.nextEdit": true }, files: { "ghost.py": ONE } });
  t.after(() => other.close());
  const ours = await other.ready("ghost.py");
  await rename("total_2", ours);
  for (const key of ["ArrowDown", "Home"]) await ours.press(key);
  await until("the rest of the name", async () => (await ours.ghost()) === "_2");
  await ours.picture("next-edit-ghost");
  await ours.press("Tab");
  await ours.hidden();
  assert.equal(await ours.saved(), renamed(2, ONE, "total_2"));
});
