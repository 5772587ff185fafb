"""Cuts: where a middle is taken out of a text, what the model sees around it, and of other files."""

import re

KINDS = {"line": 0.56, "lines": 0.22, "block": 0.10, "characters": 0.12}
NO_SUFFIX = 0.12
RIGHT_PART_STAYS = 0.20      # of the one-line middles: the line goes on behind the cursor
CUT_APART = 0.22             # middles that are tokenised in two parts, as when nothing heals the cut
INDENTATION_APART = 0.25     # middles whose indentation is tokenised apart: the server heals no blank line
OUTLINE = 0.6                # windows that begin inside a file and keep its imports
OUTLINE_SHARE = 0.15
CHARACTERS_PER_TOKEN = 3.6   # rather too much text than too little: it is cut to the budget by tokens

IMPORT = re.compile(r"^(import |from \S+ import |use |pub use |#include |using |package |const \w+ = require\(|mod \w+;)", re.M)
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{2,}")
CLOSING = re.compile(r"^[\s)\]}>;,]*$")


class Cut:
    """A middle and what stands around it, as texts."""

    __slots__ = ("path", "above", "outline", "suffix", "middle", "snippets", "repository", "budget")


def indentation(line):
    return len(line) - len(line.lstrip())


def choose_lines(rng, kind, lines, first):
    """How many lines a middle that begins at `first` has."""
    if kind == "lines":
        return min(rng.randrange(2, 6), len(lines) - first)
    if kind == "block":
        base, count = indentation(lines[first]), 1
        while first + count < len(lines) and count < 10:
            line = lines[first + count]
            if line.strip() and indentation(line) < base:
                break
            count += 1
        while count > 1 and not lines[first + count - 1].strip():
            count -= 1
        return count
    return 1


def cut(rng, text, kind, budget):
    """A cut of one kind in a text, or None where it found no place."""
    result = Cut()
    result.budget, result.snippets, result.repository, result.outline = budget, (), "", ""
    room = int(budget * CHARACTERS_PER_TOKEN)
    if kind == "characters":
        start = rng.randrange(len(text))
        end = min(len(text), start + int(rng.expovariate(1 / 50)) + 1)
        middle_start = start
    else:
        at = rng.randrange(len(text))
        start = text.rfind("\n", 0, at) + 1
        lines = text[start:start + 2000].split("\n")
        if len(text) > start + 2000:
            lines.pop()
        if not lines or not lines[0].strip() or CLOSING.match(lines[0]) and rng.random() < 0.75:
            return None
        count = choose_lines(rng, kind, lines, 0)
        middle_start, end = start, start + sum(map(len, lines[:count])) + count - 1
        if kind == "line" and rng.random() < RIGHT_PART_STAYS and end - start > 8:
            end = rng.randrange(start + (end - start) // 4, end)
    result.middle = text[middle_start:end]
    if not result.middle.strip():
        return None
    window = max(0, start - room)
    if window:
        window = text.find("\n", window, start) + 1 or start
        if rng.random() < OUTLINE:
            result.outline = imports(text[:window], int(room * OUTLINE_SHARE))
    result.above = text[window:start]
    result.suffix = "" if rng.random() < NO_SUFFIX else text[end:end + room // 2]
    return result


def parted(rng, middle):
    """A middle in the parts that are tokenised apart: what was typed, and what is to come."""
    indented, chance = indentation(middle), rng.random()
    if chance < INDENTATION_APART and 0 < indented < len(middle):
        return middle[:indented], middle[indented:]
    if chance > 1 - CUT_APART and len(middle) > 2:
        at = rng.randrange(1, len(middle))
        return middle[:at], middle[at:]
    return (middle,)


def imports(text, size):
    """The import lines of a text, as many as fit."""
    found, used = [], 0
    for match in IMPORT.finditer(text[:6000]):
        line = text[match.start():text.find("\n", match.start()) + 1]
        if used + len(line) > size:
            break
        found.append(line)
        used += len(line)
    return "".join(found)


def related(rng, files, siblings, own, around, room):
    """(path, text) of the part of some sibling files that shares most names with the text around the cursor."""
    names, best = set(WORD.findall(around)), (0.0, None)
    for index in rng.sample(siblings, min(6, len(siblings))):
        file = files[index]
        if index == own or file["path"] == files[own]["path"]:
            continue
        text = file["text"]
        for _ in range(2):
            start = rng.randrange(max(1, len(text) - room // 2))
            start = text.rfind("\n", 0, start) + 1
            end = text.rfind("\n", start, start + room) + 1 or min(len(text), start + room)
            found = set(WORD.findall(text, start, end))
            score = len(found & names) / (8 + len(found)) + 1e-6
            if score > best[0]:
                best = (score, (file["path"], text[start:end]))
    return best[1]
