#!/usr/bin/env python3
"""Renews the pictures of Neovim and Helix, from real runs with the release binary and the bundled model.

    tests/editors/pictures.py [neovim] [next-edit] [helix]

Invariant: what is in a picture was on the screen, in the recording at the time that it shows; no picture holds a path or a name of
this machine.
"""

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "neovim"), str(HERE / "helix")]
sys.dont_write_bytecode = True

import place  # noqa: E402
from helix_driver import Helix  # noqa: E402
from neovim_driver import Neovim  # noqa: E402
from picture import recording  # noqa: E402

CODE = """\
import json
from pathlib import Path


def read_users(folder):
    with open(folder / "users.json") as stream:
        return json.load(stream)


def read_orders(folder):
"""


def helix():
    """Helix with its menu open and the item shown in the text."""
    editor = Helix(text=CODE, name="shop.py", settings=place.SETTINGS)
    try:
        editor.wait_ready()
        editor.keys("g", "e")
        editor.type("A")
        editor.keys("Enter")
        editor.type("    ")
        editor.menu()
        editor.preview(len(CODE.splitlines()) + 1)
        path = place.ROOT / "editors/helix/images/helix.svg"
        editor.terminal.picture(str(path), rows=18)
        return path
    finally:
        editor.close()


INVOICE = """\
def invoice(order, rate):
    total = sum(item.price * item.count for item in order.items)
    if order.is_large:
        total -= order.discount
    tax = total * rate
    return Invoice(order.customer, total + tax)
"""


def next_edit():
    """Neovim after a variable was renamed at its definition."""
    look = ("vim.o.termguicolors = true vim.cmd.colorscheme('catppuccin') vim.o.number = true vim.o.numberwidth = 3 "
            "vim.o.laststatus = 2 vim.o.cmdheight = 0 vim.o.showmode = false vim.o.fillchars = 'eob: ' "
            "vim.o.statusline = [[ %f %m%=%{v:lua.require'fimble'.statusline()} ]]")
    editor = Neovim(place.EDITORS / "bin/nvim", options="keys = true, next_edit = true", text=INVOICE, name="invoice.py",
                    settings={}, after=look, width=80, height=8)
    try:
        editor.wait_ready()
        editor.keys("g", "g", "j", "w")
        editor.type("cwnet")
        editor.normal()
        editor.terminal.wait_text("totalnet")
        path = place.ROOT / "docs/pictures/neovim-next-edit.svg"
        editor.terminal.picture(str(path), rows=8)
        return path
    finally:
        editor.close()


class Recorder:
    """Takes the screen of a terminal again and again while something is typed into it."""

    # Seconds between two keys, and between two looks at the screen.
    BETWEEN_KEYS, BETWEEN_LOOKS = 0.11, 0.03

    def __init__(self, terminal):
        self.terminal = terminal
        self.start = time.monotonic()
        self.frames, self.keys = [], []

    def now(self):
        """Seconds since the first frame."""
        return time.monotonic() - self.start

    def watch(self, seconds):
        """Takes screens for a while; a screen that equals the one before is none of its own."""
        end = self.now() + seconds
        while self.now() < end:
            at = round(self.now() if self.frames else 0, 3)
            screen = self.terminal.screen()
            if not self.frames or screen != self.frames[-1][1]:
                self.frames.append((at, screen))
            time.sleep(self.BETWEEN_LOOKS)

    def type(self, text):
        """Types at the speed of a quick typist."""
        for character in text:
            self.terminal.type(character)
            self.watch(self.BETWEEN_KEYS)

    def press(self, key):
        """Presses a key that the picture names."""
        self.keys.append((round(self.now(), 3), round(self.now() + 0.7, 3), key))
        self.terminal.keys(key)
        self.watch(self.BETWEEN_KEYS)


# What is typed into the function without a body; "Tab" waits for a suggestion and accepts it.
STEPS = ("fo", "Tab", "Tab", "Enter", "fo", "Tab", "Tab", "Enter", "if b", "Tab", ".b", "Tab", ".y", "Tab", " and not b", "Tab",
         ".i", "Tab", "():", "Enter", "to", "Tab")


def neovim():
    """A recording of Neovim: the body of a function is typed anew in a file of the fixtures, most of it with Tab."""
    source = (place.ROOT / "fixtures/eval/ledger-python/reports.py").read_text()
    text = source[:source.rindex("    for account in")]
    look = ("vim.o.termguicolors = true vim.cmd.colorscheme('catppuccin') vim.o.number = true vim.o.numberwidth = 3 "
            "vim.o.laststatus = 2 vim.o.cmdheight = 0 vim.o.showmode = false vim.o.fillchars = 'eob: ' "
            "vim.o.statusline = [[ %f %m%=%{v:lua.require'fimble'.statusline()} ]]")
    width, height = 80, 18
    editor = Neovim(place.EDITORS / "bin/nvim", options='keys = true, ghost = "plugin"', text=text, name="reports.py",
                    settings={}, after=look, width=width, height=height)
    try:
        editor.wait_ready()
        editor.keys("G", "z", "z", "3", "C-y", "o")
        editor.take_turn()
        recorder = Recorder(editor.terminal)
        recorder.watch(0.6)
        shown = longest = 0
        for step in STEPS:
            if step == "Tab":
                ghost = editor.ghost()
                if len(ghost) >= longest:
                    shown, longest = recorder.now(), len(ghost)
                recorder.watch(0.75)
                recorder.press(step)
                recorder.watch(0.2)
            elif step == "Enter":
                recorder.terminal.keys(step)
                recorder.watch(recorder.BETWEEN_KEYS)
            else:
                recorder.type(step)
        recorder.watch(1.8)
        svg = recording(recorder.frames, recorder.keys, recorder.now(), shown, width, height)
    finally:
        editor.close()
    path = place.ROOT / "docs/pictures/neovim.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(svg)
    return path


def main():
    makers = {"neovim": neovim, "next-edit": next_edit, "helix": helix}
    for name in sys.argv[1:] or makers:
        print(makers[name]())


if __name__ == "__main__":
    main()
