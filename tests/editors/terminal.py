"""A program in a terminal of its own (tmux), and pictures of that terminal.

Must hold: nothing waits for a time, only for conditions; every terminal is gone when its test is, whatever happened.
"""

import html
import os
import re
import shutil
import subprocess
import time
import unicodedata

# Generous: a busy machine must not fail a test.
DEADLINE = float(os.environ.get("FIMBLE_TEST_DEADLINE", "60"))


def wait_for(condition, what):
    """Calls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE} s for {what() if callable(what) else what}")
        time.sleep(0.02)


class Terminal:
    """A terminal of `width` times `height` that runs `command` in `directory`."""

    def __init__(self, folder, command, env, directory=None, width=100, height=24):
        self.socket = os.path.join(folder, "tmux")
        self.width, self.height = width, height
        shell = " ".join("'" + part.replace("'", "'\\''") + "'" for part in command)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                   "-c", str(directory or folder), shell, env={**env, "TERM": "xterm-256color"})
        # Escape must not be taken for the start of another key.
        self._tmux("set-option", "-g", "escape-time", "0")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self._tmux("set-option", "-g", "status", "off")

    def _tmux(self, *arguments, env=None, check=True):
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], env=env, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {arguments[0]}: {done.stderr}")
        return done.stdout

    def keys(self, *names):
        """Presses keys by their tmux names: Tab, Escape, C-Right, ..."""
        self._tmux("send-keys", *names)

    def type(self, text):
        """Types a text."""
        self._tmux("send-keys", "-l", "--", text)

    def text(self):
        """What is on the screen, one line for each row."""
        return self._tmux("capture-pane", "-p", check=False)

    def wait_text(self, text):
        """Waits until a text is on the screen."""
        wait_for(lambda: text in self.text(), lambda: f"{text!r} on the screen:\n{self.text()}")

    def wait_no_text(self, text):
        """Waits until a text is not on the screen."""
        wait_for(lambda: text not in self.text(), lambda: f"{text!r} to go from the screen:\n{self.text()}")

    def is_alive(self):
        """Whether the program still runs."""
        return self._tmux("list-panes", "-F", "#{pane_dead}", check=False).strip() == "0"

    def close(self):
        """Ends the terminal and the program in it."""
        self._tmux("kill-server", check=False)

    def keep_picture(self, path):
        """Writes the screen as a picture if there still is one: what was on it tells more than an error."""
        if self.is_alive():
            self.picture(path)

    def picture(self, path, rows=None):
        """Writes the screen as an SVG picture."""
        ansi = self._tmux("capture-pane", "-p", "-e", "-N")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(svg(ansi.split("\n")[:rows or self.height], self.width))


BASIC = ["#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
         "#7f848e", "#ff7b85", "#a9d98a", "#f5d08b", "#71bfff", "#d688ed", "#66c6d2", "#ffffff"]
FOREGROUND, BACKGROUND = "#d7dae0", "#16181d"
CELL_WIDTH, CELL_HEIGHT = 8.4, 18


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
        elif code in (1, 2, 3, 4, 7):
            style = {**style, {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}[code]: True}
        elif code in (22, 23, 24, 27):
            gone = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}[code]
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


def svg(lines, width):
    """The lines of a terminal, with their escape sequences for colours, as a picture."""
    body, style = [], {}
    for row, line in enumerate(lines):
        column = 0
        runs, style = _runs(line, style)
        for text, look in runs:
            front, back = look.get("fg", FOREGROUND), look.get("bg")
            if look.get("reverse"):
                front, back = back or BACKGROUND, front
            n_cells = _cells(text)
            x, y = column * CELL_WIDTH + 10, row * CELL_HEIGHT + 10
            if back:
                body.append(f'<rect x="{x:.1f}" y="{y}" width="{n_cells * CELL_WIDTH:.1f}" '
                            f'height="{CELL_HEIGHT}" fill="{back}"/>')
            if text.strip():
                extra = "".join([' font-weight="bold"' if look.get("bold") else "",
                                 ' font-style="italic"' if look.get("italic") else "",
                                 ' opacity="0.6"' if look.get("dim") else ""])
                body.append(f'<text x="{x:.1f}" y="{y + 13}" fill="{front}" textLength="{n_cells * CELL_WIDTH:.1f}" '
                            f'xml:space="preserve"{extra}>{html.escape(text)}</text>')
            column += n_cells
    size = f'{width * CELL_WIDTH + 20:.0f}', f'{len(lines) * CELL_HEIGHT + 20}'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {size[0]} {size[1]}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
            f'font-size="14">\n<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>\n'
            + "\n".join(body) + "\n</svg>\n")


def needs(*programs):
    """Fails with the reason where a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise SystemExit(f"The editor tests need {program}: tests/editors/setup.sh installs it.")
