"""What a user sees and does with suggestions, in every way that they are shown.

Invariant: a test knows no suggestion of any model; it reads what is shown, and says what has to become of it.
"""

import json
import re
import unittest

import place
from neovim_driver import NeovimTest
from place import EDITORS, REPEATED, REPEATED_LINES
from terminal import wait_for

LINE = "fifth_value = "

# Asks as the editor does while somebody types, and returns whether the question was sent.
ASK_IN_PASSING = """
local client = vim.lsp.get_clients({ name = "fimble" })[1]
local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
params.context = { triggerKind = 2 }
return (require("fimble.client").request(client, "textDocument/inlineCompletion", params, function() end, 0))
"""


class Suggestions:
    """The tests; the classes below say in which Neovim."""

    program = EDITORS / "bin/nvim"
    options = "keys = true"

    def at_line(self, before=REPEATED, line=LINE, **arguments):
        """An editor that shows a suggestion behind `line`, which was typed below `before`, and the suggestion."""
        editor = self.start(self.program, **{"options": self.options, "text": before, **arguments}).wait_ready()
        editor.keys("G")
        editor.type("o" + line)
        return editor, editor.ghost()

    def at_lines(self, **arguments):
        """The same with a suggestion of several lines."""
        editor = self.start(self.program, options=self.options, text=REPEATED_LINES, **arguments).wait_ready()
        editor.wait_remembered()
        editor.keys("G")
        editor.type("odef read_third(path):")
        editor.keys("Enter")
        ghost = editor.ghost()
        self.assertIn("\n", ghost)
        return editor, ghost, editor.text()

    def test_accepting_puts_exactly_the_ghost_on_the_disk(self):
        editor, ghost = self.at_line()
        editor.keys("Tab")
        expected = REPEATED + LINE + ghost + "\n"
        editor.wait_buffer(expected)
        self.assertEqual(editor.write(), expected.encode())
        wait_for(lambda: editor.status()["accepted"] == 1, "one acceptance")
        editor.wait_no_ghost()

    def test_words_are_accepted_one_by_one(self):
        editor, ghost = self.at_line()
        rest, n_words = ghost, 0
        while rest:
            editor.keys("C-Right")
            wait_for(lambda: editor.text() != REPEATED + LINE + ghost[:len(ghost) - len(rest)] + "\n", "a word")
            taken = editor.text()[len(REPEATED + LINE):-1]
            self.assertTrue(ghost.startswith(taken) and len(taken) > len(ghost) - len(rest), (ghost, taken))
            rest, n_words = ghost[len(taken):], n_words + 1
            if rest:
                self.assertEqual(editor.ghost(), rest)
        self.assertGreater(n_words, 1)
        self.assertEqual(editor.write(), (REPEATED + LINE + ghost + "\n").encode())
        wait_for(lambda: editor.status()["accepted"] == 1, "one acceptance")

    def test_lines_are_accepted_one_by_one(self):
        editor, ghost, before = self.at_lines()
        head, _, tail = ghost.partition("\n")
        editor.keys("C-End")
        editor.wait_buffer(before[:-1] + head + "\n")
        self.assertEqual(editor.ghost(), "\n" + tail)
        editor.keys("Tab")
        editor.wait_buffer(before[:-1] + ghost + "\n")

    def test_typing_along_keeps_it_without_the_model(self):
        editor, ghost = self.at_line()
        before = editor.status()
        for n_typed in range(1, 5):
            editor.type(ghost[n_typed - 1])
            wait_for(lambda: editor.shown() == ghost[n_typed:], lambda: f"{ghost[n_typed:]!r}, not {editor.shown()!r}")
        self.assertEqual(editor.ghost(), ghost[4:])
        after = editor.status()
        self.assertEqual(after["requests"] - before["requests"], after["withoutModel"] - before["withoutModel"])
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")

    def test_what_disagrees_with_it_takes_it_away(self):
        editor, ghost = self.at_line()
        editor.type("\x16u2205")
        wait_for(lambda: "∅" in editor.text(), "the character")
        wait_for(lambda: not (editor.drawn() or "").endswith(ghost[-4:]) or editor.shown(), "the old one to go")
        editor.normal()
        editor.wait_no_ghost()

    def test_dismissing_keeps_it_away(self):
        editor, _ = self.at_line()
        editor.keys("C-]")
        editor.wait_no_ghost()
        wait_for(lambda: editor.status()["dismissed"] == 1, "the server to know")
        n_requests = editor.status()["requests"]
        editor.normal("A")
        wait_for(lambda: editor.status()["requests"] > n_requests, "another request")
        why = editor.command("fimble.why")
        self.assertEqual(why["trace"]["decision"].get("reason"), "dismissed", why)
        self.assertIsNone(editor.shown())

    def test_what_was_dismissed_does_not_come_back_while_it_is_typed(self):
        editor, ghost = self.at_line()
        editor.keys("C-]")
        editor.wait_no_ghost()
        for n_typed in range(1, 4):
            editor.type(ghost[n_typed - 1])
            editor.decided(len(LINE) + n_typed)
            shown, left = editor.shown(), ghost[n_typed:]
            # Something else may come: the model may have learned of another line meanwhile.
            self.assertFalse(shown and (shown.startswith(left) or left.startswith(shown)), (shown, left))
            if shown:
                editor.keys("C-]")
                editor.wait_no_ghost()
        editor.keys("M-n")
        ghost = editor.ghost()
        text = editor.text()
        editor.type(ghost[0])
        wait_for(lambda: editor.shown() == ghost[1:], lambda: f"{ghost[1:]!r}, not {editor.shown()!r}")
        self.assertIs(editor.lua(ASK_IN_PASSING), True)
        editor.decided(len(text.split("\n")[-2]) + 1)
        self.assertEqual(editor.shown(), ghost[1:])

    def test_text_outside_of_ascii_before_the_cursor(self):
        before = REPEATED.replace("value", "größe")
        line = 'x = "😀日本"; fifth_größe = '
        editor, ghost = self.at_line(before, line)
        editor.keys("Tab")
        editor.wait_buffer(before + line + ghost + "\n")
        self.assertEqual(editor.write(), (before + line + ghost + "\n").encode())

    def test_line_breaks_of_windows_stay(self):
        text = REPEATED_LINES.replace("\n", "\r\n")
        editor = self.start(self.program, options=self.options, text=text).wait_ready().wait_remembered()
        editor.keys("G")
        editor.type("odef read_third(path):")
        editor.keys("Enter")
        ghost = editor.ghost()
        self.assertNotIn("\r", ghost)
        expected = editor.text()[:-1] + ghost + "\n"
        editor.keys("Tab")
        editor.wait_buffer(expected)
        self.assertEqual(editor.write(), expected.replace("\n", "\r\n").encode())

    def test_two_windows(self):
        editor, _ = self.at_line()
        editor.normal()
        editor.wait_no_ghost()
        editor.lua('vim.cmd("vsplit | wincmd l | edit b.py") return 1')
        lines = json.dumps(REPEATED)
        editor.lua(f'vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split({lines}, "\\n")) return 1')
        editor.keys("G")
        editor.type("i" + LINE)
        in_b = editor.ghost()
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + in_b + "\n")
        editor.normal()
        # The first file, in two windows at once: the suggestion belongs to the cursor that types.
        editor.lua('vim.cmd("edit " .. vim.fn.bufname(1)) return 1')
        editor.keys("G", "A")
        # The model may have learned of the other file.
        ghost = editor.ghost()
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")
        self.assertEqual(editor.write(), (REPEATED + LINE + ghost + "\n").encode())

    def test_a_server_that_is_killed_comes_back(self):
        editor, _ = self.at_line()
        text = editor.text()
        editor.kill_server()
        editor.wait_ready()
        self.assertEqual(editor.text(), text)
        editor.normal("A")
        # Another server may have learned of other lines.
        ghost = editor.ghost()
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")
        self.assertEqual(editor.write(), (REPEATED + LINE + ghost + "\n").encode())

    def test_a_broken_setting_is_told_and_suggestions_come(self):
        editor, _ = self.at_line(settings={**place.SETTINGS, "experimental": {"maxLines": "much"}})
        wait_for(lambda: "maxLines" in (editor.lua('return vim.fn.execute("messages")') or ""), "the message")

    def test_a_menu_hides_it_and_closing_brings_it_back(self):
        editor, ghost = self.at_line()
        editor.lua('vim.fn.complete(vim.fn.col("."), { "first_menu_item", "second_menu_item" }) return 1')
        editor.terminal.wait_text("second_menu_item")
        wait_for(lambda: not editor.drawn(), lambda: f"no ghost: {editor.drawn()!r}")
        self.assertIsNone(editor.shown())
        editor.keys("C-e")
        editor.terminal.wait_no_text("second_menu_item")
        self.assertEqual(editor.ghost(), ghost)
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")

    def test_a_menu_can_stand_beside_it(self):
        editor, ghost = self.at_line(options=self.options + ', menu = "keep"')
        editor.lua('vim.fn.complete(vim.fn.col("."), { "first_menu_item" }) return 1')
        editor.terminal.wait_text("first_menu_item")
        editor.keys("C-e")
        editor.terminal.wait_no_text("first_menu_item")
        self.assertEqual(editor.ghost(), ghost)

    def test_undo_takes_back_the_suggestion_and_not_what_was_typed(self):
        editor, ghost = self.at_line()
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")
        editor.normal("u")
        editor.wait_buffer(REPEATED + LINE + "\n")
        editor.keys("u")
        editor.wait_buffer(REPEATED)
        editor.keys("C-r", "C-r")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")

    def test_keys_fall_through_when_nothing_is_shown(self):
        editor = self.start(self.program, options=self.options, text="")
        editor.type("ia")
        editor.wait_buffer("a\n")
        editor.lua('require("fimble.ghost").accept = function() return false end return 1')
        editor.keys("Tab")
        wait_for(lambda: editor.text() != "a\n" and editor.text().strip() == "a", lambda: f"a tab: {editor.text()!r}")

    def test_alternatives_are_cycled_through_and_the_first_comes_at_once(self):
        editor, _ = self.at_line()
        editor.keys("M-n")
        hint = wait_for(lambda: re.search(r"\((\d)/(\d)\)", editor.terminal.text()),
                        lambda: f"how many there are:\n{editor.terminal.text()}")
        number_of, n_all = hint.groups()
        self.assertEqual(number_of, "1")
        self.assertIn(n_all, ("2", "3"))
        seen = [editor.shown()]
        for number in range(2, int(n_all) + 1):
            editor.keys("M-n")
            editor.terminal.wait_text(f"({number}/{n_all})")
            seen.append(editor.shown())
        self.assertEqual(len(set(seen)), int(n_all), seen)
        editor.keys("M-n")
        editor.terminal.wait_text(f"(1/{n_all})")
        self.assertEqual(editor.shown(), seen[0])
        editor.keys("M-p")
        editor.terminal.wait_text(f"({n_all}/{n_all})")
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + seen[-1] + "\n")

    def test_asking_by_hand_shows_what_was_dismissed(self):
        editor, ghost = self.at_line()
        editor.keys("C-]")
        editor.wait_no_ghost()
        editor.keys("M-n")
        # Meanwhile the model may have learned of another line.
        ghost = editor.ghost()
        # A question in passing, as of a timer that still runs, does not take it away.
        self.assertIs(editor.lua(ASK_IN_PASSING), False)
        self.assertEqual(editor.ghost(), ghost)
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")


class EditorShows(Suggestions, NeovimTest):
    """Neovim 0.12 asks and draws."""


class PluginShows(Suggestions, NeovimTest):
    """Neovim 0.12, where the plugin asks and draws."""

    options = 'keys = true, ghost = "plugin"'


class OlderNeovim(Suggestions, NeovimTest):
    """Neovim 0.10, which has no inline completion."""

    program = EDITORS / "bin/nvim-0.10"


if __name__ == "__main__":
    unittest.main()
