// Packs the extension with the server for one platform:
//   npm run package -- --target linux-x64 [--binary ../../target/release/fimble] [--out FILE.vsix] [--third-party THIRD-PARTY.md]
// Invariant: the package holds the binary of that platform and nothing else that is not made from this folder.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";
import { platformsOf } from "./platform.mjs";
import "./build.mjs";

const TARGETS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "win32-x64", "win32-arm64"];
const root = resolve("../..");
const { values } = parseArgs({
  options: { target: { type: "string" }, binary: { type: "string" }, out: { type: "string" }, "third-party": { type: "string" } },
});
const target = values.target ?? `${process.platform}-${process.arch}`;
if (!TARGETS.includes(target)) throw new Error(`There is no target ${target}. Targets are ${TARGETS.join(", ")}.`);
const name = target.startsWith("win32") ? "fimble.exe" : "fimble";
const binary = resolve(values.binary ?? join(root, "target/release", name));
if (!existsSync(binary)) {
  throw new Error(`There is no ${binary}. Build it with cargo build --release, or name another one with --binary.`);
}
const platforms = platformsOf(binary);
if (!platforms.includes(target)) {
  throw new Error(`${binary} is a program for ${platforms.join(", ") || "no platform that is known"}, not for ${target}.`);
}
const out = resolve(values.out ?? join(root, "target/editors", `fimble-${target}.vsix`));
const licences = ["LICENSE", "LICENSE-MIT", "LICENSE-APACHE"].map((licence) => [join(root, licence), licence]);
// What tools/packages/third_party.py has written: releases carry it.
if (values["third-party"]) licences.push([resolve(values["third-party"]), "THIRD-PARTY.md"]);
try {
  mkdirSync("server", { recursive: true });
  copyFileSync(binary, join("server", name));
  chmodSync(join("server", name), 0o755);
  for (const [from, licence] of licences) copyFileSync(from, licence);
  mkdirSync(dirname(out), { recursive: true });
  await createVSIX({ packagePath: out, target, dependencies: false, rewriteRelativeLinks: false });
} finally {
  rmSync("server", { recursive: true, force: true });
  for (const [, licence] of licences) rmSync(licence, { force: true });
}
console.log(out);
