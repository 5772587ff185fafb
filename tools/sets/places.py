"""Places at which the next edit is asked for: a file with some of its hunks, of which the last ones are typed, and what is left.

A place is a dict: `kind`, `sort`, `language`, `path`, `text` (at the start), `edits` (number of the hunk, start, end, new text),
`remaining` (start, end, new text, whether it follows), and where there is one, `others` (open files: path, text, remaining).
`undone` means that the edits are taken back, `typing` that the last word is not complete. Invariant: all ranges count bytes of the
text at the start; the same hunks give the same places.
"""

import collections
import dataclasses
import functools
import random

from hunks import HEAD, IDENTIFIER, METHOD, Relations, is_blank, names_of

# Hunks that are typed before a place; earlier ones are there from the start, and so are longer ones.
N_TYPED, MAX_TYPED_LINES = 6, 30
# Places of each kind in one language of a package, and in one file of it.
PER_PACKAGE = {"rename": 6, "repeat": 6, "signature": 6, "counterpart": 6, "other": 4, "nothing": 3}
PER_FILE = 2
# The same where there are to be many.
PER_DENSE_PACKAGE = {"rename": 40, "repeat": 40, "signature": 20, "counterpart": 20, "other": 20, "nothing": 12}
PER_DENSE_FILE = 8
# A shorter name is in another file by chance.
MIN_NAME = 4


@dataclasses.dataclass(frozen=True)
class Version:
    """A file before and after a release."""

    path: str
    language: str
    old: str
    new: str
    hunks: list

    @functools.cached_property
    def relations(self):
        return Relations(self.old, self.new, self.hunks)

    @functools.cached_property
    def order(self):
        """The hunks in the order in which they are made: down or up the file, or from one in the middle down, then what is above."""
        n = len(self.hunks)
        draw = random.Random(self.path)
        first = draw.randrange(n) if n else 0
        down, up = list(range(n)), list(range(n - 1, -1, -1))
        return draw.choice([down, up, down[first:] + up[n - first:]])

    @functools.cached_property
    def usable(self):
        """The hunks that can be typed last, in order."""
        return [at for at in self.order if not is_blank(self.hunks[at]) and len(self.hunks[at].new) <= MAX_TYPED_LINES]

    def typed_up_to(self, at):
        """The last hunks up to one that are short enough to be typed, with that one."""
        before = self.order[:self.order.index(at) + 1]
        return [one for one in before if len(self.hunks[one].new) <= MAX_TYPED_LINES][-N_TYPED:]

    def after(self, at):
        """The hunks that are made later."""
        return self.order[self.order.index(at) + 1:]

    def place(self, kind, sort, typed, left, following=()):
        """A place with some hunks typed and some left; all others are in the text from the start."""
        text, starts = with_hunks(self.old, self.hunks, set(typed) | set(left))
        edits = [[number, starts[at] + change.start, starts[at] + change.end, change.new]
                 for number, at in enumerate(typed) for change in self.hunks[at].changes]
        remaining = [[starts[at], starts[at] + len("".join(self.hunks[at].old)), "".join(self.hunks[at].new), at in following]
                     for at in sorted(left)]
        return in_bytes({"kind": kind, "sort": sort, "language": self.language, "path": self.path, "text": text, "edits": edits,
                         "remaining": remaining})


def with_hunks(old, hunks, out):
    """The old text with all hunks but some, and where in it each hunk begins."""
    lines, at, result, starts, length = old.splitlines(keepends=True), 0, [], [], 0
    for number, hunk in enumerate(hunks):
        kept, body = "".join(lines[at:hunk.start]), "".join(hunk.old if number in out else hunk.new)
        starts.append(length + len(kept))
        length += len(kept) + len(body)
        result += [kept, body]
        at = hunk.end
    return "".join(result) + "".join(lines[at:]), starts


def in_bytes(place):
    """A place whose ranges count bytes instead of characters."""
    if place["text"].isascii():
        return place
    at = [0]
    for character in place["text"]:
        at.append(at[-1] + len(character.encode()))
    place["edits"] = [[number, at[start], at[end], new] for number, start, end, new in place["edits"]]
    place["remaining"] = [[at[start], at[end], *more] for start, end, *more in place["remaining"]]
    return place


def places_in(version):
    """All places of a file."""
    relations = version.relations
    for at in version.usable:
        typed, left = version.typed_up_to(at), version.after(at)
        kind, following = relations.kind(at, left)
        if kind:
            n_examples = 1 + sum(relations.follows(kind, one, at) for one in typed[:-1])
            yield version.place(kind, f"{min(n_examples, 3)} so far", typed, left, following)
        elif left and not any(relations.kind(one, left)[0] for one in typed):
            yield version.place("other", "", typed, left)
    yield from places_without(version)


def places_without(version):
    """Places at which nothing is to be done."""
    n, usable = len(version.hunks), version.usable
    if usable and usable[-1] == version.order[-1]:
        related = any(version.relations.kind(at, version.after(at))[0] for at in version.order)
        sort = "one edit" if n == 1 else "all done" if related else "last edit"
        yield version.place("nothing", sort, version.typed_up_to(usable[-1]), [])
    for at in usable:
        hunk = version.hunks[at]
        if hunk.is_insertion and len(hunk.new) >= 4 and any(HEAD.search(line) or METHOD.match(line) for line in hunk.new):
            yield version.place("nothing", "new function", [at], [])
        yield {**version.place("nothing", "undone", [at], version.after(at)), "undone": True}
        within = version.place("nothing", "in a word", version.typed_up_to(at), version.after(at))
        number, start, end, new = within["edits"][-1]
        word = next((word for word in reversed(list(IDENTIFIER.finditer(new))) if len(word[0]) >= 5), None)
        if word:
            # The word is typed up to its middle.
            within["edits"][-1] = [number, start, end, new[:word.start() + len(word[0]) // 2]]
            yield {**within, "typing": True}


def places_across(versions, unchanged):
    """Places where a name that was changed everywhere in one file is in another open file: changed there too, or, in `unchanged`
    (path to language and text), not."""
    for version in versions:
        # The last hunk that renames, with what it renames.
        renaming = [at for at in version.usable if any(len(old) >= MIN_NAME for old, _ in version.relations.keys["rename"][at])]
        if not renaming:
            continue
        at = renaming[-1]
        pairs = {pair for pair in version.relations.keys["rename"][at] if len(pair[0]) >= MIN_NAME}
        for other in versions:
            following = [one for one, keys in enumerate(other.relations.keys["rename"]) if keys & pairs]
            if other is not version and other.language == version.language and following:
                open_file = other.place("", "", [], range(len(other.hunks)), following)
                # What is left in the edited file is there from the start.
                yield {**version.place("rename", "another file", version.typed_up_to(at), []), "others": [other_file(open_file)]}
                break
        old_names = {old for old, _ in pairs}
        for path, (language, text) in sorted(unchanged.items()):
            if language == version.language and old_names & names_of(text):
                other = {"path": path, "text": text, "remaining": []}
                yield {**version.place("nothing", "another file", version.typed_up_to(at), []), "others": [other]}
                break


def other_file(place):
    return {key: place[key] for key in ("path", "text", "remaining")}


def chosen(places, seed, is_dense=False):
    """A few places of each kind and language, from as many files as possible. Of those where nothing is to be done, each sort counts
    as a kind, and so does another file."""
    per_package, per_file = (PER_DENSE_PACKAGE, PER_DENSE_FILE) if is_dense else (PER_PACKAGE, PER_FILE)
    groups = collections.defaultdict(list)
    for place in places:
        is_own = place["kind"] == "nothing" or place["sort"] == "another file"
        groups[place["language"], place["kind"], place["sort"] if is_own else ""].append(place)
    result = []
    for (language, kind, sort), group in sorted(groups.items()):
        random.Random(f"{seed} {language} {kind} {sort}").shuffle(group)
        n_of_file, ranked = collections.Counter(), []
        for place in group:
            n_of_file[place["path"]] += 1
            # The second of a file comes after the first ones of all files.
            ranked.append((n_of_file[place["path"]], place))
        ranked = sorted((item for item in ranked if item[0] <= per_file), key=lambda item: item[0])
        result += [place for _, place in ranked[:per_package[kind]]]
    return result
