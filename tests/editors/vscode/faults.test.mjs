// What goes wrong: processes that die, settings that are no good, binaries that are missing or foreign. Invariant: one message
// that says what to do, and the text is safe.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LINES, START } from "./texts.mjs";
import { BINARY, PICTURES, ROOT, RUNTIME_HOME, until, Workbench } from "./workbench.mjs";

const FILES = { "a.py": LINES, "b.py": LINES };
let folder;

before(() => (folder = mkdtempSync(join(tmpdir(), "fimble-faults-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `check` in a window of a workbench of its own. */
async function within(options, check) {
  const bench = await Workbench.start({ files: FILES, ...options });
  try {
    await check(bench, await bench.open("a.py"));
  } catch (error) {
    await bench.page?.screenshot({ path: join(PICTURES, "vscode-failed.png") }).catch(() => {});
    throw error;
  } finally {
    await bench.close();
  }
}

function extensionVersion() {
  return JSON.parse(readFileSync(join(ROOT, "editors/vscode/package.json"), "utf8")).version;
}

function script(name, text) {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("two windows have a server each; one that is killed comes back, and the text is safe", () =>
  within({}, async (bench, window) => {
    await window.status("zap");
    const other = await bench.openAnother("b.py");
    await other.status("zap");
    assert.equal(bench.servers().length, 2);
    for (const each of [other, window]) {
      await each.page.bringToFront();
      await each.toEnd();
      await each.type(START);
      await each.shown();
    }
    const killed = bench.servers();
    killed.forEach((pid) => process.kill(pid, "SIGKILL"));
    await until("new servers", () => bench.servers().length === 2 && bench.servers().every((pid) => !killed.includes(pid)));
    await window.press("Enter");
    await window.status("zap");
    const line = "sixth_value = comp";
    await window.type(line);
    const ghost = await window.shown();
    await window.press("Tab");
    await window.hidden();
    assert.equal(await window.saved(), `${LINES}${START}\n${line}${ghost}`);
    await other.page.bringToFront();
    assert.equal(await other.saved(), LINES + START);
  }));

test("a server that keeps ending is told once, and its button starts it again", () =>
  within({}, async (bench, window) => {
    const killed = [];
    for (let time = 0; time < 4; time++) {
      // In this order: the icon is that of the new one as soon as there is one.
      await until("a new server", () => bench.servers().length === 1 && !killed.includes(bench.servers()[0]));
      await window.status("zap");
      killed.push(...bench.servers());
      process.kill(killed.at(-1), "SIGKILL");
      await until("its end", () => !bench.servers().includes(killed.at(-1)));
    }
    const said = "ended 4 times";
    assert.match(await window.message(said), /is not started again/);
    assert.equal((await window.ourMessages()).length, 1);
    await window.status("error");
    await window.answer(said, "Restart");
    await window.status("zap");
    await window.toEnd();
    await window.type(START);
    await window.shown();
  }));

test("a setting that is no good is told, and the rest works", () =>
  within({ workspace: { "fimble.experimental.maxLines": "many" } }, async (_, window) => {
    const message = await window.message("fimble.experimental.maxLines");
    assert.match(message, /whole number from 1 to 100/);
    await window.status("zap");
    await window.toEnd();
    await window.type(START);
    await window.shown();
  }));

test("a binary that cannot serve is one message that names the setting, and another version is told and used", () => {
  const version = (number) => `[ "$1" = --version ] && exec echo 'fimble ${number}'`;
  const real = `exec '${BINARY}' "$@"`;
  const steps = [
    [join(folder, "missing"), "there is no such file", /fimble\.server\.path/, "error"],
    [script("foreign", "echo something else"), "something else", /fimble\.server\.path/, "error"],
    [script("broken", "exit 3"), "it said nothing", /fimble\.server\.path/, "error"],
    [script("dying", `${version(extensionVersion())}\nexit 3`), "dying", /log|did not start/, "error"],
    [script("mute", `${version(extensionVersion())}\ncat > /dev/null`), "mute did not answer", /log|fimble\.server\.path/, "error"],
    [script("old", `${version("0.0.1")}\n${real}`), "version 0.0.1", /same version/, "zap"],
  ];
  const setting = ([path]) => ({ "fimble.server.path": path });
  return within({ settings: setting(steps[0]) }, async (bench, window) => {
    for (const step of steps) {
      const [, said, remedy, icon] = step;
      // In the open window: an editor that starts anew may go on with the setting before, which it remembered.
      bench.set(setting(step));
      // It also overlooks changes of the file that follow others closely: saved again, they are seen.
      const again = setInterval(() => bench.set(setting(step)), 10_000);
      try {
        assert.match(await window.message(said), remedy);
      } finally {
        clearInterval(again);
      }
      await window.status(icon);
      // Nothing but sentences of ours. The editor may go back to the setting before for a moment, which is told again.
      const told = await window.ourMessages();
      assert.equal(told.filter((text) => text.includes(said)).length, 1, JSON.stringify(told));
      assert.ok(told.every((text) => steps.some(([, other]) => text.includes(other))), JSON.stringify(told));
      // The editor shows three at a time, and errors with buttons stay.
      await until("no messages", async () => {
        if ((await window.ourMessages()).length === 0) return true;
        await window.command("Notifications: Clear All Notifications");
        return false;
      });
    }
    await window.toEnd();
    await window.type(START);
    await window.shown();
    assert.equal(await window.saved(), LINES + START);
  });
});

test("without ONNX Runtime one message says how to get it, and its button does that", () =>
  within({ withRuntime: false }, async (bench, window) => {
    const said = "ONNX Runtime is not installed";
    assert.match(await window.message(said), /fimble setup/);
    assert.equal(await window.messages(said), 1);
    await window.status("error");
    // What would be fetched is there by the time somebody presses it.
    symlinkSync(join(RUNTIME_HOME, "runtime"), join(bench.base, "fimble/runtime"));
    await window.answer(said, "Install ONNX Runtime");
    await window.status("zap");
    await window.toEnd();
    await window.type(START);
    await window.shown();
  }));

test("a package for another platform refuses a binary of this one, and any refuses what is no program", () => {
  const pack = (...args) => spawnSync("npm", ["run", "package", "--", ...args, "--out", join(folder, "x.vsix")], { cwd: join(ROOT, "editors/vscode"), encoding: "utf8" });
  const other = pack("--target", "win32-x64", "--binary", BINARY);
  assert.match(other.stderr, /is a program for linux-x64, not for win32-x64/);
  const none = pack("--target", "linux-x64", "--binary", script("no-program", "exit 0"));
  assert.match(none.stderr, /no platform that is known/);
  assert.ok(!existsSync(join(folder, "x.vsix")));
});

test("an editor that is too old refuses the package and says why", async () => {
  const bench = await Workbench.start({ files: FILES });
  try {
    const file = join(folder, "future.vsix");
    const repack =
      "import sys, zipfile\n" +
      "with zipfile.ZipFile(sys.argv[1]) as old, zipfile.ZipFile(sys.argv[2], 'w') as new:\n" +
      "    for name in old.namelist():\n" +
      "        if not name.startswith('extension/server'):\n" +
      "            new.writestr(name, old.read(name).replace(b'^1.91.0', b'^9.91.0'))\n";
    const packed = spawnSync("python3", ["-c", repack, join(PICTURES, "fimble-linux-x64.vsix"), file], { encoding: "utf8" });
    assert.equal(packed.status, 0, packed.stderr);
    const refused = bench.install(file);
    assert.match(refused.stdout + refused.stderr, /not compatible/);
  } finally {
    await bench.close();
  }
});
