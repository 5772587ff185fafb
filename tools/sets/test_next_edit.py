"""Tests of the hunks, their relations and the places, on small texts of their own. They need no network."""

import pathlib
import tempfile
import unittest

import next_edit
import places
from hunks import Relations, changes_of, hunks_of, tokens_of

OLD = """import os

def load(path):
    return os.open(path)

def first(path):
    return load(path)[0]

def last(path):
    return load(path)[-1]

print(load("a"))
"""
RENAMED = OLD.replace("load", "fetch")
# Characters of several bytes, and lines of different lengths.
PAIRS = [
    (OLD, RENAMED), (OLD, ""), ("", OLD), ("a\nb\nc\n", "a\nB\n\nc"), ("x = 'ü'\ny = 'é'\n", "x = 'ö'  \ny = 'è' + 1\n"),
    ("f(a, b)\n", "f(a,\n  b)\n"), ("a\n  b\n", "if a:\n    b\n"), ("one two\n", "three four five\n"),
]


def version(old, new):
    return places.Version("a.py", "python", old, new, hunks_of(old, new))


def with_changes(text, ranges):
    """A text with changes of ranges of its bytes, that are apart."""
    raw = text.encode()
    for start, end, new in sorted(ranges, reverse=True):
        raw = raw[:start] + new.encode() + raw[end:]
    return raw.decode()


class Hunks(unittest.TestCase):
    def test_the_changes_of_a_hunk_give_its_new_text(self):
        for old, new in PAIRS:
            for hunk in hunks_of(old, new):
                text = "".join(hunk.old)
                for change in reversed(hunk.changes):
                    self.assertEqual(text[change.start:change.end], change.old)
                    text = text[:change.start] + change.new + text[change.end:]
                self.assertEqual(text, "".join(hunk.new))

    def test_tokens_lose_nothing(self):
        for old, new in PAIRS:
            self.assertEqual("".join(tokens_of(old + new)), old + new)

    def test_a_line_that_is_alike_is_changed_in_places(self):
        (one, two) = changes_of("x = load(path, 1)\n", "x = read(path, 2)\n")
        self.assertEqual((one.old, one.new, one.before, one.after), ("load", "read", "=", "("))
        self.assertEqual((two.old, two.new), ("1", "2"))
        (whole,) = changes_of("x = load(path, 1)\n", "raise Missing\n")
        self.assertEqual((whole.old, whole.new), ("x = load(path, 1)", "raise Missing"))


class Kinds(unittest.TestCase):
    def kinds(self, old, new):
        hunks = hunks_of(old, new)
        relations = Relations(old, new, hunks)
        return [relations.kind(at, range(at + 1, len(hunks))) for at in range(len(hunks))]

    def test_a_name_that_is_gone_is_renamed(self):
        self.assertEqual(self.kinds(OLD, RENAMED), [("rename", [1, 2, 3]), ("rename", [2, 3]), ("rename", [3]), (None, [])])
        # Where the old name is still used, its exchange is an edit like any other.
        partly = RENAMED.replace('fetch("a")', 'load("a")')
        self.assertEqual(self.kinds(OLD, partly), [("repeat", [1, 2]), ("repeat", [2]), (None, [])])

    def test_the_same_edit_around_other_text_is_repeated(self):
        old = "\n".join(f"x{n} = get({n}, {n * n})\nstop()" for n in range(3))
        self.assertEqual(self.kinds(old, old.replace("get(", "get(now, "))[0], ("repeat", [1, 2]))
        # A comma alone is no edit that is repeated.
        self.assertEqual(self.kinds("a = [1]\nx\nb = (2)\n", "a = [1,]\nx\nb = (2,)\n")[0][0], None)

    def test_calls_follow_from_a_signature(self):
        old = "def f(a):\n    pass\n\nf(1)\ng(2)\n"
        self.assertEqual(self.kinds(old, "def f(a, b):\n    pass\n\nf(1, 3)\ng(2)\n")[0], ("signature", [1]))
        old = "def f(\n    a,\n):\n    pass\n\nf(1)\ng(2)\n"
        self.assertEqual(self.kinds(old, "def f(\n    a,\n    b,\n):\n    pass\n\nf(1, 3)\ng(4)\n")[0], ("signature", [1]))

    def test_new_lines_with_a_new_name_belong_together(self):
        old = "import os\n\nCOLOURS = [\n    RED,\n]\nx = 1\n"
        new = "import os\nfrom paint import BLUE\n\nCOLOURS = [\n    RED,\n    BLUE,\n]\nx = 2\n"
        self.assertEqual(self.kinds(old, new), [("counterpart", [1]), (None, []), (None, [])])


class Places(unittest.TestCase):
    def test_edits_and_what_is_left_lead_to_the_new_text(self):
        old = "# ü\n" + OLD
        found = list(places.places_in(version(old, "# ü\n" + RENAMED)))
        self.assertEqual({place["kind"] for place in found}, {"rename", "nothing"})
        for place in found:
            if place.get("undone") or place.get("typing"):
                continue
            edits = [(start, end, new) for _, start, end, new in place["edits"]]
            left = [(start, end, new) for start, end, new, _ in place["remaining"]]
            self.assertEqual(with_changes(place["text"], edits + left), "# ü\n" + RENAMED)

    def test_files_are_edited_down_and_up_and_from_the_middle(self):
        hunks = hunks_of(OLD, RENAMED)
        orders = {tuple(places.Version(f"{n}.py", "python", OLD, RENAMED, hunks).order) for n in range(200)}
        self.assertEqual(orders, {(0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 3, 0), (2, 3, 1, 0), (3, 2, 1, 0)})

    def test_where_nothing_is_to_be_done_nothing_is_left(self):
        new = RENAMED.replace("def first", "def close(path):\n    os.close(path)\n    return path\n\ndef first")
        by_sort = {place["sort"]: place for place in places.places_in(version(OLD, new)) if place["kind"] == "nothing"}
        self.assertEqual(set(by_sort), {"all done", "new function", "in a word", "undone"})
        for sort in ("all done", "new function"):
            self.assertEqual(by_sort[sort]["remaining"], [])
        self.assertTrue(by_sort["undone"]["undone"])
        self.assertEqual(by_sort["in a word"]["edits"][-1][3], "fe")

    def test_names_are_followed_into_other_files(self):
        first = version(OLD, RENAMED)
        second = places.Version("b.py", "python", 'x = 1\nload("b")\n', 'x = 1\nfetch("b")\n', hunks_of('x = 1\nload("b")\n', 'x = 1\nfetch("b")\n'))
        unchanged = {"c.py": ("python", 'load("c")\n'), "d.rs": ("rust", "load();\n")}
        found = [place for place in places.places_across([first, second], unchanged) if place["path"] == "a.py"]
        self.assertEqual([(place["kind"], place["remaining"]) for place in found], [("rename", []), ("nothing", [])])
        self.assertEqual(found[0]["others"], [{"path": "b.py", "text": second.old, "remaining": [[6, 16, 'fetch("b")\n', True]]}])
        self.assertEqual(found[1]["others"][0]["path"], "c.py")

    def test_few_places_of_each_kind_come_from_many_files(self):
        found = [{"language": "python", "kind": "other", "sort": "", "path": f"{file}.py", "at": at} for file in range(3) for at in range(9)]
        picked = places.chosen(found, "seed")
        self.assertEqual(len(picked), places.PER_PACKAGE["other"])
        self.assertEqual(len({place["path"] for place in picked}), 3)
        self.assertEqual(picked, places.chosen(found, "seed"))


class Packages(unittest.TestCase):
    def test_a_package_is_in_one_half_only(self):
        names = [name for packages in next_edit.PACKAGES.values() for name, *_ in packages]
        self.assertEqual(len(names), len(set(names)))

    def test_the_licence_is_that_of_the_metadata(self):
        for client, path, text, expected in (
                ("npm", "package.json", '{"license": "ISC"}', "ISC"),
                ("cargo", "Cargo.toml", '[package]\nlicense = "MIT OR Apache-2.0"\n', "MIT OR Apache-2.0"),
                ("pip", "demo-1.dist-info/METADATA", "License-Expression: BSD-3-Clause\n\nbody", "BSD-3-Clause"),
                ("sdist", "PKG-INFO", "License: MIT\n\nbody", "MIT"),
                ("npm", "README.md", "", "")):
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / path
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
                self.assertEqual(next_edit.licence_of(pathlib.Path(folder), client), expected)


if __name__ == "__main__":
    unittest.main()
