"""What goes wrong, and what the user is told.

Invariant: each fault brings one message that says what to do, and the editor goes on without a key being pressed.
"""

import os
import pathlib

import place
from neovim_driver import NeovimTest
from place import EDITORS, REPEATED
from terminal import wait_for


class Faults(NeovimTest):
    """In Neovim 0.12."""

    program = EDITORS / "bin/nvim"

    def messages(self, editor):
        """The message history."""
        return editor.lua('return vim.fn.execute("messages")') or ""

    def wait_message(self, editor, *parts):
        """Waits for one message with all these parts, and checks that the editor is usable."""
        wait_for(lambda: all(part in self.messages(editor) for part in parts),
                 lambda: f"{parts} in {self.messages(editor)!r}\n{editor.terminal.text()}")
        editor.type("ix")
        wait_for(lambda: "x" in (editor.text() or ""), lambda: f"the editor to go on:\n{editor.terminal.text()}")
        self.assertNotIn("Press ENTER", editor.terminal.text())
        self.assertEqual(self.messages(editor).count(parts[0]), 1, self.messages(editor))

    def test_no_program(self):
        editor = self.start(self.program, fimble="/nowhere/fimble", text="")
        self.wait_message(editor, "/nowhere/fimble", "was not found", "cargo install", "setup {")

    def test_a_program_that_is_no_server(self):
        folder = place.folder()
        self.addCleanup(place.remove, folder)
        program = pathlib.Path(folder) / "fimble"
        program.write_text("#!/bin/sh\necho this is something else >&2\nexit 3\n")
        program.chmod(0o755)
        editor = self.start(self.program, fimble=str(program), text="")
        self.wait_message(editor, "ended with code 3", ":Fimble log", ":Fimble doctor")

    def test_a_server_of_another_version(self):
        editor = self.start(self.program, text="", before='require("fimble").version = "9.9.9"')
        self.wait_message(editor, "this plugin belongs to 9.9.9", "fimble setup --editor neovim")

    def test_no_runtime(self):
        empty = place.folder()
        self.addCleanup(place.remove, empty)
        editor = self.start(self.program, text="", env={"FIMBLE_HOME": empty})
        self.wait_message(editor, "ONNX Runtime is not installed", "fimble setup")
        wait_for(lambda: editor.lua('return require("fimble").statusline()') == "fimble !", "the status line")

    def test_an_editor_that_is_too_old(self):
        old = 'local has = vim.fn.has vim.fn.has = function(what) return what == "nvim-0.10" and 0 or has(what) end'
        editor = self.start(self.program, text="", before=old)
        self.wait_message(editor, "needs Neovim 0.10", "Update Neovim")
        self.assertEqual(editor.lua("return #vim.lsp.get_clients()"), 0)

    def test_options_that_are_wrong(self):
        editor = self.start(self.program, options='keys = true, menus = 1, delay = "long"', text=REPEATED)
        wait_for(lambda: "no option" in self.messages(editor) and "delay must be" in self.messages(editor),
                 lambda: self.messages(editor))
        editor.wait_ready()

    def test_a_server_that_always_dies_is_given_up_with_a_message(self):
        editor = self.start(self.program, text=REPEATED).wait_ready()
        for _ in range(3):
            editor.kill_server()
            editor.wait_ready()
        editor.kill_server()
        self.wait_message(editor, "4 times in a row", ":Fimble restart")
        editor.normal()
        editor.type(":Fimble restart")
        editor.keys("Enter")
        editor.wait_ready()

    def test_a_server_of_the_users_path(self):
        env = {"PATH": os.path.dirname(place.FIMBLE) + ":" + os.environ["PATH"]}
        editor = self.start(self.program, text="", env=env, fimble="fimble").wait_ready()
        wait_for(lambda: editor.lua('return require("fimble").statusline()') == "fimble", "the status line")


class OlderFaults(Faults):
    """The same in Neovim 0.10."""

    program = EDITORS / "bin/nvim-0.10"
