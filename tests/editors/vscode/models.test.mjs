// The choice of the model. Invariant: no test needs a network; `model list` and `model get` are those of a script, as
// `fimble model` would answer, and all else is the real program.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { LINES } from "./texts.mjs";
import { BINARY, ROOT, until, Workbench } from "./workbench.mjs";

const LETTERS = "qwxzvkjybfghdlmnprstc";
const REFUSAL = "The hub has no such file. Ask for another model.";

const fetched = (name, title, more) => ({ name, title, purpose: "for tests", licence: "Apache-2.0", nonCommercial: false, bytes: 491_400_064, recommended: false, installed: false, ...more });
const LIST = {
  active: "bundled",
  installed: [{ name: "bundled", active: true }],
  found: [{ spec: join(ROOT, "models/default"), store: "Ollama", bytes: 9_500_000, quantisation: "Q8_0", fim: true, runs: true }],
  unreadable: [],
  catalogue: [
    fetched("second", "Second 0.5B", { recommended: true }),
    fetched("broken", "Broken 1B"),
    fetched("slow", "Slow 7B"),
    fetched("unfree", "Unfree 3B", { licence: "Research", nonCommercial: true }),
  ],
};

let folder;
let bench;
let window;
let n_letters = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fimble-models-"));
  writeFileSync(join(folder, "list.json"), JSON.stringify(LIST));
  const program = join(folder, "fimble");
  writeFileSync(program, `#!/bin/sh
cd '${folder}'
[ "$1" = model ] && echo "$*" >> commands
case "$1 $2 $3" in
  "model list --json") exec cat list.json ;;
  "model get second")
    echo '{"step":"downloading Second"}'
    echo '{"done":245700032,"total":491400064,"rate":12400000,"secondsLeft":19.5}'
    while ! [ -e go ]; do sleep 0.05; done
    '${BINARY}' model add '${join(ROOT, "models/default")}' --name second --use > /dev/null || exit 1
    echo '{"added":"second","lines":["It fills in the middle."]}'
    exit ;;
  "model get slow")
    echo $$ > pid
    echo '{"step":"downloading Slow"}'
    exec sleep 600 ;;
  "model get "*)
    echo 'fimble: ${REFUSAL}' >&2
    exit 1 ;;
  "model add "*)
    '${BINARY}' model add "$3" --name found --use > /dev/null || exit 1
    echo '{"added":"found","lines":[]}'
    exit ;;
esac
exec '${BINARY}' "$@"
`);
  chmodSync(program, 0o755);
  bench = await Workbench.start({ files: { "a.py": LINES }, settings: { "fimble.model": null, "fimble.server.path": program } });
  window = await bench.ready("a.py");
});
afterEach(() => window?.picture("last-models"));
after(async () => {
  await bench?.close();
  rmSync(folder, { recursive: true, force: true });
});

const commands = () => (existsSync(join(folder, "commands")) ? readFileSync(join(folder, "commands"), "utf8").trim().split("\n") : []);

/** Types letters and takes them back until one was answered by this model. */
async function answeredBy(model) {
  await window.toEnd();
  await until(`an answer of the model ${model}`, async () => {
    const asked = bench.traces().at(-1)?.time ?? 0;
    // Each another one, so that what is known from before answers none.
    await window.type(LETTERS[n_letters++ % LETTERS.length]);
    const answer = await until("an answer", () => bench.traces().find((trace) => trace.time > asked));
    await window.press("Backspace");
    return answer.model === model;
  });
}

async function choose(label) {
  await window.command("Fimble: Choose a Model");
  await window.pick(label);
}

test("the first start offers a model by size and licence, which is fetched in sight and answers without a restart", async () => {
  const servers = bench.traces().length;
  const offer = await window.message("Second 0.5B suggests");
  assert.match(offer, /491 MB to download/);
  assert.match(offer, /Apache-2\.0/);
  await window.picture("offer");
  await window.answer("Second 0.5B suggests", "Get");
  const progress = await window.message("50 % of 491 MB");
  assert.match(progress, /getting Second 0\.5B/);
  assert.match(progress, /downloading Second: 50 % of 491 MB, 12 MB\/s, 20 s left/);
  // The bundled model goes on meanwhile.
  await answeredBy("bundled");
  writeFileSync(join(folder, "go"), "");
  await answeredBy("second");
  await window.message("It fills in the middle.");
  assert.equal(bench.settings()["fimble.model"], null);
  assert.ok(bench.traces().length > servers);
});

test("after an answer the offer never comes again", async () => {
  const used = spawnSync(BINARY, ["model", "use", "bundled"], { env: bench.environment, encoding: "utf8" });
  assert.equal(used.status, 0, used.stderr);
  const before = commands();
  window = await bench.ready("a.py");
  await answeredBy("bundled");
  assert.deepEqual(commands(), before);
  assert.equal(await window.messages("Second 0.5B suggests"), 0);
});

test("what is on the disk and what is installed is used when it is chosen", async () => {
  await choose("models/default");
  await answeredBy("found");
  await choose("bundled");
  await answeredBy("bundled");
  assert.ok(commands().includes(`model add ${join(ROOT, "models/default")} --use --progress json`));
});

test("a setting that names a model gives way to the choice", async () => {
  bench.set({ "fimble.model": "found", "fimble.server.path": join(folder, "fimble") });
  await answeredBy("found");
  await choose("bundled");
  await answeredBy("bundled");
});

test("what cannot be fetched is said in the words of the program, and nothing changes", async () => {
  await choose("Broken 1B");
  assert.match(await window.message(REFUSAL), /Fimble: The hub/);
  await answeredBy("bundled");
  await window.command("Notifications: Clear All Notifications");
});

test("a download that is cancelled ends, and says nothing", async () => {
  await choose("Slow 7B");
  await window.message("downloading Slow");
  const pid = readFileSync(join(folder, "pid"), "utf8").trim();
  await window.answer("downloading Slow", "Cancel");
  await until("the end of the download", () => !existsSync(`/proc/${pid}`));
  assert.equal(await window.messages(REFUSAL), 0);
  await answeredBy("bundled");
});

test("a licence that forbids commercial use is asked for before anything is fetched", async () => {
  const dialog = window.page.locator(".monaco-dialog-box", { hasText: "Unfree 3B (Research) forbids commercial use" });
  const asked = () => commands().filter((command) => command.startsWith("model get unfree"));
  await choose("Unfree 3B");
  await dialog.getByText("Cancel", { exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  assert.deepEqual(asked(), []);
  await choose("Unfree 3B");
  await dialog.getByText("Accept the Licence", { exact: true }).click();
  await until("the command", () => asked().length === 1);
  assert.deepEqual(asked(), ["model get unfree --use --progress json --accept-licence"]);
});
