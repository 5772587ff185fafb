#!/usr/bin/env python3
"""Makes the archive of a release: the program, man pages, completions and licences. cargo-binstall and Homebrew install from it.

    tools/packages/archive.py [--binary FILE] [--out FOLDER] [--third-party FILE] [--pages FOLDER]

Invariant: name and folder of the archive are those that Cargo.toml (`package.metadata.binstall`) and the formula name.
"""

from common import ROOT, VERSION, Entry, inputs, page_entries, tarball, write, zipped


def main():
    made_of = inputs(__doc__.splitlines()[0], with_pages=True)
    name = f"fimble-{VERSION}-{made_of.program.rust_target}"
    folder = name + "/"
    entries = [
        made_of.program_entry(folder),
        *made_of.licences(folder),
        *(Entry(folder + page, (ROOT / page).read_bytes()) for page in ("README.md", "CHANGELOG.md", "PRIVACY.md")),
        *page_entries(made_of.pages, folder),
    ]
    if made_of.program.system == "win32":
        write(made_of.out / f"{name}.zip", zipped(entries))
    else:
        write(made_of.out / f"{name}.tar.gz", tarball(entries))


if __name__ == "__main__":
    main()
