// The child process, with scripts instead of the program.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Cancelled, type CommandError, runModelCommand } from "./modelProcess";
import type { Progress } from "./models";

const folder = mkdtempSync(join(tmpdir(), "fimble-model-"));
after(() => rmSync(folder, { recursive: true }));

function script(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("progress comes line by line, other lines are output, and the last line names what was added", async () => {
  const program = script("get", `echo '{"step":"downloading"}'
printf '{"done":1,'; printf '"total":2}\\n'
echo "for people"; echo '{"other":1}'
printf '{"added":"big","lines":["It fits."]}'`);
  const news: Progress[] = [];
  const outcome = await runModelCommand(program, ["x"], { onProgress: (progress) => news.push(progress) });
  assert.deepEqual(news, [{ step: "downloading" }, { done: 1, total: 2 }]);
  assert.deepEqual(outcome, { output: 'for people\n{"other":1}\n', added: { added: "big", lines: ["It fits."] } });
});

test("an error is what the program wrote, and a missing program is named", async () => {
  const program = script("fails", 'echo "fimble: There is no model $3. Ask for another." >&2; exit 1');
  await assert.rejects(runModelCommand(program, ["model", "get", "x"]), /^Error: Fimble: There is no model x\. Ask for another\.$/);
  await assert.rejects(runModelCommand(join(folder, "missing"), []), /missing cannot be started/);
});

test("an error as data goes along with what the program wrote", async () => {
  const program = script("codes", `echo '{"error":{"code":"disk-full","cause":"x","remedy":"y"}}'; echo "fimble: x. y" >&2; exit 1`);
  await assert.rejects(runModelCommand(program, []), (error: CommandError) => error.error?.code === "disk-full" && !error.message.includes("{"));
});

test("a command that is cancelled ends with what it started", { skip: process.platform === "win32" }, async () => {
  const pids = join(folder, "pids");
  const program = script("slow", `sleep 600 & echo $! > '${pids}'; echo '{"step":"on"}'; wait`);
  const cancel = new AbortController();
  const running = runModelCommand(program, [], { onProgress: () => cancel.abort(), signal: cancel.signal });
  await assert.rejects(running, Cancelled);
  const pid = readFileSync(pids, "utf8").trim();
  // Who was killed ends at its next turn, and may still be listed then, as a zombie.
  const runs = () => existsSync(`/proc/${pid}/stat`) && readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z";
  const deadline = Date.now() + 20_000;
  while (runs()) {
    assert.ok(Date.now() < deadline, `process ${pid} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await assert.rejects(runModelCommand(program, [], { signal: cancel.signal }), Cancelled);
});
