// The status bar's item, its menu, and the pages. Invariant: what is switched off is off at once, and comes back.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { LINES, START } from "./texts.mjs";
import { until, Workbench } from "./workbench.mjs";

let bench;
let window;

before(async () => {
  const settings = { "terminal.integrated.gpuAcceleration": "off" };
  bench = await Workbench.start({ files: { "a.py": LINES, "b.py": LINES }, settings });
  window = await bench.ready("a.py");
});
afterEach(() => window?.picture("last-menu"));
after(() => bench?.close());

/** Chooses a line of the menu behind the status bar's item. */
async function choose(label) {
  await window.page.locator('.statusbar-item[id="fimble.fimble.fimble.status"] a').click();
  await window.pick(label);
}

test("suggestions are switched off and on again for a file, for a language, everywhere", async () => {
  for (const where of ["for this file", "for python", "everywhere"]) {
    await choose(`Disable ${where}`);
    await window.status("circle-slash");
    await window.toEnd();
    await window.type(START);
    await window.press("Alt+\\");
    assert.equal(await window.saved(), LINES + START);
    assert.equal(await window.ghost(), "", where);
    await choose(`Enable ${where}`);
    await window.status("zap");
    await window.toEnd();
    await window.press("Alt+\\");
    await window.shown();
    await window.picture("menu-on");
    await window.press("Escape");
    for (let n = 0; n < START.length; n++) await window.press("Backspace");
    await window.hidden();
  }
});

test("another file is not off with the first", async () => {
  await choose("Disable for this file");
  await window.status("circle-slash");
  await window.edit("b.py");
  await window.status("zap");
  await window.type(START);
  await window.shown();
});

test("work that takes long is seen, and a restart gets rid of a server that hangs", async () => {
  await window.edit("b.py");
  await window.press("End");
  const [hanging] = bench.servers();
  process.kill(hanging, "SIGSTOP");
  await window.type("x");
  await window.status("sync");
  process.kill(hanging, "SIGCONT");
  await window.status("zap");
  process.kill(hanging, "SIGSTOP");
  await window.command("Fimble: Restart the Server");
  await until("another server alone", () => bench.servers().length === 1 && bench.servers()[0] !== hanging);
  await window.status("zap");
});

test("the log, the doctor and the walkthrough are there", async () => {
  await choose("Open the log");
  const log = window.page.locator(".part.panel .view-lines");
  await until("the log", async () => (await log.allInnerTexts()).join().replaceAll("\u00a0", " ").includes("starting "));
  await choose("Run the doctor");
  const terminal = window.page.locator(".terminal-wrapper .xterm-rows");
  await until("what the doctor says", async () => (await terminal.allInnerTexts()).join().replaceAll("\u00a0", " ").includes("Everything works"));
  await window.command("Welcome: Open Walkthrough");
  await window.pick("Start with Fimble");
  await window.page.locator(".getting-started-step", { hasText: "Type, and accept" }).first().waitFor();
});

test("why and statistics open a page", async () => {
  for (const [command, tab] of [["Fimble: Why This Suggestion, or None?", "Why.md"], ["Fimble: Statistics", "Statistics.md"]]) {
    await window.command(command);
    await until(`the page ${tab}`, () => window.page.locator(".tab", { hasText: tab }).count());
  }
});
