#!/usr/bin/env python3
"""Makes a package for Debian and Ubuntu: the program, man pages, and completions for bash, zsh and fish.

    tools/packages/deb.py [--binary FILE] [--out FOLDER] [--third-party FILE] [--pages FOLDER]

Invariant: the package depends on the glibc that the program was linked for, or a newer one, and runs no script when it is installed.
"""

import hashlib
import os
import pathlib
import subprocess
import tempfile

from common import EPOCH, LICENCE, REPOSITORY, ROOT, SUMMARY, VERSION, gzipped, inputs

DOC = "usr/share/doc/fimble/"
COMPLETIONS = {
    "fimble.bash": "usr/share/bash-completion/completions/fimble",
    "_fimble": "usr/share/zsh/vendor-completions/_fimble",
    "fimble.fish": "usr/share/fish/vendor_completions.d/fimble.fish",
}


def main():
    made_of = inputs(__doc__.splitlines()[0], with_pages=True)
    if made_of.program.system != "linux":
        raise SystemExit(f"The program is for {made_of.program.platform}, and not for Linux.")
    architecture = {"x64": "amd64", "arm64": "arm64"}[made_of.program.machine]
    files = contents(made_of)
    with tempfile.TemporaryDirectory(prefix="fimble-deb-") as folder:
        tree = pathlib.Path(folder) / "tree"
        for name, data in {**files, **control(made_of, architecture, files)}.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if name == "usr/bin/fimble" else 0o644)
        for path in [tree, *tree.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (EPOCH, EPOCH))
        out = made_of.out / f"fimble_{VERSION}_{architecture}.deb"
        part = pathlib.Path(folder) / out.name
        # Every system with a glibc that is new enough has a dpkg that reads zstd.
        command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z10", "--build", str(tree), str(part)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        whole = out.with_name(out.name + ".part")
        whole.write_bytes(part.read_bytes())
        os.replace(whole, out)
    print(out)


def contents(made_of):
    """What is installed, by path."""
    files = {
        "usr/bin/fimble": made_of.binary,
        DOC + "copyright": copyright_page().encode(),
        DOC + "changelog.gz": gzipped((ROOT / "CHANGELOG.md").read_bytes()),
        DOC + "THIRD-PARTY.md.gz": gzipped(made_of.third_party),
    }
    for page in sorted((made_of.pages / "man").iterdir()):
        files[f"usr/share/man/man1/{page.name}.gz"] = gzipped(page.read_bytes())
    for name, place in COMPLETIONS.items():
        files[place] = (made_of.pages / "completions" / name).read_bytes()
    return files


def control(made_of, architecture, files):
    """What dpkg reads, by path."""
    major, minor = made_of.program.least
    kilobytes = sum(len(data) for data in files.values()) // 1024 + 1
    text = f"""\
Package: fimble
Version: {VERSION}
Architecture: {architecture}
Maintainer: Fimble maintainers <fimble@users.noreply.github.com>
Installed-Size: {kilobytes}
Depends: libc6 (>= {major}.{minor}), libgcc-s1, libstdc++6
Recommends: python3-pip | npm, curl
Section: devel
Priority: optional
Homepage: {REPOSITORY}
Description: language server that completes code with a small local model
 {SUMMARY}.
 It speaks the language server protocol (fimble lsp) with any editor. A small
 model is inside of the program. The command fimble setup installs ONNX Runtime
 through pip or npm, and a larger model for daily use. No code leaves the
 machine unless the user names a model server.
"""
    sums = "".join(f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    return {"DEBIAN/control": text.encode(), "DEBIAN/md5sums": sums.encode()}


def copyright_page():
    """The page of licences, as free text."""
    return f"""\
Fimble is from {REPOSITORY}.
Copyright: the Fimble authors. Licence: {LICENCE}, as you choose.
THIRD-PARTY.md.gz in this folder has the licences of the libraries that are built in.
The text of Apache-2.0 is in /usr/share/common-licenses/Apache-2.0. This is MIT:

{(ROOT / "LICENSE-MIT").read_text("utf-8").strip()}
"""


if __name__ == "__main__":
    main()
