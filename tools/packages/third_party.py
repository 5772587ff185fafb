#!/usr/bin/env python3
"""Writes the page of what others wrote and the program holds: each library with version and licence, and the texts of the licences.

    tools/packages/third_party.py [--target TRIPLE] [--out FILE]

Invariant: every library that is built into `fimble` for the target is on the page, and one without a licence is an error.
"""

import argparse
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXTS = re.compile(r"^(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default=host(), help="a target of Rust (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/packages/THIRD-PARTY.md", help="default: %(default)s")
    arguments = parser.parse_args()
    text = page(arguments.target)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(text.encode())
    print(arguments.out)


def host():
    """The target that rustc compiles for by itself."""
    answer = subprocess.run(["rustc", "-vV"], cwd=ROOT, capture_output=True, text=True, check=True)
    return next(line.removeprefix("host: ") for line in answer.stdout.splitlines() if line.startswith("host: "))


def libraries(target):
    """The packages of other people that are built into `fimble`, as `cargo metadata` describes them."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    metadata = json.loads(answer.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    members = set(metadata["workspace_members"])
    waiting = [id for id in members if packages[id]["name"] == "fimble"]
    reached = set()
    while waiting:
        id = waiting.pop()
        if id in reached:
            continue
        reached.add(id)
        # What only builds or tests a library is not in the program.
        needed = (part for part in nodes[id]["deps"] if any(kind["kind"] is None for kind in part["dep_kinds"]))
        waiting += [part["pkg"] for part in needed]
    others = [packages[id] for id in reached - members]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def page(target):
    """The page, as Markdown."""
    found = libraries(target)
    without = [package["name"] for package in found if not package["license"] and not package["license_file"]]
    if without:
        raise SystemExit(f"These libraries name no licence: {', '.join(without)}.")
    rows = [f"| {cell(package['name'])} | {package['version']} | {cell(licence(package))} |" for package in found]
    lines = [
        "# Third-party software in Fimble",
        "",
        f"The program for {target} holds these libraries and the standard library of Rust (MIT OR Apache-2.0). The texts of their",
        "licences follow the table. ONNX Runtime is not among them: `fimble setup` installs it.",
        "",
        "| library | version | licence |",
        "|---|---|---|",
        *rows,
        "",
    ]
    for text, names in texts(found).items():
        lines += [f"## {', '.join(names)}", "", *(("    " + line).rstrip() for line in text.splitlines()), ""]
    return "\n".join(lines)


def texts(found):
    """Each text of a licence, with the names of the libraries that it is for."""
    by_text = {}
    for package in found:
        name = f"{package['name']} {package['version']}"
        for text in own_texts(package) or [common_text(package)]:
            by_text.setdefault(text, []).append(name)
    return by_text


def own_texts(package):
    """The texts that the package carries."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = {path for path in folder.iterdir() if path.is_file() and TEXTS.match(path.name)}
    if package["license_file"]:
        files.add(folder / package["license_file"])
    read = (path.read_text("utf-8", "replace").replace("\f", "\n").strip() for path in sorted(files))
    return list(dict.fromkeys(text for text in read if text))


def common_text(package):
    """The text for a package that names its licence without carrying its text."""
    if "MIT" not in re.split(r"[^A-Za-z0-9.-]+", package["license"] or ""):
        raise SystemExit(f"{package['name']} carries no text of its licence ({package['license']}). Add one to third_party.py.")
    authors = ", ".join(re.sub(r"\s*<[^>]*>", "", author) for author in package["authors"]) or f"the authors of {package['name']}"
    terms = (ROOT / "LICENSE-MIT").read_text("utf-8").strip()
    return re.sub(r"(?m)^Copyright .*$", lambda _: f"Copyright (c) {authors}", terms, count=1)


def licence(package):
    """The licence as an expression; `A/B` is an old way to write `A OR B`."""
    return (package["license"] or f"see {package['license_file']}").replace("/", " OR ")


def cell(text):
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
