// A suggestion that is shown while the model writes it, with a model server that goes on as the test says. Invariant: what is
// shown first is a part of what is shown then; nobody has to press a key for the rest.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ROOT, until, Workbench } from "./workbench.mjs";

const WAIT = { do: "wait" };
const FUNCTION = "def read_third(path):\n   ";
const FIRST = "with open(path) as file:\n        lines = file.readlines()\n";
const REST = "    return lines[2]\n";
const BUDGET_MS = 100;

let bench;
let window;
let server;
let address;

before(async () => {
  // Two questions are asked while a model is loaded, of which one tells how fast it is.
  const answers = JSON.stringify([["x"], ["x"], [WAIT, FIRST, WAIT, REST]]);
  server = spawn("python3", [`${ROOT}/tests/editors/chat_server.py`, answers], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((settle) => server.stdout.once("data", (data) => settle(String(data).trim())));
  address = `http://127.0.0.1:${port}`;
  bench = await Workbench.start({
    files: { "partial.py": FUNCTION },
    settings: {
      "fimble.model": `openai:script@${address}`,
      "fimble.budgetMs": BUDGET_MS,
      "fimble.minConfidence": 0,
      "fimble.lookAhead": "never",
    },
  });
  window = await bench.ready("partial.py");
});
afterEach(() => window?.picture("last-partial"));
after(async () => {
  await bench?.close();
  server?.stdin.end();
});

const questions = async () => (await (await fetch(`${address}/test/state`)).json()).questions;
const goOn = () => fetch(`${address}/test/go`, { method: "POST" });

test("the rest of a block follows what was shown in time", async () => {
  await window.type(" ");
  await until("a question", async () => (await questions()).some((question) => question.includes("read_third")));
  // What comes once a part of the budget is used up is shown at once.
  await pause(BUDGET_MS);
  await goOn();
  const first = await window.shown();
  // The editor draws the words of further lines apart.
  assert.ok(first.includes("with open(path) as file:") && !first.includes("return"), first);
  await goOn();
  await until("the rest", async () => (await window.ghost()).replace(/\s/g, "").includes("returnlines[2]"));
  await window.press("Tab");
  assert.equal((await window.saved()).trimEnd(), `${FUNCTION} ${FIRST}${REST}`.trimEnd());
});
