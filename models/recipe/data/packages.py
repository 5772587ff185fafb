"""The list of packages, and which licences a package may have.

Invariant: a licence that is not on the list of allowed ones is refused, with the name of the package.
"""

import json
import pathlib
import re
import tomllib

RECIPE = pathlib.Path(__file__).resolve().parent.parent
LIST = RECIPE / "packages.toml"
# What the bundled model was trained on.
MANIFEST = RECIPE.parent / "default" / "MANIFEST.csv"

SPLITS = ("train", "validation", "test")
KINDS = ("pypi-sdist", "pypi-wheel", "npm", "debian", "cargo")
ALLOWED = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "Zlib", "BSL-1.0", "PSF-2.0", "Unlicense", "CC0-1.0"}


class CorpusError(Exception):
    """Why a step stopped, with what to do."""


def read_packages(path):
    """The packages of a list, each a dict with name, kind, version, licence, split and optional keys."""
    packages = tomllib.loads(pathlib.Path(path).read_text())["package"]
    seen = set()
    for package in packages:
        for key in ("name", "kind", "version", "licence", "split"):
            if not package.get(key):
                raise CorpusError(f"{package.get('name', 'a package')}: `{key}` is missing in {path}.")
        if package["split"] not in SPLITS:
            raise CorpusError(f"{package['name']}: the split is one of {', '.join(SPLITS)}, not {package['split']}.")
        if package["kind"] not in KINDS:
            raise CorpusError(f"{package['name']}: the kind is one of {', '.join(KINDS)}, not {package['kind']}.")
        check_licence(package["name"], package["licence"])
        if (package["kind"], package["name"]) in seen:
            raise CorpusError(f"{package['name']} stands twice in {path}.")
        seen.add((package["kind"], package["name"]))
    return packages


def check_licence(name, licence):
    """Refuses a licence expression none of whose alternatives is allowed."""
    alternatives = re.split(r"\s+OR\s+|/", licence.strip("() "))
    if not any(all(part.strip("() ") in ALLOWED for part in one.split(" AND ")) for one in alternatives):
        raise CorpusError(f"{name}: its licence `{licence}` is not on the list ({', '.join(sorted(ALLOWED))}). "
                          "Remove it from packages.toml.")


def confirm_licence(name, licence, stated):
    """Refuses a licence of the list that the package itself does not state. Source archives state one by every licence file."""
    parts = re.split(r"\s+OR\s+|\s+AND\s+", licence)
    if licence not in stated and not all(part in stated for part in parts):
        own = " and ".join(f"`{one}`" for one in stated) or "none"
        raise CorpusError(f"{name}: packages.toml says `{licence}`, its own metadata {own}. Correct the list, or remove it.")


PHRASES = (
    ("GPL", r"^.{0,200}GNU (LESSER |AFFERO )?GENERAL PUBLIC LICENSE"),
    ("MPL", r"^.{0,200}Mozilla Public License"),
    ("Apache-2.0", r"Apache License,?\s+Version 2\.0"),
    ("PSF-2.0", r"PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2"),
    ("BSL-1.0", r"Boost Software License"),
    ("Unlicense", r"free and unencumbered software released into the public domain"),
    ("CC0-1.0", r"CC0 1\.0 Universal"),
    ("Zlib", r"This software is provided 'as-is', without any express or implied\s+warranty"),
    ("ISC", r"Permission to use, copy, modify,? and/?(or)? distribute this software for any purpose with or"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a\s+copy"),
    ("BSD-3-Clause", r"Redistributions? of source code must[\s\S]*Neither the name|"
                     r"Redistributions of source code[\s\S]*may be used to\s+endorse"),
    ("BSD-2-Clause", r"Redistributions? of source code must"),
)


# Spellings of packages' metadata, as SPDX.
SPELLINGS = {
    "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause", "3-Clause BSD License": "BSD-3-Clause", "New BSD": "BSD-3-Clause",
    "MIT License": "MIT", "Apache License 2.0": "Apache-2.0", "Apache 2.0 License": "Apache-2.0", "Apache 2": "Apache-2.0",
    "Apache Software License": "Apache-2.0", "Apache": "Apache-2.0", "Apache-2": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0", "PSF": "PSF-2.0",
}


def licence_by_text(text):
    """The licence that a text is by its wording, or an empty string."""
    text = re.sub(r"\s+", " ", re.sub(r"[#*>|]", " ", text))
    return next((name for name, phrase in PHRASES if re.search(phrase, text, re.I)), "")


def licence_in_metadata(kind, path, text):
    """The licence that one metadata file of a package states, or an empty string."""
    name = path.rsplit("/", 1)[-1]
    stated = ""
    if kind == "npm" and path == "package.json":
        stated = json.loads(text).get("license") or ""
    elif kind == "cargo" and path == "Cargo.toml":
        stated = tomllib.loads(text)["package"].get("license", "")
    elif kind.startswith("pypi") and name in ("PKG-INFO", "METADATA"):
        head = text.split("\n\n", 1)[0]
        for pattern in (r"^License-Expression: (.+)$", r"^Classifier: License :: OSI Approved :: (.+)$", r"^License: (.{1,60})$"):
            found = re.search(pattern, head, re.M)
            if found:
                stated = found.group(1).strip()
                break
    elif kind == "debian" and re.fullmatch(r"(LICEN[SC]E|COPYING|COPYRIGHT)([-.]\w+)*", path, re.I):
        return licence_by_text(text)
    return SPELLINGS.get(stated, stated)
