#!/usr/bin/env python3
"""Fills the formula of Homebrew with the version and the checksums of the archives of a release.

    tools/packages/homebrew.py --archives FOLDER [--out FOLDER]

Invariant: the formula names no archive that is not in the folder.
"""

import argparse
import hashlib
import pathlib
import re

from common import REPOSITORY, SUMMARY, VERSION, write

TEMPLATE = pathlib.Path(__file__).resolve().parent / "homebrew/fimble.rb"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archives", type=pathlib.Path, required=True, metavar="FOLDER", help="where archive.py has written")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="default: the same folder")
    arguments = parser.parse_args()
    write((arguments.out or arguments.archives) / "fimble.rb", formula(arguments.archives).encode())


def formula(archives):
    def fill(match):
        name, _, target = match[1].partition(" ")
        archive = f"fimble-{VERSION}-{target}.tar.gz"
        match name:
            case "URL":
                return f"{REPOSITORY}/releases/download/v{VERSION}/{archive}"
            case "SHA256":
                if not (archives / archive).is_file():
                    raise SystemExit(f"There is no {archives / archive}: the formula needs the archives of all its platforms.")
                return hashlib.sha256((archives / archive).read_bytes()).hexdigest()
        return {"SUMMARY": SUMMARY, "REPOSITORY": REPOSITORY, "VERSION": VERSION}[name]

    # The comment at the top is about the template.
    template = TEMPLATE.read_text("utf-8")
    return re.sub(r"@([A-Z0-9]+(?: [a-z0-9_-]+)?)@", fill, template[template.index("class ") :])


if __name__ == "__main__":
    main()
