// A session that is recorded. Invariant: the server's record tells what it did; no test knows what a model says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { LINES, START } from "./texts.mjs";
import { BENCH, ROOT, until, Workbench } from "./workbench.mjs";

let bench;
let window;

before(async () => {
  bench = await Workbench.start({ files: { "record.py": LINES } });
  window = await bench.ready("record.py");
});
afterEach(() => window?.picture("last-session"));
after(() => bench?.close());

const traces = (name) => bench.traces().filter((trace) => trace.document === name);

/** Starts the recording of a session into the file that is proposed. */
async function record(file) {
  await window.command("Fimble: Record a Session");
  const widget = window.page.locator(".quick-input-widget", { hasText: "Record what is typed" });
  // While the dialog looks at its folder it takes no key, and writes over what was typed.
  await until("the proposed file", async () => (await widget.locator("input").first().inputValue()) === file);
  await until("the dialog to take it", async () => {
    if (await widget.isHidden()) return true;
    await window.press("Enter");
    return widget.waitFor({ state: "hidden", timeout: 1000 }).then(() => true, () => false);
  });
  await until("the recording", () => existsSync(file));
  await window.status("zap");
  await window.toEnd();
}

test("a session is recorded into the chosen file until its server ends, and is one that can be played", async () => {
  const file = join(bench.base, "home/fimble-session.jsonl");
  // The last line may be half written.
  const events = () => readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
  // The editor holds other files open than those that are seen, such as its settings.
  const isOurs = (name) => name?.endsWith("record.py");
  const typed = () => {
    let name;
    return events().map((event) => {
      name = event.open?.file ?? event.switch ?? name;
      return isOurs(name) && event.change ? event.change.text : "";
    }).join("");
  };
  await record(file);
  await window.type(START);
  await window.shown();
  assert.equal(events().find((event) => isOurs(event.open?.file))?.open.text, LINES);
  await window.press("Escape");
  // Once more the command ends it.
  await window.command("Fimble: Record a Session");
  assert.match(await window.message("The session is in"), /session\.jsonl/);
  // The keys of a line are held until the cursor leaves it, or until the recording ends: a secret shows only at its end.
  await until("what was typed in the file", () => typed() === START);
  await window.status("zap");
  const played = spawnSync(BENCH, ["replay", "--fast", file], { env: bench.environment, encoding: "utf8" });
  assert.equal(played.status, 0, played.stdout + played.stderr);
  // A server that dies ends it too, and the next one serves.
  rmSync(file);
  await record(file);
  const killed = bench.servers();
  killed.forEach((pid) => process.kill(pid, "SIGKILL"));
  await until("another server", () => bench.servers().length === 1 && !killed.includes(bench.servers()[0]));
  await window.status("zap");
  const n_recorded = events().length;
  await window.toEnd();
  await window.type("u");
  await until("a question", () => traces("record.py").at(-1)?.character === START.length + 1);
  assert.equal(events().length, n_recorded);
});
