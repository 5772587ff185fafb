"""Archives of packages, fetched with the ordinary clients of their registries, and what is in them.

Invariant: only the pinned version counts; nothing of the system is changed (apt-get has lists of its own).
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

from data.packages import CorpusError


def run(command, folder, environment=None):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout[-800:]


def folder_of(data, package):
    return data / "archives" / package["kind"] / package["name"].replace("/", "+")


def archives_of(data, package):
    """The archive files of a fetched package, sorted by name."""
    folder = folder_of(data, package)
    version = package["version"].split(":")[-1].rsplit("-", 1)[0] if package["kind"] == "debian" else package["version"]
    found = sorted(f for f in folder.glob("*") if re.search(r"\.(tar\.\w+|tgz|whl|zip|crate)$", f.name)
                   and version in f.name and "debian.tar" not in f.name) if folder.is_dir() else []
    if not found:
        raise CorpusError(f"{package['name']} {package['version']} ({package['kind']}) is missing in {folder}: "
                          "run `python -m data.corpus fetch`, or remove it from packages.toml.")
    return found


def fetch_pip(data, package, wheel):
    folder = folder_of(data, package)
    # Of this package alone: pip builds what tells its name, and what builds that need not be built from sources, too.
    form = ["--only-binary", ":all:"] if wheel else ["--no-binary", package["name"]]
    return run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", *form, "-d", ".",
                f"{package['name']}=={package['version']}"], folder)


def fetch_npm(data, package):
    return run(["npm", "pack", "--silent", f"{package['name']}@{package['version']}"], folder_of(data, package))


def fetch_debian(data, package):
    apt = data / "apt"
    if not (apt / "lists" / "lock").exists():
        prepare_apt(apt)
    return run(["apt-get", "source", "-qq", "--download-only", "--tar-only", "--only-source",
                f"{package['name']}={package['version']}"], folder_of(data, package),
               {"APT_CONFIG": str(apt / "apt.conf")})


def prepare_apt(apt):
    """Source lists of their own, made from the machine's binary ones; nothing of the system is changed."""
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    for part in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"):
        text = part.read_text().replace("Types: deb\n", "Types: deb deb-src\n")
        (apt / "parts" / part.name).write_text(text)
    system = pathlib.Path("/etc/apt/sources.list")
    if system.is_file():
        text = system.read_text()
        (apt / "parts" / "system.list").write_text(text + re.sub(r"^deb ", "deb-src ", text, flags=re.M))
    (apt / "apt.conf").write_text(f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{apt}/parts";\n'
                                  f'Dir::State::lists "{apt}/lists";\nDir::Cache "{apt}/cache";\n')
    code, output = run(["apt-get", "update"], apt, {"APT_CONFIG": str(apt / "apt.conf")})
    if code:
        raise CorpusError(f"apt-get update failed: {output}")


def fetch_cargo(data, packages):
    """All crates at once: `cargo fetch` knows crates only as dependencies of a package."""
    project, home = data / "archives" / "cargo-project", data / "cargo-home"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src" / "lib.rs").touch()
    lines = ['[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n']
    lines += [f'{p["name"]} = {{ version = "={p["version"]}", default-features = false }}\n' for p in packages]
    (project / "Cargo.toml").write_text("".join(lines))
    code, output = run(["cargo", "fetch"], project, {"CARGO_HOME": str(home)})
    for package in packages:
        crate = f"{package['name']}-{package['version']}.crate"
        found = sorted(home.glob(f"registry/cache/*/{crate}"))
        if not found:
            raise CorpusError(f"{package['name']} {package['version']} is missing after `cargo fetch`"
                              f"{': ' + output if code else ''}.")
        folder = folder_of(data, package)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / crate).write_bytes(found[0].read_bytes())


FETCHERS = {
    "pypi-sdist": lambda data, package: fetch_pip(data, package, False),
    "pypi-wheel": lambda data, package: fetch_pip(data, package, True),
    "npm": fetch_npm,
    "debian": fetch_debian,
    "cargo": None,
}


def is_there(data, package):
    try:
        return bool(archives_of(data, package))
    except CorpusError:
        return False


def fetch_kind(data, packages):
    """Fetches packages of one kind, one after the other."""
    if packages[0]["kind"] == "cargo":
        return fetch_cargo(data, packages)
    for package in packages:
        if is_there(data, package):
            continue
        folder_of(data, package).mkdir(parents=True, exist_ok=True)
        _, output = FETCHERS[package["kind"]](data, package)
        try:
            archives_of(data, package)
        except CorpusError as error:
            raise CorpusError(f"{error} The client said: {output}") from None
        print("fetched", package["name"], package["version"], flush=True)


def fetch(data, packages):
    """Fetches what is missing, the kinds side by side: each has a client of its own."""
    kinds = {kind: [package for package in packages if package["kind"] == kind] for kind in FETCHERS}
    kinds = [of_kind for of_kind in kinds.values() if not all(is_there(data, package) for package in of_kind)]
    with concurrent.futures.ThreadPoolExecutor(len(FETCHERS)) as threads:
        for running in [threads.submit(fetch_kind, data, of_kind) for of_kind in kinds]:
            running.result()


def members(archive):
    """(path without the top folder, size, read) of every plain file of an archive, in its order."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda info=info: opened.read(info)
    else:
        with tarfile.open(archive) as opened:
            for info in opened:
                if info.isfile():
                    path = info.name.removeprefix("./").partition("/")[2] or info.name
                    yield path, info.size, lambda info=info: opened.extractfile(info).read()
