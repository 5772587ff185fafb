#!/usr/bin/env python3
"""Makes places for `fimble-next-edit-eval` from two releases of public packages: what their authors changed, in order.

    tools/sets/next_edit.py --out FOLDER [--cache FOLDER] [--only NAME ...]

Writes `develop.jsonl` and `held-out.jsonl`, and prints what share of all changes follows from an earlier one. The packages are
data: nothing of them is imported or run, except that pip asks an archive of sources for its name. Invariant: a package is in one
file only; one whose licence is not on the recipe's list of allowed ones, or that a client cannot fetch, is named and left out,
and the run then ends with an error; the same releases give the same places.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
import tarfile
import zipfile

import build
from hunks import HEAD, METHOD, IDENTIFIER, Relations, applied, hunks_of, is_blank

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "recipe"))
from data.packages import CorpusError, check_licence, licence_in_metadata  # noqa: E402
from data.texts import SKIPPED_PATH, clean, is_wanted, language_of  # noqa: E402

# Name, client, older and newer release. Detectors are written with the first half in view.
PACKAGES = {
    "develop": [
        ("attrs", "pip", "23.1.0", "23.2.0"),
        ("flask", "pip", "2.3.3", "3.0.0"),
        ("jinja2", "pip", "3.0.3", "3.1.0"),
        ("networkx", "pip", "3.2.1", "3.3"),
        ("pytest", "pip", "7.4.4", "8.0.0"),
        ("rich", "pip", "13.6.0", "13.7.0"),
        ("starlette", "pip", "0.36.3", "0.37.0"),
        ("trio", "pip", "0.22.2", "0.23.0"),
        ("eslint", "npm", "8.56.0", "9.0.0"),
        ("fastify", "npm", "4.26.2", "4.27.0"),
        ("three", "npm", "0.160.0", "0.161.0"),
        ("undici", "npm", "6.6.2", "6.7.0"),
        ("webpack", "npm", "5.89.0", "5.90.0"),
        ("@reduxjs/toolkit", "npm", "1.9.7", "2.0.0"),
        ("@trpc/server", "npm", "10.44.1", "10.45.0"),
        ("rxjs", "npm", "6.6.7", "7.0.0"),
        ("viem", "npm", "2.9.0", "2.10.0"),
        ("@capacitor/android", "npm", "4.8.0", "5.0.0"),
        ("react-native-fast-image", "npm", "8.3.7", "8.6.3"),
        ("react-native", "npm", "0.70.6", "0.71.0"),
        ("node-addon-api", "npm", "5.1.0", "6.0.0"),
        ("axum", "cargo", "0.6.20", "0.7.0"),
        ("clap_builder", "cargo", "4.2.7", "4.3.0"),
        ("hyper", "cargo", "0.14.28", "1.0.1"),
        ("nom", "cargo", "7.1.3", "8.0.0"),
        ("rayon", "cargo", "1.8.1", "1.9.0"),
        ("regex-automata", "cargo", "0.4.3", "0.4.4"),
        ("tree-sitter", "cargo", "0.20.10", "0.22.1"),
        ("zstd-sys", "cargo", "2.0.9+zstd.1.5.5", "2.0.10+zstd.1.5.6"),
    ],
    "held-out": [
        ("click", "pip", "8.1.8", "8.2.0"),
        ("httpx", "pip", "0.25.2", "0.26.0"),
        ("marshmallow", "pip", "3.20.2", "3.21.0"),
        ("pydantic", "pip", "2.6.4", "2.7.0"),
        ("urllib3", "pip", "1.26.18", "2.0.0"),
        ("werkzeug", "pip", "2.3.8", "3.0.0"),
        ("chromadb", "sdist", "0.5.0", "0.5.11"),
        ("jsdom", "npm", "22.1.0", "23.0.0"),
        ("mocha", "npm", "10.2.0", "11.0.1"),
        ("mongoose", "npm", "8.1.3", "8.2.0"),
        ("svelte", "npm", "4.2.8", "4.2.9"),
        ("@apollo/client", "npm", "4.0.0", "4.1.0"),
        ("@tanstack/query-core", "npm", "4.36.1", "5.0.0"),
        ("@tanstack/table-core", "npm", "8.10.7", "8.11.0"),
        ("@wagmi/core", "npm", "2.6.0", "2.9.0"),
        ("cordova-android", "npm", "11.0.0", "12.0.0"),
        ("react-native-share", "npm", "8.0.0", "10.0.0"),
        ("react-native-svg", "npm", "13.10.0", "13.14.0"),
        ("yoga-layout", "npm", "2.0.0", "3.0.0"),
        ("nan", "npm", "2.17.0", "2.18.0"),
        ("react-native-reanimated", "npm", "3.5.4", "3.6.0"),
        ("h2", "cargo", "0.3.26", "0.4.0"),
        ("indexmap", "cargo", "1.9.3", "2.0.0"),
        ("libmimalloc-sys", "cargo", "0.1.35", "0.1.37"),
        ("reqwest", "cargo", "0.11.27", "0.12.0"),
        ("tower-http", "cargo", "0.4.4", "0.5.0"),
        ("winnow", "cargo", "0.5.40", "0.6.0"),
    ],
}

CODE = ("python", "javascript", "typescript", "rust", "go", "java", "c", "cpp")
# A file with more is another file.
MAX_HUNKS, MAX_CHANGED, MAX_LINES = 80, 0.5, 4000
# Hunks that are typed before a place; earlier ones are there from the start, and so are longer ones.
N_TYPED, MAX_TYPED_LINES = 6, 30
# Places of each kind in one language of a package, and in one file of it.
PER_PACKAGE = {"rename": 6, "repeat": 6, "signature": 6, "counterpart": 6, "other": 4, "nothing": 3}
PER_FILE = 2


class Place:
    """A state of a file: hunks that are there, hunks that are typed, hunks that are left."""

    def __init__(self, old, hunks, typed, left):
        # What is neither typed nor left is in the text from the start.
        self.text, self.starts = applied_before(old, hunks, set(typed) | set(left))
        self.hunks, self.typed, self.left = hunks, typed, left

    def edits(self):
        """The typed changes: number of the hunk, range in the text at the start, new text."""
        return [[number, self.starts[at] + change.start, self.starts[at] + change.end, change.new]
                for number, at in enumerate(self.typed) for change in self.hunks[at].changes]

    def remaining(self, following):
        """The hunks that are left: range of lines in the text at the start, new lines, and whether it follows."""
        return [[self.starts[at], self.starts[at] + len("".join(self.hunks[at].old)), "".join(self.hunks[at].new), at in following]
                for at in self.left]

    def case(self, kind, sort, following=()):
        return in_bytes(self.text, {"kind": kind, "sort": sort, "text": self.text, "edits": self.edits(),
                                    "remaining": self.remaining(following)})


def applied_before(old, hunks, out):
    """The old text with all hunks but some, and where each of those begins in it."""
    lines, at, result, starts, length = old.splitlines(keepends=True), 0, [], {}, 0
    for number, hunk in enumerate(hunks):
        kept = "".join(lines[at:hunk.start])
        length += len(kept)
        starts[number] = length
        body = "".join(hunk.old if number in out else hunk.new)
        length += len(body)
        result += [kept, body]
        at = hunk.end
    return "".join(result) + "".join(lines[at:]), starts


def in_bytes(text, case):
    """A case whose ranges count bytes instead of characters."""
    if text.isascii():
        return case
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    case["edits"] = [[number, at[start], at[end], new] for number, start, end, new in case["edits"]]
    case["remaining"] = [[at[start], at[end], *more] for start, end, *more in case["remaining"]]
    return case


def typed_up_to(hunks, at):
    """The last hunks up to one that are short enough to be typed, with that one."""
    short = [one for one in range(at + 1) if len(hunks[one].new) <= MAX_TYPED_LINES or one == at]
    return short[-N_TYPED:]


def cases_of(old, new, hunks):
    """All places of a file, by kind."""
    relations = Relations(old, new, hunks)
    cases = collections.defaultdict(list)
    n = len(hunks)
    usable = [at for at in range(n) if not is_blank(hunks[at]) and len(hunks[at].new) <= MAX_TYPED_LINES]
    for at in usable:
        typed, left = typed_up_to(hunks, at), list(range(at + 1, n))
        if left:
            kind, following = relations.kind(at, left)
            n_examples = sum(kind is not None and relations.follows(kind, one, at) for one in typed[:-1]) + 1
            sort = f"{min(n_examples, 3)} so far" if kind else ""
            cases[kind or "other"].append(Place(old, hunks, typed, left).case(kind or "other", sort, following))
    cases["nothing"] += nothing_of(old, hunks, relations, usable)
    return cases


def nothing_of(old, hunks, relations, usable):
    """Places at which nothing is to be done."""
    n, found = len(hunks), []
    if usable and usable[-1] == n - 1:
        related = any(relations.kind(at, range(at + 1, n))[0] for at in range(n - 1))
        sort = "one edit" if n == 1 else "all done" if related else "last edit"
        found.append(Place(old, hunks, typed_up_to(hunks, n - 1), []).case("nothing", sort))
    for at in usable:
        hunk = hunks[at]
        if hunk.is_insertion and len(hunk.new) >= 4 and any(HEAD.search(line) or METHOD.match(line) for line in hunk.new):
            found.append(Place(old, hunks, [at], []).case("nothing", "new function"))
        typed, left = typed_up_to(hunks, at), list(range(at + 1, n))
        undone = Place(old, hunks, typed[-1:], left).case("nothing", "undone")
        found.append({**undone, "undone": True})
        within = Place(old, hunks, typed, left).case("nothing", "in a word")
        last = within["edits"][-1]
        word = next((word for word in reversed(list(IDENTIFIER.finditer(last[3]))) if len(word[0]) >= 5), None)
        if word and last[3].isascii():
            # The word is typed up to its middle.
            within["edits"][-1] = [*last[:3], last[3][:word.start() + len(word[0]) // 2]]
            found.append({**within, "typing": True})
    return found


def chosen(cases, seed):
    """A few places of each kind, from as many files as possible: pairs of path and case. Of those where nothing is to be done,
    each sort counts as a kind."""
    by_kind = collections.defaultdict(list)
    for path, of_file in sorted(cases.items()):
        for kind, of_kind in sorted(of_file.items()):
            of_sort = collections.defaultdict(list)
            for case in of_kind:
                of_sort[case["sort"] if kind == "nothing" else ""].append(case)
            for sort, of_sort in sorted(of_sort.items()):
                picked = random.Random(f"{seed} {path} {kind} {sort}").sample(of_sort, min(PER_FILE, len(of_sort)))
                by_kind[language_of(path, picked[0]["text"]), kind, sort] += [(round_, path, case) for round_, case in enumerate(picked)]
    result = []
    for (language, kind, sort), of_kind in sorted(by_kind.items()):
        random.Random(f"{seed} {language} {kind} {sort}").shuffle(of_kind)
        # The second of a file comes after the first ones of all files.
        of_kind.sort(key=lambda item: item[0])
        result += [(path, case) for _, path, case in of_kind[:PER_PACKAGE[kind]]]
    return result


def sources(folder):
    """The texts of a package by path, as the recipe of the model takes them. The root of a wheel is that of the archive."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.is_symlink() or SKIPPED_PATH.search("/" + name) or path.stat().st_size > 400_000:
            continue
        text = clean(path.read_bytes()) if language_of(name, "") in CODE else None
        if text is not None and is_wanted(text):
            texts[name] = text
    return texts


def licence_of(folder, client):
    """The licence that a package states; the first metadata file counts."""
    kind = {"pip": "pypi-wheel", "sdist": "pypi-sdist"}.get(client, client)
    names = {"npm": ["package.json"], "cargo": ["Cargo.toml"]}.get(client, ["PKG-INFO", "*.dist-info/METADATA"])
    for path in (path for name in names for path in sorted(folder.glob(name))):
        return licence_in_metadata(kind, path.relative_to(folder).as_posix(), path.read_text("utf-8", "replace"))
    return ""


def changed_files(old_folder, new_folder):
    """Path, old and new text, and hunks of the files that were changed and are still the same files."""
    old_texts, new_texts = sources(old_folder), sources(new_folder)
    for path in sorted(old_texts.keys() & new_texts.keys()):
        old, new = old_texts[path], new_texts[path]
        n_lines = old.count("\n") + 1
        if old == new or n_lines > MAX_LINES:
            continue
        hunks = hunks_of(old, new)
        n_changed = sum(max(len(hunk.old), len(hunk.new)) for hunk in hunks)
        if len(hunks) <= MAX_HUNKS and n_changed <= MAX_CHANGED * n_lines:
            yield path, old, new, hunks


def shares(old, new, hunks):
    """How many of the hunks of a file follow from an earlier one, by kind."""
    relations = Relations(old, new, hunks)
    counts = collections.Counter()
    for at in range(len(hunks)):
        kinds = (kind for kind in Relations.KINDS if any(relations.follows(kind, one, at) for one in range(at)))
        counts["blanks only" if is_blank(hunks[at]) else next(kinds, "other")] += 1
    return counts


def package_cases(cache, name, client, before, after):
    """The places of a package, and how many of its hunks are of each kind, by language."""
    folders = [build.ensure(cache, name, client, version) for version in (before, after)]
    for folder in folders:
        check_licence(name, licence_of(folder, client))
    cases, counts, seen = {}, collections.defaultdict(collections.Counter), set()
    for path, old, new, hunks in changed_files(*folders):
        # Packages hold the same file in several forms.
        changed = tuple((hunk.old, hunk.new) for hunk in hunks)
        if changed in seen:
            continue
        seen.add(changed)
        cases[path] = cases_of(old, new, hunks)
        counts[language_of(path, old)] += shares(old, new, hunks)
    picked = [{"package": f"{name} {after}", "path": path, "language": language_of(path, case["text"]), **case}
              for path, case in chosen(cases, name)]
    return picked, counts


def table(counts):
    """The shares of all hunks, by language."""
    kinds = [*Relations.KINDS, "other", "blanks only"]
    rows = [f"| language | hunks | {' | '.join(kinds)} |", "|---" * (len(kinds) + 2) + "|"]
    for language in [*sorted(counts), "all"]:
        of_language = sum(counts.values(), collections.Counter()) if language == "all" else counts[language]
        n = sum(of_language.values())
        rows.append(f"| {language} | {n} | {' | '.join(f'{of_language[kind] / max(n, 1):.1%}' for kind in kinds)} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the places")
    parser.add_argument("--cache", type=pathlib.Path, default=build.default_cache(), help="where sources are kept [%(default)s]")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this package; may be given several times")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    failed, counts = False, collections.defaultdict(collections.Counter)
    for split, packages in PACKAGES.items():
        with open(args.out / f"{split}.jsonl", "w", encoding="utf-8") as out:
            for name, client, before, after in packages:
                if args.only and name not in args.only:
                    continue
                try:
                    cases, of_package = package_cases(args.cache, name, client, before, after)
                except (OSError, CorpusError, subprocess.CalledProcessError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
                    print(f"left out: {name} {before} and {after}: {error}", file=sys.stderr)
                    failed = True
                    continue
                out.writelines(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
                for language, of_language in of_package.items():
                    counts[language] += of_language
                kinds = collections.Counter(case["kind"] for case in cases)
                print(f"{split}: {name}: {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}", file=sys.stderr)
    print(table(counts))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
