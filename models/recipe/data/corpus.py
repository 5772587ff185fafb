"""Corpus: source text of the packages that packages.toml names, filtered, without duplicates, split by package.

    python -m data.corpus fetch --data FOLDER     archives, through pip, npm, cargo and apt-get
    python -m data.corpus build --data FOLDER     train.jsonl, validation.jsonl, test.jsonl and MANIFEST.csv

Invariant: a package that is missing, has another version or a licence outside ALLOWED stops the step with its name;
no file is in two splits; equal input gives equal output.
"""

import argparse
import collections
import csv
import fnmatch
import hashlib
import io
import json
import multiprocessing
import os
import pathlib
import random
import re
import sys

from data.archives import archives_of, fetch, members
from data.duplicates import without_duplicates, without_overlap
from data.packages import LIST, MANIFEST, SPLITS, CorpusError, confirm_licence, licence_in_metadata, read_packages
from data.texts import (CAP, LANGUAGES, MAX_BYTES, MIN_BYTES, SKIPPED_PATH, SMALL_CAP, TEST_PATH, clean, is_wanted, language_of)

METADATA = re.compile(r"(^|/)(PKG-INFO|METADATA|package\.json|Cargo\.toml|[^/]*(LICEN[SC]E|COPYING|COPYRIGHT)[^/]*)$", re.I)


def shuffled(items, seed):
    items = sorted(items)
    random.Random(seed).shuffle(items)
    return items


def read_package(job):
    """(package, sha256 of its archives, files) of one package; files are dicts without duplicates in them."""
    data, package = job
    only, languages = package.get("only"), package.get("languages")
    digest, stated, texts = hashlib.sha256(), [], {}
    for archive in archives_of(data, package):
        digest.update(archive.read_bytes())
        for path, size, read in members(archive):
            if size < 400_000 and METADATA.search(path) and (not stated or package["kind"] == "debian"):
                found = licence_in_metadata(package["kind"], path, read().decode("utf-8", "replace"))
                stated += [found] if found else []
            extension = os.path.splitext(path)[1].lower()
            if extension not in LANGUAGES or not MIN_BYTES <= size <= MAX_BYTES * 1.1 or SKIPPED_PATH.search("/" + path):
                continue
            if only and not any(fnmatch.fnmatch(path, pattern) for pattern in only):
                continue
            if languages and LANGUAGES[extension] not in languages and not (extension == ".h" and "cpp" in languages):
                continue
            texts[path] = read()
    confirm_licence(package["name"], package["licence"], stated)
    used, files = collections.Counter(), []
    for path in shuffled(texts, package["name"]):
        text = clean(texts[path])
        if text is None or not is_wanted(text):
            continue
        language = language_of(path, text)
        is_test = bool(TEST_PATH.search(path))
        # Tests may take a third of a package's share.
        cap = package.get("cap", CAP)
        cap = min(cap, SMALL_CAP.get(language, cap))
        size = len(text.encode())
        if used[language] + size > cap or is_test and used[language, "test"] + size > cap // 3:
            continue
        used[language] += size
        used[language, "test"] += size * is_test
        files.append({"package": package["name"], "split": package["split"], "path": path, "language": language,
                      "test": is_test, "text": text})
    if not files:
        raise CorpusError(f"{package['name']}: none of its files is wanted; look at `only` and `languages` in packages.toml.")
    return package, digest.hexdigest(), files


def build(data, packages, manifest, jobs):
    with multiprocessing.Pool(jobs) as pool:
        read = pool.map(read_package, [(data, package) for package in packages], chunksize=1)
    files = [file for _, _, of_package in read for file in of_package]
    counts = {"read": len(files)}
    files = without_duplicates(files)
    counts["without duplicates"] = len(files)
    files = without_overlap(files)
    counts["without overlap with the test set"] = len(files)
    print("files:", counts, flush=True)
    for split in SPLITS:
        chosen = shuffled([json.dumps(file) for file in files if file["split"] == split], split)
        part = data / f"{split}.jsonl.part"
        part.write_text("".join(line + "\n" for line in chosen))
        part.replace(data / f"{split}.jsonl")
    write_manifest(manifest, read, files)
    for split in SPLITS:
        sizes = collections.Counter()
        for file in files:
            if file["split"] == split:
                sizes[file["language"]] += len(file["text"].encode())
        total = sum(sizes.values())
        print(split, f"{total / 1e6:.1f} MB", {k: f"{100 * v / total:.1f} %" for k, v in sizes.most_common()}, flush=True)


def write_manifest(path, read, files):
    """One line per package: what it is, what its archives hash to, and what of it is used."""
    sizes = collections.defaultdict(collections.Counter)
    numbers = collections.Counter()
    for file in files:
        sizes[file["package"]][file["language"]] += len(file["text"].encode())
        numbers[file["package"]] += 1
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["package", "version", "kind", "licence", "sha256", "split", "files", "bytes", "languages"])
    for package, digest, _ in sorted(read, key=lambda row: (row[0]["split"], row[0]["kind"], row[0]["name"])):
        of_package = sizes[package["name"]]
        total = sum(of_package.values())
        shares = " ".join(f"{language}:{100 * size / total:.0f}" for language, size in of_package.most_common()
                          if size * 200 >= total)
        writer.writerow([package["name"], package["version"], package["kind"], package["licence"], digest, package["split"],
                         numbers[package["name"]], total, shares])
    path.write_text(rows.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", choices=("fetch", "build"))
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of archives and texts")
    parser.add_argument("--packages", type=pathlib.Path, default=LIST)
    parser.add_argument("--manifest", type=pathlib.Path, default=MANIFEST)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes that read archives")
    options = parser.parse_args()
    data = options.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    try:
        packages = read_packages(options.packages)
        if options.step == "fetch":
            fetch(data, packages)
        else:
            build(data, packages, options.manifest, options.jobs)
    except CorpusError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
