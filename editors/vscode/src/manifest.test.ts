// package.json against the sources. Invariant: what the editor offers is there, and what is there is offered.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { OLDEST_EDITOR } from "./words";

interface Manifest {
  version: string;
  icon: string;
  repository: { url: string };
  engines: { vscode: string };
  extensionKind: string[];
  contributes: {
    commands: { command: string; title: string }[];
    keybindings: { command: string }[];
    walkthroughs: { steps: { description: string; media: { markdown: string } }[] }[];
    configuration: { properties: Record<string, { default?: unknown; description?: string; markdownDescription?: string }> }[];
  };
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const { commands, keybindings, walkthroughs, configuration } = manifest.contributes;

test("every command that is offered is registered, and the other way round", () => {
  const source = readFileSync("src/extension.ts", "utf8");
  const registered = [...source.matchAll(/^ {4}command\("([\w.]+)"/gm)].map((match) => match[1] ?? "");
  const offered = commands.map(({ command }) => command);
  // The server's code action carries it, with its place.
  assert.deepEqual(registered.filter((command) => command !== "fimble.refactor.ask").sort(), [...offered].sort());
  const linked = walkthroughs.flatMap(({ steps }) => steps.flatMap(({ description }) => [...description.matchAll(/command:([\w.]+)/g)].map((match) => match[1] ?? "")));
  for (const command of [...linked, ...keybindings.map((binding) => binding.command)]) assert.ok(offered.includes(command), command);
});

test("every setting has a default and says what it means", () => {
  for (const { properties } of configuration) {
    for (const [name, setting] of Object.entries(properties)) {
      assert.ok("default" in setting, name);
      assert.ok(setting.description || setting.markdownDescription, name);
    }
  }
});

test("the oldest editor is the same everywhere, and the extension runs beside the files", () => {
  assert.equal(manifest.engines.vscode, `^${OLDEST_EDITOR}`);
  assert.deepEqual(manifest.extensionKind, ["workspace"]);
});

test("what comes with it is there", () => {
  const files = ["README.md", "CHANGELOG.md", manifest.icon, ...walkthroughs.flatMap(({ steps }) => steps.map(({ media }) => media.markdown))];
  for (const file of files) assert.ok(existsSync(file), file);
  // A page of the marketplace shows no picture of the package: it needs an address, here that of the file in the repository.
  const repository = `${manifest.repository.url.replace(/\.git$/, "")}/raw/HEAD/`;
  const pictures = [...readFileSync("README.md", "utf8").matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
  assert.ok(pictures.length > 0);
  for (const picture of pictures) {
    assert.ok(picture.startsWith(repository), picture);
    assert.ok(existsSync(`../../${picture.slice(repository.length)}`), picture);
  }
  assert.ok(readFileSync("CHANGELOG.md", "utf8").includes(`## ${manifest.version}`));
});

test("nothing of it opens a connection", () => {
  for (const name of readdirSync("src").filter((name) => !name.endsWith(".test.ts"))) {
    const source = readFileSync(`src/${name}`, "utf8");
    assert.doesNotMatch(source, /from "node:(net|http|https|http2|tls|dgram|dns)"|\bfetch\(|XMLHttpRequest|WebSocket|TelemetryLogger|vscode\.env\.openExternal/, name);
  }
});
