"""Evaluation cases: random places in the test packages, the same for every model.

    python -m evaluation.cases --data FOLDER     FOLDER/eval_cases.jsonl

One JSON object a line: id, language, package, path, kind, prefix (the file up to the cursor), suffix (the file behind
the current line, beginning with its line break), expected (what stood between), snippets (path and text of related parts
of other files of the package). Kinds: `rest`, cut anywhere in a line, inside of words too; `next`, only the indentation
of the line is there. Invariant: equal seeds give equal cases; only test packages are used.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import random

from data.cuts import WORD
from data.packages import MANIFEST

LANGUAGES = ("rust", "python", "typescript", "go", "javascript", "cpp", "java", "csharp")
SNIPPET_LINES, SNIPPETS = 14, 2
AROUND_LINES = 12


def read_test(data, manifest_rows):
    """Files of the test split; refuses packages that the manifest names as training data."""
    files = [json.loads(line) for line in (data / "test.jsonl").read_text().splitlines()]
    refuse_trained(sorted({file["package"] for file in files}), manifest_rows)
    return files


def refuse_trained(packages, manifest_rows):
    trained = {row["package"] for row in manifest_rows if row["split"] != "test"}
    both = [package for package in packages if package in trained]
    if both:
        raise SystemExit(f"{', '.join(both)} stood in the training or validation data by the manifest: its results would "
                         "mean nothing. Take it out of the cases.")


def chunks_of(files):
    """Parts of files by (package, language): (path, first line, text, names)."""
    found = collections.defaultdict(list)
    for file in files:
        lines = file["text"].split("\n")
        for first in range(0, max(1, len(lines) - SNIPPET_LINES // 2), SNIPPET_LINES):
            text = "\n".join(lines[first:first + SNIPPET_LINES]) + "\n"
            names = set(WORD.findall(text))
            if len(names) >= 5 and len(text) < 900:
                found[file["package"], file["language"]].append((file["path"], text, names))
    return found


def snippets(chunks, path, around):
    """Parts of other files that share most names with the text around the cursor, the best one last."""
    names = set(WORD.findall(around))
    scored = sorted(((len(found & names) / (8 + len(found)), other, text)
                     for other, text, found in chunks if other != path), reverse=True)
    return [[other, text] for score, other, text in scored[:SNIPPETS] if score > 0.15][::-1]


def places(files, rng, number, kind):
    """(file, start of the line, cursor, end of the line) of `number` places."""
    weights = [min(len(file["text"]), 20_000) for file in files]
    seen = set()
    while len(seen) < number:
        file = rng.choices(files, weights)[0]
        text = file["text"]
        start = text.rfind("\n", 0, rng.randrange(len(text))) + 1
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].rstrip()
        body = start + len(line) - len(line.lstrip())
        if len(line.strip()) < 6 or (file["path"], start) in seen:
            continue
        cursor = body if kind == "next" else rng.randrange(body + 1, start + len(line))
        seen.add((file["path"], start))
        yield file, start, cursor, end


def make(files, seed, n_rest, n_next):
    chunks = chunks_of(files)
    for language in LANGUAGES:
        of_language = [file for file in files if file["language"] == language]
        for kind, number in (("rest", n_rest), ("next", n_next)):
            rng = random.Random(f"{seed} {language} {kind}")
            for file, start, cursor, end in places(of_language, rng, number if of_language else 0, kind):
                text = file["text"]
                above = text[:start].split("\n")[-AROUND_LINES:]
                around = "\n".join(above) + text[start:cursor] + "\n".join(text[end:].split("\n", AROUND_LINES // 2)[:-1])
                case = {"language": language, "package": file["package"], "path": file["path"], "kind": kind,
                        "prefix": text[:cursor], "suffix": text[end:], "expected": text[cursor:end].rstrip(),
                        "snippets": snippets(chunks[file["package"], language], file["path"], around)}
                key = f"{file['package']} {file['path']} {cursor}"
                yield {"id": f"{language}-{kind}-{hashlib.sha256(key.encode()).hexdigest()[:8]}", **case}


def main():
    import csv

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--manifest", type=pathlib.Path, default=MANIFEST)
    parser.add_argument("--rest", type=int, default=240)
    parser.add_argument("--next", type=int, default=120)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    files = read_test(options.data, list(csv.DictReader(options.manifest.read_text().splitlines())))
    out = options.data / "eval_cases.jsonl"
    cases = list(make(files, options.seed, options.rest, options.next))
    out.write_text("".join(json.dumps(case) + "\n" for case in cases))
    print(f"{len(cases)} cases, {out.stat().st_size / 1e6:.1f} MB: {out}")


if __name__ == "__main__":
    main()
