// Messages to the user, for each state and each error.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { editorFault, isOlder, keepsEnding, neverAnswered, noBinary, notFimble, otherVersion, remedies, serverSettings, statisticsPage, statusItem, versionIn } from "./words";

const nothing = { status: undefined, fault: undefined, isWorking: false, disabledHere: undefined };

test("each state has an icon of its own, and faults say why", () => {
  const ready = { state: "ready", model: "m", provider: "CPU" } as const;
  assert.equal(statusItem(nothing).icon, "loading~spin");
  assert.equal(statusItem({ ...nothing, status: ready }).icon, "zap");
  assert.equal(statusItem({ ...nothing, status: ready, isWorking: true }).icon, "sync~spin");
  assert.match(statusItem({ ...nothing, status: ready, disabledHere: "off for this file." }).tooltip, /off for this file/);
  assert.equal(statusItem({ ...nothing, status: { state: "disabled" } }).icon, "circle-slash");
  const loading = statusItem({ ...nothing, status: { state: "loading", message: "reading", fraction: 0.456 } });
  assert.equal(loading.text, "Fimble 46 %");
  assert.match(loading.tooltip, /reading/);
  const failed = statusItem({ ...nothing, status: { state: "failed", reason: "Run fimble setup." } });
  assert.ok(failed.isError);
  assert.match(failed.tooltip, /Run fimble setup/);
  assert.equal(statusItem({ ...nothing, fault: "It is gone." }).tooltip, "It is gone.");
});

test("the place of the next edit is in the status bar", () => {
  const shown = statusItem({ ...nothing, status: { state: "ready", model: "m" }, nextEdit: "b.py:42" });
  assert.equal(shown.text, "Fimble ⇥ b.py:42");
  assert.match(shown.tooltip, /next edit is at b\.py:42/);
});

test("code that leaves the machine, and what is otherwise than the settings say, is seen", () => {
  const away = { state: "ready", model: "m", provider: "host:80", remote: true, notices: ["The server x is down."] } as const;
  const shown = statusItem({ ...nothing, status: { ...away, notices: [...away.notices] } });
  assert.equal(shown.text, "Fimble (remote)");
  assert.match(shown.tooltip, /m on host:80\nCode goes to another machine.*\nThe server x is down\./);
});

test("a model that answers for another one is named with it", () => {
  const ready = { state: "ready", model: "bundled", provider: "CPU" } as const;
  const loading = statusItem({ ...nothing, status: { ...ready, wanted: { model: "large", state: "loading", message: "reading", fraction: 0.5 } } });
  assert.deepEqual([loading.icon, loading.text], ["zap", "Fimble 50 %"]);
  assert.equal(loading.tooltip, "Fimble: bundled on CPU\nlarge is being loaded: reading 50 %");
  assert.equal(statusItem({ ...nothing, status: { ...ready, wanted: { model: "large", state: "loading" } } }).tooltip, "Fimble: bundled on CPU\nlarge is being loaded");
  const failed = statusItem({ ...nothing, status: { ...ready, wanted: { model: "large", state: "failed", reason: "It is gone. Add it." } } });
  assert.deepEqual([failed.icon, failed.isError], ["warning", false]);
  assert.match(failed.tooltip, /large could not be loaded: It is gone\. Add it\./);
});

test("versions are compared by number, and an old editor is told what to do", () => {
  assert.ok(isOlder("1.9.0", "1.91.0") && isOlder("0.99.99", "1.0.0"));
  assert.ok(!isOlder("1.91.0", "1.91.0") && !isOlder("1.100.1-insider", "1.91.0"));
  assert.match(editorFault("1.70.2") ?? "", /1\.91\.0 or newer, and this is 1\.70\.2\. Update/);
  assert.equal(editorFault("1.139.1"), undefined);
});

test("every fault of the binary names it and the setting", () => {
  const messages = [
    noBinary("/x", true, "there is no such file"),
    noBinary("/x", false, "there is no such file"),
    notFimble("/x", "ls (GNU coreutils) 9.1\nmore"),
    otherVersion("/x", "0.0.9", "0.1.0") ?? "",
  ];
  for (const message of messages) assert.match(message, /\/x.*fimble\.server\.path/);
  assert.match(messages[2] ?? "", /"ls \(GNU coreutils\) 9\.1"/);
  assert.equal(otherVersion("/x", "0.1.0", "0.1.0"), undefined);
  assert.match(keepsEnding("/x", 4), /4 times/);
  assert.match(neverAnswered("/x", 20_000), /\/x did not answer within 20 seconds/);
  assert.equal(versionIn("fimble 0.1.0\n"), "0.1.0");
  assert.equal(versionIn("ls 9.1\n"), undefined);
});

test("what an error asks to do in a shell is a command of the editor", () => {
  assert.deepEqual(remedies({ code: "runtime-missing" }), [{ title: "Install ONNX Runtime", command: "fimble.setUp" }]);
  assert.deepEqual(remedies({ code: "internal-error" }).map(({ command }) => command), ["fimble.doctor"]);
  assert.deepEqual(remedies({ code: "disk-full" }), []);
  assert.deepEqual(remedies(undefined), []);
});

test("each code that has a command of the editor is one of the server", () => {
  const page = readFileSync("../../docs/troubleshooting.md", "utf8");
  const named = [...readFileSync("src/words.ts", "utf8").matchAll(/case "([a-z-]+-[a-z-]+)":/g)].map((match) => match[1]);
  assert.ok(named.length >= 5);
  for (const code of named) assert.ok(page.includes(`| \`${code}\` |`), code);
});

test("the extension's own settings do not go to the server, and no default of an experimental one", () => {
  const isSet = (key: string) => key === "experimental.maxLines";
  const section = { server: { path: "/x" }, languages: { disabled: [] }, threads: 2 };
  assert.deepEqual(serverSettings({ ...section, experimental: { maxLines: 3, heal: true } }, isSet), {
    languages: { disabled: [] },
    threads: 2,
    experimental: { maxLines: 3 },
  });
  assert.deepEqual(serverSettings(section, isSet), { languages: { disabled: [] }, threads: 2 });
  assert.deepEqual(serverSettings({ experimental: "x" }, isSet), { experimental: "x" });
});

test("the statistics name what was counted", () => {
  const page = statisticsPage({ state: "ready", version: "0.1.0", model: "m", provider: "CPU", requests: 1234, tokens: { decoded: 5 } });
  assert.match(page, /\| requests \| 1,234 \|/);
  assert.match(page, /\| tokens written \| 5 \|/);
});
