"""What the scripts of all packages share: their arguments, the project's data, and archives.

Invariant: the same inputs give the same bytes (times are SOURCE_DATE_EPOCH, else 1980), and a file in the folder of packages is whole.
"""

import argparse
import gzip
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from typing import NamedTuple

import program
import third_party

ROOT = pathlib.Path(__file__).resolve().parents[2]
# ZIP archives know no earlier time than 1980.
EPOCH = max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800)
LICENCES = ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE")
MANIFEST = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
VERSION = MANIFEST["workspace"]["package"]["version"]
LICENCE = MANIFEST["workspace"]["package"]["license"]
REPOSITORY = MANIFEST["workspace"]["package"]["repository"]
SUMMARY = MANIFEST["package"]["description"]
AFTERWARDS = """\
It speaks the language server protocol on standard input and output: `fimble lsp`. A small model is inside of the program.
`fimble setup` installs ONNX Runtime, which computes it, and a larger model for daily use; `fimble doctor` says whether all is
there. No code leaves the machine unless you name a model server.
"""


class Entry(NamedTuple):
    """A file of a package."""

    name: str
    data: bytes
    is_program: bool = False


class Inputs(NamedTuple):
    """What a package is made of, and where it goes."""

    program: program.Program
    binary: bytes
    out: pathlib.Path
    third_party: bytes
    pages: pathlib.Path | None

    def licences(self, folder=""):
        """The licences of Fimble and of what is built in, as entries of `folder`."""
        own = [Entry(folder + name, (ROOT / name).read_bytes()) for name in LICENCES]
        return [*own, Entry(folder + "THIRD-PARTY.md", self.third_party)]

    def program_entry(self, folder=""):
        return Entry(folder + self.program.file_name, self.binary, is_program=True)


def inputs(description, with_pages=False):
    """Reads the command line of a script, and makes what is not given."""
    parser = argparse.ArgumentParser(description=description)
    name = "fimble.exe" if os.name == "nt" else "fimble"
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--binary", type=pathlib.Path, default=target / "release" / name, help="the program (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=target / "packages", help="the folder (default: %(default)s)")
    parser.add_argument("--third-party", type=pathlib.Path, metavar="FILE", help="what third_party.py has written already")
    if with_pages:
        parser.add_argument("--pages", type=pathlib.Path, metavar="FOLDER", help="what fimble-pages has written already")
    arguments = parser.parse_args()
    binary = arguments.binary
    if not binary.is_file():
        raise SystemExit(f"There is no {binary}. Build it with cargo build --release, or name another one with --binary.")
    try:
        found = program.read(binary)
    except program.NoProgram as error:
        raise SystemExit(str(error)) from None
    if found.runs_here:
        check_version(binary)
    if arguments.third_party:
        licences = arguments.third_party.read_bytes()
    else:
        licences = third_party.page(found.rust_target).encode()
    pages = (arguments.pages or make_pages()) if with_pages else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    return Inputs(found, binary.read_bytes(), arguments.out, licences, pages)


def check_version(binary):
    """A package must not name another version than the program in it."""
    answer = subprocess.run([binary.resolve(), "--version"], capture_output=True, text=True, check=False)
    if answer.stdout.strip() != f"fimble {VERSION}":
        said = answer.stdout.strip() or answer.stderr.strip() or f"exit code {answer.returncode}"
        raise SystemExit(f"{binary} is not fimble {VERSION}: --version answers {said!r}. Build it again with cargo build --release.")


def make_pages():
    """Man pages and completions, written by the tool of this workspace."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fimble-pages-"))
    command = ["cargo", "run", "--quiet", "--locked", "--package", "fimble-tools", "--bin", "fimble-pages", "--", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


def page_entries(pages, folder=""):
    """Man pages and completions as they are, as entries of `folder`."""
    files = sorted(path for path in pages.rglob("*") if path.is_file())
    return [Entry(folder + path.relative_to(pages).as_posix(), path.read_bytes()) for path in files]


def gzipped(data):
    return gzip.compress(data, 9, mtime=0)


def tarball(entries):
    """The bytes of a .tar.gz."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=EPOCH) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for entry in entries:
            head = tarfile.TarInfo(entry.name)
            head.size, head.mtime, head.mode = len(entry.data), EPOCH, 0o755 if entry.is_program else 0o644
            archive.addfile(head, io.BytesIO(entry.data))
    return buffer.getvalue()


def zipped(entries):
    """The bytes of a .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for entry in entries:
            head = zipfile.ZipInfo(entry.name, time.gmtime(EPOCH)[:6])
            head.compress_type, head.create_system = zipfile.ZIP_DEFLATED, 3
            head.external_attr = (0o100755 if entry.is_program else 0o100644) << 16
            archive.writestr(head, entry.data)
    return buffer.getvalue()


def write(path, data):
    """Writes a package whole or not at all, and prints where it is."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
    print(path)


if __name__ == "__main__":
    sys.exit("This file is a part of the other scripts.")
