// The display of models and of the commands that fetch them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { commandFor, failure, licenceQuestion, offer, progressText, readList, rows, size, type CatalogueModel, type ModelList } from "./models";

const small: CatalogueModel = { name: "qwen-0.5b", title: "Qwen2.5-Coder 0.5B", purpose: "quick", licence: "Apache-2.0", parameters: 494e6, bytes: 491_400_064, memoryBytes: 640e6, recommended: true };
const unfree: CatalogueModel = { name: "qwen-3b", title: "Qwen2.5-Coder 3B", licence: "Qwen Research", nonCommercial: true, bytes: 2.1e9 };
const list: ModelList = {
  active: "bundled",
  installed: [{ name: "bundled", active: true, licence: "MIT" }, { name: "mine", bytes: 5e8, source: "/m", precision: "int8" }],
  found: [
    { spec: "ollama:qwen2.5-coder:1.5b-base", store: "Ollama", bytes: 986e6, quantisation: "Q4_K_M", parameters: 1.54e9, fim: true, runs: true },
    { spec: "/lm/mamba.gguf", store: "LM Studio", bytes: 5e8, runs: false, reason: "It is a hybrid model. Run it in llama.cpp." },
  ],
  unreadable: [{ store: "Ollama", path: "/usr/share/ollama", reason: "permission denied" }],
  catalogue: [small, unfree, { ...small, name: "there", title: "There", installed: true }],
};

test("the list has its groups in order, and what is installed is not offered for download", () => {
  const shown = rows(list);
  assert.deepEqual([...new Set(shown.map(({ group }) => group))], ["Installed", "Found on this disk", "To download", "Another one"]);
  const row = (label: string) => shown.find((row) => row.label === label);
  assert.equal(row("bundled")?.description, "in use");
  assert.equal(row("mine")?.description, "500 MB");
  assert.equal(row("mine")?.detail, "int8 · /m");
  assert.equal(row("ollama:qwen2.5-coder:1.5b-base")?.description, "986 MB · Q4_K_M · 1.5B parameters");
  assert.equal(row("ollama:qwen2.5-coder:1.5b-base")?.detail, "Ollama · fills in the middle");
  assert.match(row("/lm/mamba.gguf")?.detail ?? "", /cannot run here: It is a hybrid/);
  assert.equal(row("/usr/share/ollama")?.detail, "permission denied");
  assert.equal(row("Qwen2.5-Coder 0.5B")?.description, "recommended · 491 MB · Apache-2.0");
  assert.equal(row("Qwen2.5-Coder 0.5B")?.detail, "quick · takes 640 MB of memory");
  assert.equal(row("There"), undefined);
});

test("each row does what it says", () => {
  const commands = rows(list).map(({ choice }) =>
    choice.kind === "browse" ? "browse" : choice.kind === "explain" ? choice.sentence : commandFor(choice).join(" "));
  assert.deepEqual(commands, [
    "model use bundled",
    "model use mine",
    "model add ollama:qwen2.5-coder:1.5b-base --use --progress json",
    "Fimble cannot run /lm/mamba.gguf in its process: It is a hybrid model. Run it in llama.cpp.",
    "Fimble cannot read the models in /usr/share/ollama: permission denied",
    "model get qwen-0.5b --use --progress json",
    "model get qwen-3b --use --progress json --accept-licence",
    "browse",
  ]);
});

test("the offer names size and licence, and there is none where it would be no help", () => {
  const made = offer(list);
  assert.equal(made?.model, small);
  assert.match(made?.message ?? "", /Qwen2\.5-Coder 0\.5B.*491 MB to download.*Apache-2\.0/);
  assert.equal(offer({ ...list, active: "mine" }), undefined);
  assert.equal(offer({ ...list, catalogue: [unfree, { ...small, installed: true }] }), undefined);
  assert.match(licenceQuestion(unfree), /Qwen2\.5-Coder 3B \(Qwen Research\) forbids commercial use/);
});

test("progress says what is known", () => {
  assert.equal(progressText("downloading", undefined), "downloading");
  const known = { done: 245_700_032, total: 491_400_064, rate: 12.4e6, secondsLeft: 79.2 };
  assert.equal(progressText("downloading", known), "downloading: 50 % of 491 MB, 12 MB/s, 1 min 20 s left");
  assert.equal(progressText("", { done: 5e6 }), "5 MB");
  assert.equal(progressText("x", { done: 2e9, total: 1e9, secondsLeft: 3 }), "x: 100 % of 1.0 GB, 3 s left");
  assert.deepEqual([999, 1e6, 2.5e9].map(size), ["1 kB", "1 MB", "2.5 GB"]);
  assert.equal(progressText("", { done: 1, total: 0, secondsLeft: 4000 }), "1 kB, 1 h 6 min left");
});

test("an error is the program's sentence, and output that is no list is said", () => {
  assert.equal(failure("downloading\nfimble: The disk is full. Free 600 MB.\n", []), "Fimble: The disk is full. Free 600 MB.");
  assert.equal(failure("fimble: one\n  two\n", []), "Fimble: one two");
  assert.match(failure("", ["model", "get", "x"]), /`fimble model get x` ended without a reason/);
  assert.throws(() => readList("* bundled\n"), /same version/);
  assert.deepEqual(readList("{}"), { active: undefined, installed: [], found: [], unreadable: [], catalogue: [] });
});
