"""Pictures of a terminal as SVG: one screen, or a recording that CSS plays.

A screen is a pair: its lines with their escape sequences for colours, and the column and row of the cursor.

Invariant: a picture shows cells of the screen and nothing else, but the key that is named below a recording; a viewer that plays
no animation shows one whole screen.
"""

import collections
import html
import re
import unicodedata

BASIC = ["#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
         "#7f848e", "#ff7b85", "#a9d98a", "#f5d08b", "#71bfff", "#d688ed", "#66c6d2", "#ffffff"]
FOREGROUND, BACKGROUND, BORDER = "#d7dae0", "#16181d", "#4a4f59"
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 12
FONTS = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"
LOOKS = (("bold", ";font-weight:700"), ("italic", ";font-style:italic"), ("dim", ";opacity:.6"),
         ("underline", ";text-decoration:underline"), ("strike", ";text-decoration:line-through"))
# The height of the strip below a recording that names the key which is pressed.
KEY_HEIGHT = 30


def _indexed(number):
    if number < 16:
        return BASIC[number]
    if number >= 232:
        level = 8 + (number - 232) * 10
        return f"#{level:02x}{level:02x}{level:02x}"
    number -= 16
    levels = [0, 95, 135, 175, 215, 255]
    return "#" + "".join(f"{levels[part]:02x}" for part in (number // 36, number // 6 % 6, number % 6))


def _apply(style, codes):
    """The style after one escape sequence for colours."""
    codes = [int(code or 0) for code in re.split("[;:]", codes)] or [0]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code in (38, 48) and codes:
            target = "fg" if code == 38 else "bg"
            if codes.pop(0) == 5:
                style = {**style, target: _indexed(codes.pop(0))}
            else:
                style = {**style, target: "#%02x%02x%02x" % tuple(codes[:3])}
                codes = codes[3:]
        elif code in (1, 2, 3, 4, 7, 9):
            style = {**style, {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}[code]: True}
        elif code in (22, 23, 24, 27, 29):
            gone = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}[code]
            style = {key: value for key, value in style.items() if key not in gone}
        elif code in (39, 49):
            style = {key: value for key, value in style.items() if key != ("fg" if code == 39 else "bg")}
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = {**style, "fg": BASIC[code - 30 if code < 90 else code - 82]}
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = {**style, "bg": BASIC[code - 40 if code < 100 else code - 92]}
    return style


def _runs(line, style):
    """Pieces of a line with their styles, and the style after it."""
    runs = []
    for part in re.split("(\x1b\\[[0-9;:]*m)", line):
        if part.startswith("\x1b["):
            style = _apply(style, part[2:-1])
        elif part:
            runs.append((re.sub("\x1b[^m]*?[@-~]|[\x0e\x0f]", "", part), style))
    return runs, style


def _cells(text):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


class _Picture:
    """What all rows of one picture share: its size, its background and the classes of its colours."""

    def __init__(self, screens, width, rows):
        self.width, self.rows = width, rows
        self.classes = {}
        backgrounds = collections.Counter()
        for row in self._rows(screens[0]):
            for text, look in row:
                backgrounds[look.get("bg", BACKGROUND)] += _cells(text)
        self.background = backgrounds.most_common(1)[0][0]

    def _rows(self, screen):
        style, rows = {}, []
        for line in screen[0][:self.rows]:
            runs, style = _runs(line, style)
            rows.append(runs)
        return rows

    def _class(self, rules):
        return self.classes.setdefault(rules, f"c{len(self.classes)}")

    def elements(self, screen):
        """The elements of each row, placed as those of the first one, so that equal rows give equal texts."""
        return [self._row(runs) for runs in self._rows(screen)]

    def _row(self, runs):
        boxes, texts, column = [], [], 0
        for text, look in runs:
            front, back = look.get("fg", FOREGROUND), look.get("bg", BACKGROUND)
            if look.get("reverse"):
                front, back = back, front
            n_cells = _cells(text)
            if back != self.background:
                boxes.append(f'<rect x="{_x(column)}" width="{_size(n_cells)}" height="{CELL_HEIGHT}" '
                             f'class="{self._class(f"fill:{back}")}"/>')
            bare = text.strip()
            if bare:
                at = column + _cells(text[:len(text) - len(text.lstrip())])
                rules = f"fill:{front}" + "".join(rule for key, rule in LOOKS if look.get(key))
                texts.append(f'<text x="{_x(at)}" y="13" textLength="{_size(_cells(bare))}" '
                             f'class="{self._class(rules)}">{html.escape(bare, quote=False)}</text>')
            column += n_cells
        return "".join(boxes + texts)

    def file(self, body, rules="", below=0):
        """The whole file, with a strip of the height `below` under the screen."""
        width = round(self.width * CELL_WIDTH + 2 * MARGIN)
        height = self.rows * CELL_HEIGHT + 2 * MARGIN + below
        colours = "".join(f".{name}{{{rule}}}" for rule, name in self.classes.items())
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
                f'font-family="{FONTS}" font-size="14" xml:space="preserve">\n<style>text{{white-space:pre}}{colours}{rules}</style>\n'
                f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="7" fill="{self.background}" '
                f'stroke="{BORDER}"/>\n' + "\n".join(body) + "\n</svg>\n")


def _x(column):
    return f"{MARGIN + column * CELL_WIDTH:.1f}"


def _y(row):
    return MARGIN + row * CELL_HEIGHT


def _size(n_cells):
    return f"{n_cells * CELL_WIDTH:.1f}"


def still(screen, width, rows):
    """A picture of one screen."""
    picture = _Picture([screen], width, rows)
    body = [f'<g transform="translate(0 {_y(row)})">{elements}</g>'
            for row, elements in enumerate(picture.elements(screen)) if elements]
    return picture.file(body)


def recording(frames, keys, duration, shown, width, rows):
    """A picture that plays frames, pairs of a time and the screen from then on, again and again.

    `keys` are triples: when a key was pressed, until when it is named, and its name. Times are in seconds from the first frame;
    the screen of the time `shown` is what a viewer without animation shows.
    """
    picture = _Picture([screen for _, screen in frames], width, rows)
    animation = _Animation(duration, shown)
    ends = [time for time, _ in frames[1:]] + [duration]
    times = [collections.defaultdict(list) for _ in range(rows)]
    cursor = []
    for (start, screen), end in zip(frames, ends):
        for row, elements in enumerate(picture.elements(screen)):
            times[row][elements].append((start, end))
        cursor.append((start, screen[1]))
    body = []
    for row, variants in enumerate(times):
        for elements, spans in variants.items():
            if elements:
                body.append(f'<g transform="translate(0 {_y(row)})"{animation.visible(spans)}>{elements}</g>')
    body.append(f'<rect x="{MARGIN}" y="{MARGIN}" width="2" height="{CELL_HEIGHT}" fill="{FOREGROUND}"'
                f'{animation.moved(cursor)}/>')
    for start, end, name in keys:
        width_of_key = _cells(name) * CELL_WIDTH + 16
        x, y = picture.width * CELL_WIDTH + MARGIN - width_of_key, _y(rows) + KEY_HEIGHT - 22
        body.append(f'<g transform="translate({x:.1f} {y})"{animation.visible([(start, end)])}>'
                    f'<rect width="{width_of_key:.1f}" height="22" rx="4" fill="none" stroke="{FOREGROUND}"/>'
                    f'<text x="8" y="16" fill="{FOREGROUND}" textLength="{_size(_cells(name))}">{html.escape(name)}</text></g>')
    return picture.file(body, animation.rules(), KEY_HEIGHT)


class _Animation:
    """The CSS of a recording: which element is visible when."""

    def __init__(self, duration, shown):
        self.duration, self.shown = duration, shown
        self.keyframes = {}

    def _attribute(self, steps, at_rest):
        """`steps` are pairs of a time and what holds from then on; `at_rest` holds where nothing is played."""
        frames = "".join(f"{time / self.duration * 100:.2f}%{{{rule}}}" for time, rule in steps)
        name = self.keyframes.setdefault(frames, f"k{len(self.keyframes)}")
        return f' style="{at_rest};animation-name:{name}" class="a"'

    def visible(self, spans):
        """The attributes of what is visible in these spans of time."""
        joined = []
        for start, end in spans:
            if joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        if joined == [(0, self.duration)]:
            return ""
        steps = [] if joined[0][0] == 0 else [(0, "visibility:hidden")]
        for start, end in joined:
            steps.append((start, "visibility:visible"))
            if end < self.duration:
                steps.append((end, "visibility:hidden"))
        is_shown = any(start <= self.shown < end for start, end in joined)
        return self._attribute(steps, "visibility:" + ("visible" if is_shown else "hidden"))

    def moved(self, places):
        """The attributes of what moves to these cells, pairs of a time and a cell."""
        def rule(cell):
            return f"transform:translate({cell[0] * CELL_WIDTH:.1f}px,{cell[1] * CELL_HEIGHT}px)"

        steps = [places[0]] + [now for before, now in zip(places, places[1:]) if now[1] != before[1]]
        at_rest = [cell for time, cell in places if time <= self.shown][-1]
        return self._attribute([(time, rule(cell)) for time, cell in steps], rule(at_rest))

    def rules(self):
        """The rules of all animations."""
        frames = "".join(f"@keyframes {name}{{{steps}}}" for steps, name in self.keyframes.items())
        return (f".a{{animation:{self.duration:.2f}s step-end infinite}}{frames}"
                "@media (prefers-reduced-motion:reduce){.a{animation:none!important}}")
