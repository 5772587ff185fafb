"""Suggestions as items of Helix's completion menu.

Must hold: a test knows no suggestion of any model; it reads what the menu shows in the text, and says what has to become
of it.
"""

import place
from driver import HelixTest
from place import REPEATED, REPEATED_LINES
from terminal import wait_for

LINE = "fifth_value = "


class Menu(HelixTest):
    """What a user sees and does."""

    def at_line(self, before=REPEATED, line=LINE, **arguments):
        """An editor with the menu open behind `line`, which was typed below `before`."""
        editor = self.start(text=before, **arguments).wait_ready()
        editor.keys("g", "e")
        editor.type("o" + line)
        editor.menu()
        return editor

    def at_lines(self, text=REPEATED_LINES):
        """The same where several lines are suggested."""
        editor = self.start(text=text).wait_ready()
        editor.keys("g", "e")
        editor.type("odef read_third(path):")
        editor.keys("Enter")
        editor.type("wi")
        editor.menu()
        return editor

    def test_what_the_menu_shows_in_the_text_lands_on_the_disk(self):
        editor = self.at_line()
        shown = editor.preview(LINE.strip())
        editor.keys("Enter")
        self.assertEqual(editor.write(), (REPEATED + LINE.strip() + shown + "\n").encode())
        editor.wait_logged("accepted trace=")
        self.assertEqual(editor.logged("accepted trace="), 1)

    def test_an_item_survives_the_filter_while_its_text_is_typed(self):
        editor = self.at_line(line=LINE + "comp")
        label = editor.menu()
        self.assertTrue(label.startswith("comp"), label)
        n_known = editor.logged("path=TypedThrough")
        for character in label[4:9]:
            editor.type(character)
        editor.wait_logged("path=TypedThrough", n_known + 1)
        wait_for(lambda: label in editor.screen(), lambda: f"{label!r}:\n{editor.screen()}")
        shown = editor.preview(LINE.strip())
        self.assertIn(label, shown)
        editor.keys("Enter")
        self.assertEqual(editor.write(), (REPEATED + LINE.strip() + shown + "\n").encode())

    def test_several_lines_and_the_first_one_alone(self):
        for n_tabs in (1, 2):
            editor = self.at_lines()
            start = "    "
            for _ in range(n_tabs):
                shown = editor.preview(start + "wi") if n_tabs == 1 else None
                if shown is None:
                    before = editor.screen()
                    editor.keys("Tab")
                    wait_for(lambda: editor.screen() != before, "another item")
            screen = editor.screen()
            editor.keys("Enter")
            text = editor.write().decode()
            added = text[len(REPEATED_LINES + "def read_third(path):\n"):].rstrip("\n").split("\n")
            self.assertTrue(all(line.strip() in screen for line in added), (added, screen))
            self.assertEqual(len(added) > 1, n_tabs == 1, added)
            editor.wait_logged("accepted trace=")

    def test_text_outside_of_ascii_before_the_cursor(self):
        before = REPEATED.replace("value", "größe")
        line = 'x = "😀日本"; fifth_größe = '
        editor = self.at_line(before, line)
        shown = editor.preview(line.strip())
        editor.keys("Enter")
        self.assertEqual(editor.write(), (before + line.strip() + shown + "\n").encode())

    def test_line_breaks_of_windows_stay(self):
        editor = self.at_lines(REPEATED_LINES.replace("\n", "\r\n"))
        editor.preview("    wi")
        editor.keys("Enter")
        written = editor.write()
        self.assertEqual(written.count(b"\n"), written.count(b"\r\n"), written)
        self.assertGreater(written.count(b"\r\n"), REPEATED_LINES.count("\n") + 2, written)
        self.assertNotIn(b"\r\r", written)

    def test_two_windows(self):
        editor = self.start(text=REPEATED).wait_ready()
        editor.command("vsplit")
        wait_for(lambda: editor.screen().count("first_value") == 2, lambda: f"two windows:\n{editor.screen()}")
        editor.keys("g", "e")
        editor.type("o" + LINE)
        label = editor.menu()
        editor.keys("Tab", "Enter")
        wait_for(lambda: editor.screen().count(LINE.strip() + " " + label.split("│")[-1].strip()) == 2,
                 lambda: f"{label!r} in both windows:\n{editor.screen()}")
        text = editor.write().decode()
        self.assertTrue(text.startswith(REPEATED + LINE) and len(text) > len(REPEATED + LINE) + 1, text)

    def test_undo_takes_the_suggestion_back(self):
        editor = self.at_line()
        shown = editor.preview(LINE.strip())
        editor.keys("Enter")
        written = editor.write().decode()
        self.assertTrue(written.endswith(shown + "\n"))
        editor.keys("u")
        wait_for(lambda: (editor.line(LINE.strip()) or "") == "", lambda: f"no suggestion:\n{editor.screen()}")

    def test_a_killed_server_leaves_the_text_and_can_be_started_again(self):
        editor = self.at_line()
        editor.keys("Escape")
        editor.kill_server()
        self.assertEqual(editor.write(), (REPEATED + LINE + "\n").encode())
        n_ready = editor.logged("the model is ready")
        editor.command("lsp-restart")
        editor.wait_logged("the model is ready", n_ready + 1)
        editor.keys("A")
        editor.type("c")
        editor.menu()


class Faults(HelixTest):
    """What the user is told."""

    def test_a_broken_setting_is_told_and_suggestions_come(self):
        editor = self.start(text=REPEATED, languages='\n[language-server.fimble.config]\nminConfidence = "much"\n')
        editor.terminal.wait_text("minConfidence")
        editor.wait_ready()
        editor.keys("g", "e")
        editor.type("o" + LINE)
        editor.menu()

    def test_a_missing_runtime_is_told_with_the_remedy(self):
        empty = place.folder()
        self.addCleanup(place.remove, empty)
        editor = self.start(text=REPEATED, env={"FIMBLE_HOME": empty})
        editor.terminal.wait_text("fimble setup")
