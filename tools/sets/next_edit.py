#!/usr/bin/env python3
"""Makes places for `fimble-next-edit-eval` from two releases of public packages: what their authors changed, in order.

    tools/sets/next_edit.py --out FOLDER [--cache FOLDER] [--only NAME ...] [--dense]

Writes `develop.jsonl` and `held-out.jsonl`, and prints what share of all changes follows from an earlier one. The packages are
data: nothing of them is imported or run, except that pip asks an archive of sources for its name. Invariant: a package is in one
file only; one whose licence is not on the recipe's list of allowed ones, or that a client cannot fetch, is named and left out,
and the run then ends with an error; the same releases give the same places.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import build
from hunks import Relations, hunks_of, is_blank
from places import Version, chosen, places_across, places_in

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "recipe"))
from data.packages import CorpusError, check_licence, licence_in_metadata  # noqa: E402
from data.texts import SKIPPED_PATH, clean, is_wanted, language_of  # noqa: E402

# Name, client, older and newer release. Detectors are written with those for development in view, and fitted to them.
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
    "held-out": [
        ("aiohttp", "pip", "3.8.6", "3.9.0"),
        ("anyio", "pip", "3.7.1", "4.0.0"),
        ("celery", "pip", "5.3.6", "5.4.0"),
        ("fastapi", "pip", "0.99.1", "0.100.0"),
        ("scrapy", "pip", "2.10.1", "2.11.0"),
        ("sphinx", "pip", "7.2.6", "7.3.0"),
        ("sqlalchemy", "pip", "2.0.25", "2.0.30"),
        ("textual", "pip", "0.47.0", "0.48.0"),
        ("tornado", "pip", "6.3.3", "6.4"),
        ("express", "npm", "4.18.2", "5.0.0"),
        ("knex", "npm", "2.5.1", "3.0.0"),
        ("pino", "npm", "8.17.0", "9.0.0"),
        ("sequelize", "npm", "6.32.0", "6.37.0"),
        ("stylelint", "npm", "15.10.0", "15.11.0"),
        ("effect", "npm", "3.0.0", "3.1.0"),
        ("immer", "npm", "10.0.3", "10.1.0"),
        ("mongodb", "npm", "6.3.0", "6.4.0"),
        ("openai", "npm", "4.20.0", "4.24.0"),
        ("@react-native-community/netinfo", "npm", "9.3.10", "11.0.0"),
        ("@react-native-firebase/messaging", "npm", "17.0.0", "19.0.0"),
        ("cordova-plugin-camera", "npm", "6.0.0", "7.0.0"),
        ("react-native-device-info", "npm", "10.0.0", "10.11.0"),
        ("react-native-maps", "npm", "1.4.0", "1.10.0"),
        ("react-native-webview", "npm", "11.26.0", "13.0.0"),
        ("canvas", "npm", "2.10.2", "2.11.2"),
        ("node-pty", "npm", "0.10.1", "1.0.0"),
        ("sharp", "npm", "0.32.6", "0.33.0"),
        ("bevy_ecs", "cargo", "0.12.1", "0.13.0"),
        ("diesel", "cargo", "2.0.4", "2.1.0"),
        ("egui", "cargo", "0.24.1", "0.25.0"),
        ("hidapi", "cargo", "2.4.1", "2.5.0"),
        ("image", "cargo", "0.24.9", "0.25.0"),
        ("libz-sys", "cargo", "1.1.12", "1.1.16"),
        ("onig_sys", "cargo", "69.7.1", "69.8.1"),
        ("ratatui", "cargo", "0.25.0", "0.26.0"),
        ("rustls", "cargo", "0.21.10", "0.22.0"),
        ("tokio", "cargo", "1.35.1", "1.36.0"),
    ],
}

CODE = ("python", "javascript", "typescript", "rust", "go", "java", "c", "cpp")
# A file with more is another file.
MAX_HUNKS, MAX_CHANGED, MAX_LINES = 80, 0.5, 4000


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


def changed_files(old_texts, new_texts):
    """The files that were changed and are still the same files."""
    seen = set()
    for path in sorted(old_texts.keys() & new_texts.keys()):
        old, new = old_texts[path], new_texts[path]
        n_lines = old.count("\n") + 1
        if old == new or n_lines > MAX_LINES:
            continue
        hunks = hunks_of(old, new)
        n_changed = sum(max(len(hunk.old), len(hunk.new)) for hunk in hunks)
        # Packages hold the same file in several forms.
        changed = tuple((hunk.old, hunk.new) for hunk in hunks)
        if len(hunks) <= MAX_HUNKS and n_changed <= MAX_CHANGED * n_lines and changed not in seen:
            seen.add(changed)
            yield Version(path, language_of(path, old), old, new, hunks)


def shares(version):
    """How many of the hunks of a file follow from an earlier one, by kind."""
    counts = collections.Counter()
    for at, hunk in enumerate(version.hunks):
        kinds = (kind for kind in Relations.KINDS if any(version.relations.follows(kind, one, at) for one in range(at)))
        counts["blanks only" if is_blank(hunk) else next(kinds, "other")] += 1
    return counts


def package_places(cache, name, client, before, after, is_dense):
    """The places of a package, and how many of its hunks are of each kind, by language."""
    folders = [build.ensure(cache, name, client, version) for version in (before, after)]
    for folder in folders:
        check_licence(name, licence_of(folder, client))
    old_texts, new_texts = map(sources, folders)
    versions = list(changed_files(old_texts, new_texts))
    unchanged = {path: text for path, text in new_texts.items() if old_texts.get(path) == text}
    counts = collections.defaultdict(collections.Counter)
    for version in versions:
        counts[version.language] += shares(version)
    found = [place for version in versions for place in places_in(version)]
    found += places_across(versions, {path: (language_of(path, text), text) for path, text in unchanged.items()})
    return [{"package": f"{name} {after}", **place} for place in chosen(found, name, is_dense)], counts


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
    parser.add_argument("--dense", action="store_true", help="more places of each kind, to fit confidences to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    failed, counts = False, collections.defaultdict(collections.Counter)
    for split, packages in PACKAGES.items():
        with open(args.out / f"{split}.jsonl", "w", encoding="utf-8") as out:
            for name, client, before, after in packages:
                if args.only and name not in args.only:
                    continue
                try:
                    places, of_package = package_places(args.cache, name, client, before, after, args.dense)
                except (OSError, CorpusError, subprocess.CalledProcessError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
                    print(f"left out: {name} {before} and {after}: {error}", file=sys.stderr)
                    failed = True
                    continue
                out.writelines(json.dumps(place, ensure_ascii=False) + "\n" for place in places)
                for language, of_language in of_package.items():
                    counts[language] += of_language
                kinds = collections.Counter(place["kind"] for place in places)
                print(f"{split}: {name}: {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}", file=sys.stderr)
    print(table(counts))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
