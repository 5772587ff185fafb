"""Removes text about persons and licences from source files before training. A model that has read it answers `# Author: `
with the name of a person.

Invariant: code lines stay as they are; the result has no address except those of the domains that are reserved for
examples, and no line that only says who wrote or owns the file.
"""

import re

ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?!(?:[\w-]+\.)*example\.)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")
# `git@host:path` is not the address of a person.
SSH = re.compile(r"\bgit@", re.I)
STAND_IN = "name@example.com"

NOTICE = re.compile(r"copyright|licen[sc]e|SPDX|all rights reserved|\(c\)\s*(19|20)\d\d|©", re.I)
COMMENT = r"[ \t]*(?://+[!/]?|#+|--+|;+|%+|\*+|/\*+!?|<!--|\"{3}|'{3}|REM\b|dnl\b)?[ \t]*"
MARK = r"[ \t]*(?://+[!/]?|#+|--+|;+|%+|\*+|/\*+!?|<!--|REM\b|dnl\b)[ \t]*"
ROLE = r"(?:original[ \t]+|main[ \t]+|primary[ \t]+)?(?:authors?|maintainers?|contributors?|developers?|copyright(?:[ \t]+holders?)?|contact|credits?)"
# A line that only names a person.
PERSON = re.compile(
    MARK + ROLE + r"(?:\(s\))?[ \t]*[:=©\d]|"
    + COMMENT + r"(?:" + ROLE + r"(?:\(s\))?:[ \t]+(?-i:[A-Z])[\w.'-]+[ \t]+(?-i:[A-Z<])|"
    r"[@\\](?:author|copyright|maintainer)\b|:(?:author|copyright|maintainer)s?:|__(?:author|copyright|maintainer|credits|email|contact)__[ \t]*=|"
    r"(?:written|created|contributed|developed|ported|maintained|adapted|modified|programmed|copyright)[ \t]+(?:by|\([cC]\))[ \t:]|"
    r"(?:signed-off|reviewed|co-authored|reported|acked|tested)-by:|"
    r"(?:portions[ \t]+)?(?:copyright|©|\(c\))[ \t]*(?:\([cC]\)|©|\d{4}|by\b)|SPDX-[\w-]+:|"
    r"[\"']?(?:author|authors|author_email|maintainer|maintainers|maintainer_email|contributors|owner_email)[\"']?[ \t]*[:=][ \t]*[\"'\[{])", re.I)
# A name with an address behind it.
NAME_AND_ADDRESS = re.compile(COMMENT + r"(?:[\w.'-]+[ \t]+){1,5}[<(]" + ADDRESS.pattern + r"[>)][ \t,;.*/]*$", re.I)

BLOCK = re.compile(
    r"\s*(?:/\*[\s\S]*?\*/[ \t]*(?:\n|$)|<!--[\s\S]*?-->[ \t]*(?:\n|$)|(?:r?\"{3}[\s\S]*?\"{3}|r?'{3}[\s\S]*?'{3})[ \t]*(?:\n|$)|"
    r"(?:[ \t]*(?://|#(?!!|include|define|if|pragma)|;|--)[^\n]*(?:\n|$))+)")
MOST_NOTICE = 16_000


def without_notices(text):
    """Drops the comments at the top that state copyright or licence, behind a line that names an interpreter or encoding, too."""
    head = re.match(r"(?:#![^\n]*\n|#[^\n]*coding[:=][^\n]*\n|<\?[^\n]*\n|['\"]use strict['\"];?\n)*", text).group(0)
    rest, kept = text[len(head):], ""
    for _ in range(4):
        block = BLOCK.match(rest)
        if not block:
            break
        if NOTICE.search(block.group(0)) and len(block.group(0)) < MOST_NOTICE:
            rest = rest[block.end():].lstrip("\n")
        else:
            kept, rest = kept + block.group(0), rest[block.end():]
    return head + kept + rest


def without_persons(text):
    """Drops lines whose only matter is a person or an owner, and replaces addresses in other lines."""
    lines = []
    for line in text.split("\n"):
        if PERSON.match(line) or NAME_AND_ADDRESS.match(line):
            # The ends of a comment or of a string stay, or the rest of the file would be in it.
            ends = [end for end in ("*/", "-->", '"""', "'''") if end in line]
            starts = [start for start in ("/*", "<!--") if start in line]
            marks = [end for end in ends if end not in ('"""', "'''") or line.count(end) % 2]
            if starts and not ends or marks and not starts:
                indentation = line[:len(line) - len(line.lstrip())]
                lines.append(indentation + (starts or marks)[0])
            continue
        lines.append(line if SSH.search(line) else ADDRESS.sub(STAND_IN, line))
    return "\n".join(lines)


def cleaned(text):
    """A text without both."""
    return without_persons(without_notices(text))
