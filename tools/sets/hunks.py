"""The changes between two versions of a file: hunks of lines, the changes of tokens in them, and which hunk follows from which.

Invariant: everything is a function of its arguments; a hunk's changes applied to its old text give its new text.
"""

import dataclasses
import difflib
import functools
import re

TOKEN = re.compile(r"[A-Za-z_$][\w$]*|\d[\w.]*|\n|[^\S\n]+|.")
IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
# Words of the languages that are no names.
KEYWORDS = frozenset(
    "abstract and any as assert async await bool boolean break byte case catch char class const continue crate def default defer "
    "del delete do double elif else enum except export extends extern false False final finally float fn for from func function "
    "global go if impl implements import in instanceof int interface is isize lambda let long loop match mod module move mut new "
    "nil None nonlocal not null number object or override package pass private protected pub public raise range readonly ref "
    "return self Self short signed static str string String struct super switch this throw throws trait true True try type typeof "
    "u8 u16 u32 u64 undefined union unknown unsafe unsigned use usize using var virtual void volatile where while with yield i8 "
    "i16 i32 i64 size_t".split())
# Below this similarity a line is written anew, not changed in places.
MIN_SIMILARITY = 0.5
# Arguments are looked for so many lines up.
MAX_ARGUMENT_LINES = 40
HEAD = re.compile(r"\b(?:def|fn|func|function)\s+(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)\s*(?:<[^>]*>)?\(")
METHOD = re.compile(r"^\s*(?!(?:return|else|if|for|while|switch|catch|do|new|await|throw)\b)(?:[\w<>\[\],:*&~?.]+\s+)*"
                    r"([A-Za-z_$][\w$]*)\s*\(.*\)[^;=]*\{\s*$")


@dataclasses.dataclass(frozen=True)
class Hunk:
    """Lines `start..end` of the old file, which became the lines `new`."""

    start: int
    end: int
    old: tuple
    new: tuple

    @property
    def is_insertion(self):
        return not self.old

    @functools.cached_property
    def changes(self):
        return changes_of("".join(self.old), "".join(self.new))


@dataclasses.dataclass(frozen=True)
class Change:
    """The characters `start..end` of a hunk's old text, which became `new`."""

    start: int
    end: int
    old: str
    new: str
    # The tokens beside it.
    before: str
    after: str


def tokens_of(text):
    return TOKEN.findall(text)


def names_of(text):
    return set(IDENTIFIER.findall(text)) - KEYWORDS


def matcher(old, new):
    return difflib.SequenceMatcher(None, old, new, autojunk=False)


def hunks_of(old, new):
    """The hunks between two texts, from top to bottom. No line that is the same on both sides is in one."""
    old, new = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return [Hunk(i, j, tuple(old[i:j]), tuple(new[k:l]))
            for tag, i, j, k, l in matcher(old, new).get_opcodes() if tag != "equal"]


def changes_of(old, new):
    """The changes that somebody makes to turn one text into the other: in places where the lines are alike, of whole lines where
    they are not."""
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(old_lines) != len(new_lines):
        return changes_in(old, new, 0)
    changes, at = [], 0
    for old_line, new_line in zip(old_lines, new_lines):
        changes += changes_in(old_line, new_line, at)
        at += len(old_line)
    return changes


def changes_in(old, new, offset):
    """The changes of the tokens of a text, which begins at an offset."""
    old_tokens, new_tokens = tokens_of(old), tokens_of(new)
    matching = matcher(old_tokens, new_tokens)
    steps = [step for step in matching.get_opcodes() if step[0] != "equal"]
    if not steps:
        return []
    if old and matching.ratio() < MIN_SIMILARITY:
        steps = [("replace", 0, len(old_tokens), 0, len(new_tokens))]
    merged = [list(steps[0][1:])]
    for _, i, j, k, l in steps[1:]:
        # What only blanks part is one change.
        if not "".join(old_tokens[merged[-1][1]:i]).strip():
            merged[-1][1], merged[-1][3] = j, l
        else:
            merged.append([i, j, k, l])
    starts = [offset]
    for token in old_tokens:
        starts.append(starts[-1] + len(token))
    return [trimmed(Change(starts[i], starts[j], "".join(old_tokens[i:j]), "".join(new_tokens[k:l]),
                           next((token for token in reversed(old_tokens[:i]) if token.strip()), ""),
                           next((token for token in old_tokens[j:] if token.strip()), "")))
            for i, j, k, l in merged]


def trimmed(change):
    """A change without the blanks that are the same at its ends."""
    old, new, start, end = change.old, change.new, change.start, change.end
    while old and new and old[0] == new[0] and old[0].isspace():
        old, new, start = old[1:], new[1:], start + 1
    while old and new and old[-1] == new[-1] and old[-1].isspace():
        old, new, end = old[:-1], new[:-1], end - 1
    return dataclasses.replace(change, start=start, end=end, old=old, new=new)


def is_blank(hunk):
    """Whether only blanks change."""
    return "".join("".join(hunk.old).split()) == "".join("".join(hunk.new).split())


def renamed(hunk):
    """The pairs of names, old and new, that a hunk exchanges."""
    return {(change.old, change.new) for change in hunk.changes
            if IDENTIFIER.fullmatch(change.old) and IDENTIFIER.fullmatch(change.new)
            and change.old not in KEYWORDS and change.new not in KEYWORDS}


def patterns(hunk):
    """What has to be the same in two hunks for them to be the same edit, where the text between the changes differs."""
    found = set()
    for change in hunk.changes:
        old, new = "".join(change.old.split()), "".join(change.new.split())
        # A lone bracket or comma says nothing; with its neighbours it does.
        if old == new:
            continue
        if old and new and IDENTIFIER.search(old + new):
            found.add((old, new))
        elif len(tokens_of(old + new)) >= 2 and IDENTIFIER.search(old + new):
            found.update({(old, new, "before", change.before), (old, new, "after", change.after)})
    changes = tuple(("".join(change.old.split()), "".join(change.new.split())) for change in hunk.changes)
    if len(changes) >= 2 and len(hunk.old) == len(hunk.new) == 1:
        found.add(changes)
    return found


def enclosing(lines, at):
    """The name before the bracket that is open where a line begins, and whether it is that of a function's head."""
    depth = 0
    for above in reversed(lines[max(at - MAX_ARGUMENT_LINES, 0):at]):
        for place in range(len(above) - 1, -1, -1):
            depth += (above[place] in ")]}") - (above[place] in "([{")
            if depth < 0:
                name = re.search(r"([A-Za-z_$][\w$]*)\s*(?:<[^>()]*>)?$", above[:place])
                head = HEAD.search(above)
                is_named = above[place] == "(" and name is not None and name[1] not in KEYWORDS
                return (name[1], head is not None and head[1] == name[1]) if is_named else None
    return None


def arguments(hunk, heads_only):
    """The names before brackets, at heads of functions or elsewhere, with whether what stands in the brackets changes."""
    sides = []
    for lines in (hunk.old, hunk.new):
        side = {}
        for line in lines:
            head = HEAD.search(line) or METHOD.match(line)
            for call in re.finditer(r"([A-Za-z_$][\w$]*)\s*(?:<[^>()]*>)?\(", line):
                if call[1] not in KEYWORDS and (head is not None and head[1] == call[1]) == heads_only:
                    side.setdefault(call[1], []).append("".join(inside(line, call.end()).split()))
        sides.append(side)
    return {name: sides[0][name] != sides[1][name] for name in sides[0].keys() & sides[1].keys()}


def inside(line, at):
    """The text up to the bracket that closes."""
    depth = 1
    for end in range(at, len(line)):
        depth += (line[end] in "([{") - (line[end] in ")]}")
        if not depth:
            return line[at:end]
    return line[at:]


class Relations:
    """Which hunk of a file follows from which."""

    KINDS = ("rename", "repeat", "signature", "counterpart")

    def __init__(self, old, new, hunks):
        old_names, new_names = names_of(old), names_of(new)
        self.lines = old.splitlines(keepends=True)
        # A name is renamed where none of it is left.
        pairs = [{pair for pair in renamed(hunk) if pair[0] not in new_names} for hunk in hunks]
        self.keys = {
            "rename": pairs,
            "repeat": [patterns(hunk) - of_hunk for hunk, of_hunk in zip(hunks, pairs)],
            "signature": [self.changed(hunk, heads_only=True) for hunk in hunks],
            # A name that is new, in a few lines that are new.
            "counterpart": [names_of("".join(hunk.new)) - old_names if hunk.is_insertion and len(hunk.new) <= 3 else set()
                            for hunk in hunks],
        }
        self.calls = [self.changed(hunk, heads_only=False) for hunk in hunks]

    def changed(self, hunk, heads_only):
        """The names of the functions whose parameters, or of the calls whose arguments, a hunk changes."""
        names = {name for name, changes in arguments(hunk, heads_only).items() if changes}
        around = enclosing(self.lines, hunk.start)
        if around and around[1] == heads_only and not is_blank(hunk):
            names.add(around[0])
        return names

    def follows(self, kind, first, second):
        """Whether a hunk follows from an earlier one."""
        others = self.calls if kind == "signature" else self.keys[kind]
        return not self.keys[kind][first].isdisjoint(others[second])

    def kind(self, first, later):
        """The kind of the strongest relation of a hunk to the later ones, with those that follow; nothing if none does."""
        for kind in self.KINDS:
            following = [at for at in later if self.follows(kind, first, at)]
            if following:
                return kind, following
        return None, []
