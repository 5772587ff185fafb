"""Explanations and refactorings, with a chat server that answers as the test says.

Invariant: nothing is written that the server did not answer whole; whatever the server does, typing goes on.
"""

import re

import place
from chat_server import BREAK, HANG, PAGE, WAIT, ChatServer
from neovim_driver import NeovimTest
from place import EDITORS, FUNCTION, REPEATED, SHORTER, SHORTER_ANSWER
from terminal import wait_for


class Chat(NeovimTest):
    """In Neovim 0.12."""

    program = EDITORS / "bin/nvim"
    menu_keys = "gra"

    def serve(self, *answers):
        """A chat server for this test."""
        server = ChatServer(*answers)
        self.addCleanup(server.close)
        return server

    def open(self, server, text=FUNCTION):
        """An editor that is ready to complete, and to ask this server."""
        settings = {**place.SETTINGS, "chat": server.name}
        editor = self.start(self.program, text=text, settings=settings)
        self.wait_chat(editor)
        return editor

    def wait_chat(self, editor):
        """Waits until the server is ready to complete and to ask."""
        editor.wait_ready()
        wait_for(lambda: (editor.status().get("chat") or {}).get("state") == "ready", lambda: editor.status())

    def run_command(self, editor, command):
        """Runs a `:` command as a user types it."""
        editor.normal()
        editor.type(":" + command)
        editor.keys("Enter")

    def choose(self, editor, title):
        """Chooses a code action at the cursor from the editor's menu."""
        editor.normal()
        if self.menu_keys.startswith(":"):
            self.run_command(editor, self.menu_keys[1:])
        else:
            editor.type(self.menu_keys)
        editor.terminal.wait_text(title)
        number = re.search(rf"(\d+): {title}", editor.terminal.text()).group(1)
        editor.type(number)
        editor.keys("Enter")

    def messages(self, editor):
        """The message history."""
        return editor.lua('return vim.fn.execute("messages")') or ""

    def wait_message(self, editor, *parts):
        """Waits for messages with all these parts."""
        wait_for(lambda: all(part in self.messages(editor) for part in parts),
                 lambda: f"{parts} in {self.messages(editor)!r}\n{editor.terminal.text()}")

    def windows(self, editor):
        """How many windows there are."""
        return editor.lua("return #vim.api.nvim_list_wins()")

    def test_an_explanation_grows_in_a_split_beside_the_code(self):
        server = self.serve(["It **sums**", WAIT, " the rows."])
        editor = self.open(server)
        self.choose(editor, "Explain this code")
        editor.terminal.wait_text("It **sums**")
        self.assertNotIn("the rows.", editor.terminal.text())
        self.assertIn("Explain `total`", server.questions[0])
        server.go()
        editor.terminal.wait_text("It **sums** the rows.")
        editor.terminal.wait_text("*script*")
        self.assertTrue(editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("a.py"), "the cursor stays")
        self.assertEqual(editor.write(), FUNCTION.encode())

    def test_after_a_restart_explanations_come_again(self):
        editor = self.open(self.serve(["The first."], ["The second."]))
        first = editor.server_process()
        self.run_command(editor, "Fimble explain")
        editor.terminal.wait_text("The first.")
        self.run_command(editor, "wincmd j | close")
        editor.terminal.wait_no_text("The first.")
        self.run_command(editor, "Fimble restart")
        wait_for(lambda: editor.server_process() and editor.server_process() != first, "another server")
        self.wait_chat(editor)
        self.run_command(editor, "Fimble explain")
        editor.terminal.wait_text("The second.")

    def test_thoughts_are_not_shown(self):
        server = self.serve(["<thi", "nk>SECRET", WAIT, " SECRET</th", "ink>\n\nIt sums."])
        editor = self.open(server)
        self.run_command(editor, "Fimble explain")
        editor.terminal.wait_text("thinking")
        self.assertNotIn("SECRET", editor.terminal.text())
        server.go()
        editor.terminal.wait_text("It sums.")
        self.assertNotIn("SECRET", editor.terminal.text())
        self.assertNotIn("thinking", editor.terminal.text())

    def test_an_action_changes_the_code_and_undo_takes_it_back(self):
        editor = self.open(self.serve([SHORTER_ANSWER]))
        self.choose(editor, "Simplify")
        editor.wait_buffer(SHORTER)
        self.assertEqual(editor.write(), SHORTER.encode())
        editor.keys("u")
        editor.wait_buffer(FUNCTION)

    def test_an_instruction_is_asked_for_and_followed(self):
        server = self.serve([SHORTER_ANSWER])
        editor = self.open(server)
        self.choose(editor, "Refactor with an instruction")
        editor.terminal.wait_text("Refactor:")
        editor.type("make it short")
        editor.keys("Enter")
        editor.wait_buffer(SHORTER)
        self.assertIn("make it short", server.questions[0])

    def test_a_hanging_server_stalls_no_typing_and_is_let_go_with_its_window(self):
        server = self.serve([HANG])
        editor = self.open(server, text=REPEATED)
        self.run_command(editor, "Fimble explain")
        wait_for(lambda: server.questions, "the question")
        editor.terminal.wait_text("Waiting for the model")
        editor.keys("G")
        editor.type("ofifth_value = ")
        ghost = editor.ghost()
        editor.keys("Tab")
        written = REPEATED + "fifth_value = " + ghost + "\n"
        editor.wait_buffer(written)
        self.assertEqual(editor.write(), written.encode())
        self.assertEqual(server.n_left, 0)
        self.run_command(editor, "wincmd j | close")
        wait_for(lambda: server.n_left == 1, "the server to be let go")
        wait_for(lambda: editor.status()["actions"] == 0, "the end of the action")
        self.assertEqual(self.windows(editor), 1, editor.terminal.text())

    def test_a_hanging_refactoring_is_given_up_when_the_code_changes(self):
        server = self.serve([SHORTER_ANSWER[:20], HANG])
        editor = self.open(server)
        self.run_command(editor, "Fimble refactor make it short")
        wait_for(lambda: server.questions, "the question")
        editor.keys("G")
        editor.type("o# more")
        self.wait_message(editor, "changed while the action ran")
        wait_for(lambda: server.n_left == 1, "the server to be let go")
        self.assertEqual(editor.write(), (FUNCTION + "# more\n").encode())

    def test_broken_answers_are_told_and_nothing_is_written(self):
        for answer, said in (([PAGE], "text/html"), ([SHORTER_ANSWER[:20], BREAK], "something else than JSON"),
                             (["I would rather not."], "without code"), (["<think>\n" + SHORTER_ANSWER], "thought until")):
            editor = self.open(self.serve(answer))
            self.run_command(editor, "Fimble refactor make it short")
            self.wait_message(editor, "Fimble: ", said)
            editor.type("ix")
            wait_for(lambda: "x" in (editor.text() or "")[:1], lambda: f"the key:\n{editor.terminal.text()}")
            self.assertEqual(editor.write(), ("x" + FUNCTION).encode())
            if said == "text/html":
                self.run_command(editor, "Fimble explain")
                editor.terminal.wait_text("See its log, and whether")
            editor.close()

    def test_a_server_that_is_not_there_is_told_and_suggestions_come(self):
        server = ChatServer([""])
        server.close()
        settings = {**place.SETTINGS, "chat": server.name}
        editor = self.start(self.program, text=REPEATED, settings=settings).wait_ready()
        self.wait_message(editor, "chat: ", "is not available", "cannot be reached")
        self.run_command(editor, "Fimble refactor make it short")
        wait_for(lambda: self.messages(editor).count("cannot be reached") == 2, lambda: self.messages(editor))
        editor.keys("G")
        editor.type("ofifth_value = ")
        editor.ghost()


class OlderChat(Chat):
    """The same in Neovim 0.10, which has no key for the menu."""

    program = EDITORS / "bin/nvim-0.10"
    menu_keys = ":lua vim.lsp.buf.code_action()"
