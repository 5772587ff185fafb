// Explanations and refactorings, with a chat server that answers as the test says. Invariant: nothing is written that was not
// answered whole and confirmed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { FUNCTION, SHORTER } from "./texts.mjs";
import { ROOT, until, Workbench } from "./workbench.mjs";

const WAIT = { do: "wait" };
const PAGE = { do: "page" };
const EXPLANATION = ["<think>SECRET</think>", "It **sums**", WAIT, " the rows."];
const REFACTORED = ["```python\n", SHORTER, "```\n"];

let bench;
let window;
let server;
let address;

before(async () => {
  const answers = JSON.stringify([REFACTORED, [PAGE], [PAGE], EXPLANATION]);
  server = spawn("python3", [`${ROOT}/tests/editors/chat_server.py`, answers], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((settle) => server.stdout.once("data", (data) => settle(String(data).trim())));
  address = `http://127.0.0.1:${port}`;
  bench = await Workbench.start({
    files: { "explain.py": FUNCTION, "edit.py": FUNCTION, "broken.py": FUNCTION },
    settings: { "fimble.chat": `openai:script@${address}` },
  });
  window = await bench.ready("edit.py");
});
afterEach(() => window?.picture("last-actions"));
after(async () => {
  await bench?.close();
  server?.stdin.end();
});

const questions = async () => (await (await fetch(`${address}/test/state`)).json()).questions;

/** Chooses a code action in the last line. The server may have to be found first: until then it is not in the menu. */
async function choose(title) {
  await window.press("ArrowUp");
  const row = window.page.locator(".action-widget .monaco-list-row:not(.option-disabled)", { hasText: title }).first();
  await until(`the action ${title}`, async () => {
    await window.press("Control+.");
    for (let n = 0; n < 50; n++) {
      if (await row.isVisible()) return true;
      await pause(20);
    }
    await window.press("Escape");
    return false;
  });
  await row.click();
}

/** All words on the page and in its frames: an explanation is rendered where the editor has its Markdown extension. */
async function words() {
  const texts = window.page.frames().map((frame) => frame.evaluate(() => document.body?.innerText ?? "").catch(() => ""));
  return (await Promise.all(texts)).join(" ").replace(/[\s*]+/g, " ");
}

test("an edit is shown, applied when it is confirmed, and taken back by undo", async () => {
  await choose("Simplify");
  const panel = window.page.locator(".bulk-edit-panel");
  // Nothing is ticked before somebody has looked at it.
  await panel.locator(".edit-checkbox").first().click();
  assert.equal((await panel.locator(".highlight.insert").innerText()).trim().slice(0, 16), "return sum(rows)");
  assert.equal(bench.read("edit.py"), FUNCTION);
  await panel.getByText("Apply", { exact: true }).first().click();
  await until("the edit", async () => (await window.page.locator(".tab.dirty", { hasText: "edit.py" }).count()) > 0);
  await window.toEnd();
  assert.equal(await window.saved(), SHORTER);
  await window.press("Control+z");
  await until("the undo", async () => (await window.page.locator(".tab.dirty", { hasText: "edit.py" }).count()) > 0);
  assert.equal(await window.saved(), FUNCTION);
});

test("a server that answers with a page is told, and nothing is written", async () => {
  await window.edit("broken.py");
  await window.press("ArrowUp");
  await window.command("Fimble: Refactor");
  await window.page.locator(".action-widget .monaco-list-row", { hasText: "Simplify" }).first().click();
  assert.match(await window.message("text/html"), /no answer of a model server/);
  assert.equal(await window.saved(), FUNCTION);
});

// Last, because it stays open beside the code.
test("an explanation grows beside the code", async () => {
  await window.edit("explain.py");
  await window.press("ArrowUp");
  await until("the question", async () => {
    // The server that answered with a page is not asked for a while, which is said where the cursor is.
    await window.command("Fimble: Explain This Code");
    for (let n = 0; n < 150; n++) {
      if ((await questions()).at(-1).includes("Explain `total`")) return true;
      await pause(20);
    }
    return false;
  });
  await until("the first half", async () => (await words()).includes("It sums"));
  assert.ok(!(await words()).includes("the rows."));
  await fetch(`${address}/test/go`, { method: "POST" });
  await until("all of it", async () => (await words()).includes("It sums the rows."));
  await until("who said it", async () => (await words()).includes("script"));
  assert.ok(!(await words()).includes("SECRET"));
  await window.picture("explained");
  assert.equal(bench.read("explain.py"), FUNCTION);
});
