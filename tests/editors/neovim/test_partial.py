"""Suggestions that are shown while the model writes them, with a model server that goes on as the test says.

Invariant: what is shown first is a part of what is shown then; nobody has to press a key for the rest.
"""

import time
import unittest

import place
from chat_server import WAIT, ChatServer
from neovim_driver import NeovimTest
from place import EDITORS
from terminal import wait_for

FUNCTION = "def read_third(path):\n    "
FIRST = "with open(path) as file:\n        lines = file.readlines()\n"
REST = "    return lines[2]\n"


def asked(server):
    """How often the place was asked about."""
    return sum("read_third" in question for question in server.questions)


class Partial:
    """The tests; the classes below say in which Neovim."""

    program = EDITORS / "bin/nvim"

    def test_the_rest_of_a_block_follows_what_was_shown_in_time(self):
        # Two questions are asked while a model is loaded, of which one tells how fast it is.
        server = ChatServer(["x"], ["x"], [WAIT, FIRST, WAIT, REST])
        self.addCleanup(server.close)
        # What is written by then is shown soon.
        settings = {**place.SETTINGS, "budgetMs": 100, "model": server.name, "lookAhead": "never"}
        editor = self.start(self.program, text=FUNCTION, settings=settings).wait_ready()
        editor.keys("G")
        editor.type("A")
        wait_for(lambda: asked(server) == 1, "a question")
        # What comes once a part of the budget is used up is shown at once.
        time.sleep(settings["budgetMs"] / 1000)
        server.go()
        first = editor.ghost()
        self.assertTrue(FIRST.startswith(first) and first, first)
        self.assertNotIn("return", first)
        server.go()
        wait_for(lambda: "return lines[2]" in editor.ghost(), lambda: editor.ghost())
        self.assertTrue(editor.ghost().startswith(first.rstrip()))
        editor.keys("Tab")
        editor.wait_buffer(FUNCTION + FIRST + REST)
        self.assertEqual(asked(server), 1)


class PartialIn012(Partial, NeovimTest):
    """Where the editor draws suggestions."""


class PartialIn010(Partial, NeovimTest):
    """Where the plugin draws them."""

    program = EDITORS / "bin/nvim-0.10"


if __name__ == "__main__":
    unittest.main()
