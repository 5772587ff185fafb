// Suggestions as somebody meets them who types: shown, accepted whole and in parts, typed through, dismissed, undone.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { BLOCKS, HEAD, LINES, START, UMLAUT_START, UMLAUTS } from "./texts.mjs";
import { until, Workbench } from "./workbench.mjs";

let bench;
let window;

before(async () => {
  const names = ["whole", "word", "through", "dismiss", "along", "undo", "bracket", "menu", "next"];
  const files = Object.fromEntries(names.map((name) => [`${name}.py`, LINES]));
  bench = await Workbench.start({
    settings: { "editor.wordBasedSuggestions": "currentDocument" },
    files: {
      ...files,
      "line.py": BLOCKS,
      "umlaut.py": UMLAUTS,
      "crlf.py": (UMLAUTS + BLOCKS).replaceAll("\n", "\r\n"),
    },
  });
  window = await bench.ready("whole.py");
});

// What was on the screen tells more than the error.
afterEach(() => window?.picture(`last-${window.name}`));
after(() => bench?.close());

test("a suggestion is shown behind the cursor, and Tab puts exactly that on the disk", async () => {
  await window.type(START);
  const ghost = await window.shown();
  await window.picture("shown");
  await window.press("Tab");
  await window.hidden();
  assert.equal(await window.saved(), LINES + START + ghost);
});

test("the next word is accepted alone, and the rest stays", async () => {
  await window.edit("word.py");
  await window.type(START);
  const ghost = await window.shown();
  await window.press("Control+ArrowRight");
  await until("a shorter suggestion", async () => {
    const rest = await window.ghost();
    return rest.length < ghost.length;
  });
  const text = await window.saved();
  assert.ok(text.length > (LINES + START).length, "something was accepted");
  assert.ok((LINES + START + ghost).startsWith(text), text);
});

test("the next line is accepted alone", async () => {
  await window.edit("line.py");
  await window.type(HEAD);
  const ghost = await window.shown();
  const [line] = ghost.split("\n");
  const text = async () => (await window.saved()).slice(BLOCKS.length + HEAD.length);
  await window.press("Control+Alt+l");
  // What stands on the page may be shorter by the indentation that the editor wrote already.
  await until("the line accepted", async () => (await text()).includes(line.trim()));
  const lines = ghost.split("\n").length;
  assert.ok((await text()).trimEnd().split("\n").length <= Math.max(1, lines - 1), await text());
});

test("typing what is suggested keeps it without the model", async () => {
  await window.edit("through.py");
  await window.type(START);
  const ghost = await window.shown();
  const typed = /^\w{1,3}/.exec(ghost)?.[0] ?? ghost[0];
  const at = LINES.split("\n").length - 1;
  for (let n = 1; n <= typed.length; n++) {
    await window.type(typed[n - 1]);
    await until("the rest of the suggestion", async () => (await window.ghost()) === ghost.slice(n));
  }
  const end = START.length + typed.length;
  const here = () => bench.traces().filter((trace) => trace.document === "through.py" && trace.line === at && trace.character > START.length);
  await until("the server's record of the last key", () => here().some((trace) => trace.character === end));
  const paths = here().map((trace) => trace.path);
  assert.ok(paths.every((path) => !path.startsWith("model")), paths.join());
  assert.equal(await window.saved(), LINES + START + typed);
});

test("Escape sends it away, and it stays away from that place", async () => {
  await window.edit("dismiss.py");
  await window.type(START);
  await window.shown();
  await window.press("Escape");
  await window.hidden();
  const asked = () => bench.traces().filter((trace) => trace.document === "dismiss.py");
  const here = () => asked().filter((trace) => trace.character === START.length);
  // The trace may reach the log after the screen shows the suggestion.
  await until("the first question about the place", () => here().length > 0);
  const n_before = here().length;
  // Another letter and back: the editor asks about the same place again.
  await window.type("q");
  await window.press("Backspace");
  await until("another question about the place", () => here().length > n_before);
  await window.hidden();
  assert.equal(here().at(-1).decision.reason, "dismissed", JSON.stringify(asked()));
  assert.equal(await window.saved(), LINES + START);
});

test("what was sent away does not come back while it is typed", async () => {
  await window.edit("along.py");
  await window.type(START);
  const dismissed = await window.shown();
  await window.press("Escape");
  await window.hidden();
  const typed = dismissed.slice(0, 3);
  for (let n = 1; n <= typed.length; n++) {
    await window.type(typed[n - 1]);
    const here = () => bench.traces().filter((trace) => trace.document === "along.py" && trace.character === START.length + n);
    const trace = await until("a question about the place", () => here().at(-1));
    // Something else may come: the model may have learned of another line meanwhile.
    if (trace.decision.kind === "shown") {
      const [shown, left] = [await window.shown(), dismissed.slice(n)];
      assert.ok(!shown.startsWith(left) && !left.startsWith(shown), `${shown}, ${left}`);
      await window.press("Escape");
      await window.hidden();
    }
  }
  assert.equal(await window.ghost(), "");
  assert.equal(await window.saved(), LINES + START + typed);
});

test("what was accepted is undone in one step", async () => {
  await window.edit("undo.py");
  await window.type(START);
  const ghost = await window.shown();
  await window.press("Tab");
  await window.hidden();
  assert.equal(await window.saved(), LINES + START + ghost);
  await window.press("Control+z");
  assert.equal(await window.saved(), LINES + START);
});

test("a bracket that the editor closed is neither doubled nor lost", async () => {
  await window.edit("bracket.py");
  await window.type("fifth_value = compute_value(");
  await window.shown();
  await window.press("Tab");
  await window.hidden();
  const line = (await window.saved()).slice(LINES.length).split("\n")[0];
  const count = (mark) => line.split(mark).length;
  assert.equal(count("("), count(")"), line);
});

test("characters of several bytes before the cursor move nothing", async () => {
  await window.edit("umlaut.py");
  await window.type(UMLAUT_START);
  const ghost = await window.shown();
  await window.press("Tab");
  await window.hidden();
  assert.equal(await window.saved(), UMLAUTS + UMLAUT_START + ghost);
});

test("a file with CR LF keeps them", async () => {
  await window.edit("crlf.py");
  await window.type(HEAD);
  const ghost = await window.shown();
  await window.press("Tab");
  await window.hidden();
  const text = await window.saved();
  assert.ok(!/[^\r]\n/.test(text) && !/\r[^\n]/.test(text), JSON.stringify(text.slice(-200)));
  assert.ok(text.includes(ghost.split("\n")[0].trim()), text);
});

test("the item that is selected in the popup is what a suggestion goes on from", async () => {
  await window.edit("menu.py");
  await window.type("fifth_value = comp");
  await window.press("Control+Space");
  const row = window.page.locator(".suggest-widget.visible .monaco-list-row.focused");
  await row.waitFor();
  const item = (await row.getAttribute("aria-label")).split(",")[0].trim();
  // It is longer than the item: nobody but the model goes on from there.
  const goesOn = async () => {
    const ghost = await window.ghost();
    return `comp${ghost}`.startsWith(item) && `comp${ghost}` !== item;
  };
  await until(`a suggestion that goes on from ${item}`, goesOn);
  await window.picture("popup");
  await window.press("Enter");
  await row.waitFor({ state: "hidden" });
  assert.equal(await window.saved(), `${LINES}fifth_value = ${item}`);
});

test("up to three suggestions are cycled through, and the first one is shown at once", async () => {
  await window.edit("next.py");
  await window.type(START);
  const first = await window.shown();
  // Who points at it asks for others. Until they have come, and then still, the first one stands there.
  await window.page.locator(".ghost-text-decoration").first().hover();
  const counter = window.page.locator(".monaco-hover .availableSuggestionCount").first();
  const [, n] = await until("how many there are", async () => /^1\/([23])$/.exec((await counter.textContent({ timeout: 100 }).catch(() => "")).trim()));
  await window.picture("counted");
  assert.equal(await window.ghost(), first);
  const seen = [first];
  while (seen.length < Number(n)) {
    await window.press("Alt+]");
    seen.push(await until("another suggestion", async () => {
      const ghost = await window.ghost();
      return ghost && !seen.includes(ghost) && ghost;
    }));
  }
  await window.press("Alt+]");
  await until("the first one again", async () => (await window.ghost()) === first);
  await window.press("Alt+[");
  await until("the last one", async () => (await window.ghost()) === seen.at(-1));
  await until("the record of a question on purpose", () => bench.traces().some((trace) => trace.document === "next.py" && trace.trigger === "invoked"));
  await window.press("Tab");
  await window.hidden();
  assert.equal(await window.saved(), LINES + START + seen.at(-1));
});
