#!/usr/bin/env python3
"""Renews the pictures of Neovim and Helix in the READMEs, from real runs with the release binary.

    tests/editors/pictures.py

Must hold: what is in a picture was on the screen; nothing of this machine is in it but the suggestion.
"""

import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "neovim"), str(HERE / "helix")]
sys.dont_write_bytecode = True

import place  # noqa: E402
from helix_driver import Helix  # noqa: E402
from neovim_driver import Neovim  # noqa: E402

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
    editor = Helix(text=CODE, name="shop.py", settings={})
    try:
        editor.wait_ready()
        editor.keys("g", "e")
        editor.type("A")
        editor.keys("Enter")
        editor.type("    ")
        editor.menu()
        editor.preview(len(CODE.splitlines()) + 1)
        path = place.PICTURES / "helix.svg"
        editor.terminal.picture(str(path), rows=18)
        return path
    finally:
        editor.close()


def neovim():
    """Neovim with a suggestion of several lines."""
    editor = Neovim(place.EDITORS / "bin/nvim", text=CODE, name="shop.py", settings={}, after="vim.o.termguicolors = true "
                    "vim.o.number = true vim.o.laststatus = 2 "
                    "vim.o.statusline = ' %f %m%=%{v:lua.require\"fimble\".statusline()} '")
    try:
        editor.wait_ready()
        editor.keys("G", "o")
        editor.ghost()
        path = place.PICTURES / "neovim.svg"
        editor.terminal.picture(str(path), rows=18)
        return path
    finally:
        editor.close()


def main():
    for make, folder in ((neovim, "neovim"), (helix, "helix")):
        path = make()
        target = place.ROOT / "editors" / folder / "images"
        target.mkdir(exist_ok=True)
        shutil.copy(path, target / path.name)
        print(target / path.name)


if __name__ == "__main__":
    main()
