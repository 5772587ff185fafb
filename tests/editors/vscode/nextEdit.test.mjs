// The next edit as somebody meets it: drawn after a change, jumped to, applied, dismissed, undone. Invariant: the change is one that
// calls for others without a model: a variable is renamed at its definition.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { until, Workbench } from "./workbench.mjs";

const BODY = "def area(width, height):\n    total = width * height\n    if total > 10:\n        print(total)\n    return total\n";
const FAR = BODY.replace("    if", `${"    # far\n".repeat(80)}    if`);

let bench;
let window;

/** A text with its first occurrences renamed. */
function renamed(times, text = BODY, name = "amount") {
  let left = times;
  return text.replace(/total/g, (word) => (left-- > 0 ? name : word));
}

before(async () => {
  const names = ["apply", "undo", "dismiss", "ghost"];
  bench = await Workbench.start({
    // Suggestions have tests of their own, and Tab is theirs where there is one.
    settings: { "fimble.experimental.nextEdit": true, "editor.inlineSuggest.enabled": false },
    files: { ...Object.fromEntries(names.map((name) => [`${name}.py`, BODY])), "far.py": FAR, "off.py": BODY },
  });
  window = await bench.ready("apply.py");
});

afterEach(() => window?.picture(`last-${window.name}`));
after(() => bench?.close());

/** Renames the variable at its definition. */
async function rename(name = "amount") {
  for (const key of ["Control+Home", "ArrowDown", "Home", "Control+Shift+ArrowRight"]) await window.press(key);
  await window.type(name);
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
  await until(`an edit at ${place}`, async () => (await window.statusText())?.includes(`⇥ ${place}`));
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
  await rename();
  await waitFor("line 3");
  await window.press("Tab");
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === renamed(2));
  await window.press("Control+z");
  assert.equal(await window.saved(), renamed(1));
});

test("an edit that is not on the screen is announced at the cursor", async () => {
  await window.edit("far.py");
  await rename();
  await waitFor("line 83");
  assert.ok((await drawn()).includes("⇥ Tab: line 83"), String(await drawn()));
  await window.press("Tab");
  await until("the cursor to jump", async () => (await window.cursor()).startsWith("Ln 83"));
  await window.press("Tab");
  await until("the edit applied", async () => (await window.saved()) === renamed(2, FAR));
});

test("Escape sends it away, and Tab is the editor's then", async () => {
  await window.edit("dismiss.py");
  await rename();
  await waitFor("line 3");
  await window.press("Escape");
  await waitNone();
  await window.press("Home");
  await window.press("Tab");
  assert.equal(await window.saved(), renamed(1).replace("    amount", "        amount"));
});

test("text that is only inserted behind the cursor is a suggestion of the editor", async () => {
  bench.set({ "fimble.experimental.nextEdit": true });
  await window.edit("ghost.py");
  await rename("total_2");
  for (const key of ["ArrowDown", "Home"]) await window.press(key);
  await window.press("Escape");
  assert.equal(await window.shown(), "_2");
  await window.press("Tab");
  await window.hidden();
  assert.equal(await window.saved(), renamed(2, BODY, "total_2"));
});

test("without the setting there is none", async () => {
  bench.set({ "editor.inlineSuggest.enabled": false });
  await window.edit("off.py");
  await rename();
  // A setting takes a moment; what was asked before is answered by then.
  assert.equal(await window.saved(), renamed(1));
  await waitNone();
});
