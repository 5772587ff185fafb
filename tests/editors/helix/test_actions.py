"""Explanations and refactorings from Helix's menu of code actions, with a chat server that answers as the test says.

Invariant: nothing is written that the server did not answer whole.
"""

import re

import place
from chat_server import BREAK, ChatServer
from helix_driver import HelixTest
from place import FUNCTION, SHORTER, SHORTER_ANSWER
from terminal import wait_for


class Actions(HelixTest):
    """What a user sees and does."""

    def open(self, *answers, text=FUNCTION):
        """A chat server, and an editor that is ready to ask it."""
        server = ChatServer(*answers)
        self.addCleanup(server.close)
        settings = {**place.SETTINGS, "chat": server.name}
        editor = self.start(text=text, settings=settings).wait_ready()
        editor.wait_logged("the model for conversations is ready")
        return server, editor

    def choose(self, editor, title):
        """Chooses a code action at the cursor."""
        editor.keys("Space", "a")
        editor.terminal.wait_text(title)
        titles = re.findall(r"(Explain this code|Simplify|Rename to clearer names|Handle errors|Write a doc comment|"
                            r"Write tests)", editor.screen())
        # The first one is chosen already.
        for _ in range(titles.index(title)):
            editor.keys("Down")
        editor.keys("Enter")
        editor.terminal.wait_no_text(title)

    def test_an_explanation_opens_as_a_file_that_is_not_the_code(self):
        server, editor = self.open(["<think>SECRET</think>", "It **sums** ", "the rows."])
        self.choose(editor, "Explain this code")
        editor.terminal.wait_text("It **sums** the rows.")
        editor.terminal.wait_text("# Explanation")
        self.assertNotIn("SECRET", editor.screen())
        self.assertIn("Explain `total`", server.questions[0])
        self.assertEqual(editor.file.read_bytes(), FUNCTION.encode())

    def test_an_action_changes_the_code_and_undo_takes_it_back(self):
        server, editor = self.open([SHORTER_ANSWER])
        self.choose(editor, "Simplify")
        editor.terminal.wait_text("return sum(rows)")
        self.assertIn("simplify `total`", server.questions[0])
        self.assertEqual(editor.write(), SHORTER.encode())
        editor.keys("u")
        editor.terminal.wait_text("n += row")
        self.assertEqual(editor.write(), FUNCTION.encode())

    def test_what_the_bundled_model_does_badly_is_not_listed(self):
        _, editor = self.open([""])
        editor.keys("Space", "a")
        editor.terminal.wait_text("Write a doc comment")
        self.assertNotIn("Complete here", editor.screen())
        editor.keys("Escape")

    def test_a_server_that_breaks_off_is_told_and_nothing_is_written(self):
        _, editor = self.open([SHORTER_ANSWER[:20], BREAK])
        self.choose(editor, "Simplify")
        editor.terminal.wait_text("127.0.0.1")
        editor.type("ox")
        wait_for(lambda: editor.line(2) == "x" or editor.line(3) == "x", lambda: editor.screen())
        self.assertEqual(editor.write().decode().replace("x\n", "").split(), FUNCTION.split())
