#!/usr/bin/env python3
"""Makes the packages for npm: `fimble` with the launcher, and one with the program for the platform of the binary.

    tools/packages/npm.py [--binary FILE] [--out FOLDER] [--third-party FILE]

Invariant: `fimble` runs no script when it is installed, and asks for exactly its own version of the platform's package.
"""

import json
import pathlib

from common import AFTERWARDS, LICENCE, LICENCES, REPOSITORY, ROOT, SUMMARY, VERSION, Entry, inputs, tarball, write
from program import RUST_TARGETS

LAUNCHER = pathlib.Path(__file__).resolve().parent / "npm/fimble.js"
COMMON = {
    "version": VERSION,
    "license": LICENCE,
    "repository": {"type": "git", "url": f"git+{REPOSITORY}.git"},
}


def main():
    made_of = inputs(__doc__.splitlines()[0])
    platform = made_of.program.platform
    write(made_of.out / f"fimble-{VERSION}.tgz", launcher())
    write(made_of.out / f"fimble-{platform}-{VERSION}.tgz", platform_package(made_of))


def launcher():
    manifest = {
        "name": "fimble",
        "description": SUMMARY,
        **COMMON,
        "keywords": ["completion", "autocomplete", "language-server", "lsp", "local", "offline"],
        "bin": {"fimble": "fimble.js"},
        "engines": {"node": ">=18"},
        "optionalDependencies": {f"@fimble/{platform}": VERSION for platform in RUST_TARGETS},
    }
    return tarball(
        [
            Entry("package/package.json", as_json(manifest)),
            Entry("package/fimble.js", LAUNCHER.read_bytes(), is_program=True),
            Entry("package/README.md", f"# Fimble\n\n{SUMMARY}.\n\n{AFTERWARDS}".encode()),
            *(Entry(f"package/{name}", (ROOT / name).read_bytes()) for name in LICENCES),
        ]
    )


def platform_package(made_of):
    system, machine = made_of.program.system, made_of.program.machine
    manifest = {
        "name": f"@fimble/{made_of.program.platform}",
        "description": f"The program of fimble for {made_of.program.platform}",
        **COMMON,
        "os": [system],
        "cpu": [machine],
        **({"libc": ["glibc"]} if system == "linux" else {}),
        # A program cannot be run out of an archive.
        "preferUnplugged": True,
    }
    readme = f"# The program of Fimble for {made_of.program.platform}\n\nThe package `fimble` installs it and starts it.\n"
    return tarball(
        [
            Entry("package/package.json", as_json(manifest)),
            made_of.program_entry("package/"),
            Entry("package/README.md", readme.encode()),
            *made_of.licences("package/"),
        ]
    )


def as_json(value):
    return (json.dumps(value, indent=2) + "\n").encode()


if __name__ == "__main__":
    main()
