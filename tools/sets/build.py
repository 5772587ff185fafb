#!/usr/bin/env python3
"""Fetches the sources of public packages through their ordinary clients, and measures completion in them.

    tools/sets/build.py [--cache FOLDER] [--only NAME ...] [--fetch-only] [-- OPTIONS OF fimble-eval]

The packages are data: nothing of them is built, imported or run. Each is unpacked into a folder of the cache that names its
version, and found there again. Invariant: what a client cannot fetch is named and left out, and the run then ends with an
error; nothing is written into the sources of Fimble.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

# Name, client, version, and the folders inside of the package that are measured.
PACKAGES = [
    ("click", "pip", "8.3.1", ["click"]),
    ("httpx", "pip", "0.28.1", ["httpx"]),
    ("ropey", "cargo", "1.6.1", ["src"]),
    ("rxjs", "npm", "7.8.2", ["src/internal"]),
]


def run(command, folder):
    """Runs a client quietly; its errors are shown."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def fetch(name, client, version, folder):
    """Fetches a package into an empty folder and returns its one archive, or the folder with its sources."""
    if client == "pip":
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", f"{name}=={version}"], folder)
        return next(folder.glob("*.whl"))
    if client == "sdist":
        # Of this package alone: pip builds what tells its name, and what builds that need not be built from sources.
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, f"{name}=={version}"], folder)
        return next(folder.glob("*.tar.gz"))
    if client == "npm":
        run(["npm", "pack", "--silent", f"{name}@{version}"], folder)
        return next(folder.glob("*.tgz"))
    # Cargo fetches the packages that a manifest names; `vendor` unpacks them into a folder.
    manifest = f'[package]\nname = "fetched"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies.{name}]\n' \
        f'version = "={version}"\ndefault-features = false\n'
    (folder / "Cargo.toml").write_text(manifest)
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").write_text("")
    run(["cargo", "vendor", "--quiet", "vendor"], folder)
    return folder / "vendor" / name


def unpack(source, folder):
    """Unpacks an archive, or copies a folder."""
    if source.is_dir():
        shutil.copytree(source, folder)
    elif source.suffix == ".whl":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
    else:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        # Archives of sources hold everything in one folder.
        (inner,) = folder.iterdir()
        for entry in list(inner.iterdir()):
            entry.rename(folder / entry.name)
        inner.rmdir()


def ensure(cache, name, client, version):
    """The folder of a package's sources."""
    target = cache / f"{name.replace('/', '+')}-{version}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as temporary:
        temporary = pathlib.Path(temporary)
        (temporary / "fetched").mkdir()
        unpack(fetch(name, client, version, temporary / "fetched"), temporary / "unpacked")
        # Nothing half-done is found under the final name.
        (temporary / "unpacked").rename(target)
    return target


def default_cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fimble-sets"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=pathlib.Path, default=default_cache(), help="where sources are kept [%(default)s]")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this package; may be given several times")
    parser.add_argument("--fetch-only", action="store_true", help="print the folders and measure nothing")
    parser.add_argument("--eval", default="fimble-eval", help="the program [%(default)s]")
    parser.add_argument("options", nargs="*", help="options of fimble-eval, behind --")
    args = parser.parse_args()

    unknown = set(args.only or []) - {name for name, *_ in PACKAGES}
    if unknown:
        parser.error(f"there is no package {', '.join(sorted(unknown))}: choose of {', '.join(name for name, *_ in PACKAGES)}")
    folders, failed = [], []
    for name, client, version, inside in PACKAGES:
        if args.only and name not in args.only:
            continue
        try:
            target = ensure(args.cache, name, client, version)
            folders += [target / part for part in inside]
            missing = [part for part in inside if not (target / part).is_dir()]
            if missing:
                raise OSError(f"it holds no {', '.join(missing)}")
        except (OSError, subprocess.CalledProcessError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
            print(f"left out: {name} {version}, because {client} could not bring it: {error}", file=sys.stderr)
            failed.append(name)
            folders = [folder for folder in folders if folder.is_dir()]
    for folder in folders:
        print(folder, file=sys.stdout if args.fetch_only else sys.stderr)
    if folders and not args.fetch_only:
        ended = subprocess.run([args.eval, *map(str, folders), *args.options])
        if ended.returncode:
            return ended.returncode
    return 1 if failed or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
