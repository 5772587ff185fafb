#!/usr/bin/env node
// Starts the program of the package for this platform. Invariant: standard input and output are the program's own, it gets the
// signals that end this process, and this process ends as the program does.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const PLATFORMS = Object.keys(require("./package.json").optionalDependencies).map((name) => name.replace("@fimble/", ""));
const SOURCES = "https://github.com/fimble/fimble";

/** What is wrong, and what to do about it. */
function fail(...lines) {
  process.stderr.write(`${lines.map((line) => `fimble: ${line}`).join("\n")}\n`);
  process.exit(1);
}

/** Whether this is a Linux with another C library than the one that the programs are linked with. */
function isMusl() {
  if (process.platform !== "linux") return false;
  const { header } = process.report.getReport();
  return header.glibcVersionRuntime === undefined;
}

/** The path of the program, or the end of this process. */
function program() {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) {
    fail(
      `There is no package for ${platform}; there are ${PLATFORMS.join(", ")}.`,
      `Build it from the sources: cargo install --locked --git ${SOURCES} fimble`,
    );
  }
  try {
    return require.resolve(`@fimble/${platform}/fimble${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    if (isMusl()) {
      fail(
        "This Linux has no glibc (it may be Alpine), and there is no package without it.",
        `Use a system with glibc, such as Debian, or build it from the sources: cargo install --locked --git ${SOURCES} fimble`,
      );
    }
    fail(
      `The package @fimble/${platform} is not installed beside the package fimble.`,
      "It is an optional dependency: a lock file that was made on another platform, or an option such as --omit=optional, leaves it out.",
      "Install it: npm install --include=optional fimble (with -g if fimble is installed globally)",
    );
  }
}

const child = spawn(program(), process.argv.slice(2), { stdio: "inherit", windowsHide: true });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`The program cannot be started: ${error.message}`, "Install the package again: npm install fimble"));
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
