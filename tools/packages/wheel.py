#!/usr/bin/env python3
"""Makes a wheel that puts `fimble` on the PATH: `pip install fimble`, `uv tool install fimble`.

    tools/packages/wheel.py [--binary FILE] [--out FOLDER] [--third-party FILE]

Invariant: the tag of the wheel names the oldest system that the program runs on, and RECORD has the hash of every other file.
"""

import base64
import hashlib

from common import AFTERWARDS, LICENCE, LICENCES, REPOSITORY, SUMMARY, VERSION, Entry, inputs, write, zipped


def main():
    made_of = inputs(__doc__.splitlines()[0])
    tag = f"py3-none-{made_of.program.wheel_tag}"
    info = f"fimble-{VERSION}.dist-info/"
    entries = [
        # pip installs what lies there into the folder of commands, and makes it executable.
        made_of.program_entry(f"fimble-{VERSION}.data/scripts/"),
        Entry(info + "METADATA", metadata().encode()),
        Entry(info + "WHEEL", f"Wheel-Version: 1.0\nGenerator: fimble ({VERSION})\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()),
        *made_of.licences(info + "licenses/"),
    ]
    record = info + "RECORD"
    lines = [f"{entry.name},sha256={digest(entry.data)},{len(entry.data)}" for entry in entries]
    entries.append(Entry(record, "\n".join([*lines, f"{record},,", ""]).encode()))
    write(made_of.out / f"fimble-{VERSION}-{tag}.whl", zipped(entries))


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def metadata():
    licences = "".join(f"License-File: {name}\n" for name in (*LICENCES, "THIRD-PARTY.md"))
    return f"""\
Metadata-Version: 2.4
Name: fimble
Version: {VERSION}
Summary: {SUMMARY}
Keywords: completion,autocomplete,language-server,lsp,local,offline
License-Expression: {LICENCE}
{licences}Classifier: Environment :: Console
Classifier: Intended Audience :: Developers
Classifier: Operating System :: MacOS
Classifier: Operating System :: Microsoft :: Windows
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Rust
Classifier: Topic :: Text Editors :: Integrated Development Environments (IDE)
Project-URL: Repository, {REPOSITORY}
Project-URL: Changelog, {REPOSITORY}/blob/main/CHANGELOG.md
Requires-Python: >=3.8
Description-Content-Type: text/markdown

{SUMMARY}.

{AFTERWARDS}"""


if __name__ == "__main__":
    main()
