"""Suggestions as items of Helix's completion menu.

Invariant: a test knows no suggestion of any model; it reads what the menu shows in the text, and says what has to become
of it.
"""

import subprocess

import place
from helix_driver import HELIX, HelixTest
from place import REPEATED, REPEATED_LINES
from terminal import wait_for

LINE = "fifth_value = "
# Number of the line that LINE becomes.
NUMBER = 5


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
        """The same where several lines are suggested, behind the last line."""
        editor = self.start(text=text).wait_ready()
        editor.keys("g", "e")
        editor.type("odef read_third(path):")
        editor.keys("Enter")
        editor.type("    ")
        # Helix does not ask again behind a blank when it is late with the one before.
        editor.keys("C-x")
        editor.menu()
        return editor

    def test_what_the_menu_shows_in_the_text_lands_on_the_disk(self):
        editor = self.at_line()
        shown = editor.preview(NUMBER)
        editor.keys("Enter")
        self.assertTrue(shown.startswith(LINE), shown)
        self.assertEqual(editor.write(), (REPEATED + shown + "\n").encode())
        editor.wait_logged("accepted trace=")
        self.assertEqual(editor.logged("accepted trace="), 1)

    def test_an_item_survives_the_filter_while_its_text_is_typed(self):
        editor = self.at_line()
        label = editor.menu()
        n_computed = 0
        for n_typed in range(1, 9):
            editor.type(label[n_typed - 1])
            wait_for(lambda: editor.line(NUMBER) == LINE + label[:n_typed], "the key")
            if n_typed == 4:
                # From here on nothing is under way that was asked before.
                editor.wait_logged("path=TypedThrough")
                n_computed = editor.n_computed()
        self.assertEqual(editor.menu(), label)
        self.assertEqual(editor.n_computed(), n_computed)
        shown = editor.preview(NUMBER)
        self.assertEqual(shown, LINE + label)
        editor.keys("Enter")
        self.assertEqual(editor.write(), (REPEATED + shown + "\n").encode())
        editor.wait_logged("accepted trace=")

    def test_several_lines_and_the_first_one_alone(self):
        for is_whole in (True, False):
            editor = self.at_lines()
            shown = editor.preview(17)
            if not is_whole:
                second = editor.screen()
                editor.keys("Tab")
                wait_for(lambda: editor.screen() != second and editor.line(18) == "", "the first line alone")
            rest = editor.line(18)
            editor.keys("Enter")
            added = editor.write().decode()[len(REPEATED_LINES):].split("\n")
            self.assertEqual(added[1], shown)
            self.assertEqual(len(added) > 3, is_whole, added)
            if is_whole:
                # Popups may cover the end of what is shown.
                self.assertTrue(rest and added[2].startswith(rest.split("  Fimble")[0].rstrip()), (added, rest))
            editor.wait_logged("accepted trace=")
            self.assertEqual(editor.logged("accepted trace="), 1)

    def test_text_outside_of_ascii_before_the_cursor(self):
        before = REPEATED.replace("value", "größe")
        line = 'x = "😀日本"; fifth_größe = '
        editor = self.at_line(before, line)
        shown = editor.preview(NUMBER)
        editor.keys("Enter")
        self.assertTrue(shown.startswith(line) and shown != line, shown)
        self.assertEqual(editor.write(), (before + shown + "\n").encode())

    def test_line_breaks_of_windows_stay(self):
        text = REPEATED_LINES.replace("\n", "\r\n")
        editor = self.at_lines(text)
        shown = editor.preview(17)
        editor.keys("Enter")
        written = editor.write().decode()
        self.assertTrue(written.startswith(text + "def read_third(path):\r\n" + shown + "\r\n"), written)
        self.assertEqual(written.count("\n"), written.count("\r\n"), written)
        self.assertEqual(written.count("\r"), written.count("\r\n"), written)

    def test_two_windows(self):
        editor = self.start(text=REPEATED).wait_ready()
        editor.command("vsplit")
        wait_for(lambda: editor.screen().count("first_value") == 2, lambda: f"two windows:\n{editor.screen()}")
        editor.keys("g", "e")
        editor.type("o" + LINE)
        label = editor.menu()
        editor.keys("Tab", "Enter")
        wait_for(lambda: editor.screen().count(LINE + label) == 2,
                 lambda: f"{label!r} in both windows:\n{editor.screen()}")
        self.assertEqual(editor.write(), (REPEATED + LINE + label + "\n").encode())

    def test_undo_takes_the_suggestion_back(self):
        editor = self.at_line()
        shown = editor.preview(NUMBER)
        editor.keys("Enter")
        self.assertEqual(editor.write(), (REPEATED + shown + "\n").encode())
        editor.keys("u")
        wait_for(lambda: editor.line(NUMBER) != shown, lambda: f"no suggestion:\n{editor.screen()}")
        self.assertTrue(REPEATED.encode() in editor.write())

    def test_closing_the_menu_leaves_what_was_typed(self):
        editor = self.at_line()
        label = editor.menu()
        # The same words may stand in the file.
        n_shown = editor.screen().count(label)
        editor.keys("C-c")
        wait_for(lambda: editor.screen().count(label) < n_shown, lambda: f"no menu:\n{editor.screen()}")
        self.assertEqual(editor.write(), (REPEATED + LINE + "\n").encode())
        self.assertEqual(editor.logged("accepted trace="), 0)

    def test_a_killed_server_leaves_the_text_and_can_be_started_again(self):
        editor = self.at_line()
        editor.normal()
        editor.kill_server()
        self.assertEqual(editor.write(), (REPEATED + LINE + "\n").encode())
        n_ready = editor.logged("the model is ready")
        editor.command("lsp-restart")
        editor.wait_logged("the model is ready", n_ready + 1)
        editor.type("o" + LINE)
        editor.menu()


class Faults(HelixTest):
    """What the user is told."""

    def test_a_broken_setting_is_told_and_suggestions_come(self):
        editor = self.start(text=REPEATED, settings={**place.SETTINGS, "experimental.maxLines": "much"})
        editor.terminal.wait_text("maxLines")
        editor.wait_ready()
        editor.keys("g", "e")
        editor.type("o" + LINE)
        editor.menu()

    def test_a_missing_program_is_named_where_the_readme_says(self):
        editor = self.start(text=REPEATED, command="/nowhere/fimble")
        done = subprocess.run([str(HELIX), "--health", "python"], env=editor.env, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertIn("'/nowhere/fimble' not found", done.stdout)
        editor.type("ox")
        wait_for(lambda: editor.line(2) == "x", lambda: f"the editor to go on:\n{editor.screen()}")

    def test_a_program_that_is_no_server_is_told(self):
        editor = self.start(text=REPEATED, command="/bin/false")
        editor.terminal.wait_text("Language server exited: fimble")

    def test_a_missing_runtime_is_told_with_the_remedy(self):
        empty = place.folder()
        self.addCleanup(place.remove, empty)
        editor = self.start(text=REPEATED, env={"FIMBLE_HOME": empty})
        editor.terminal.wait_text("fimble setup")
