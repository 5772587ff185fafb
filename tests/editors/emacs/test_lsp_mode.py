"""Grey text of lsp-mode.

Invariant: a test knows no suggestion of any model; it reads what is drawn, and says what has to become of it.
"""

from emacs_driver import EmacsTest
from place import REPEATED, REPEATED_LINES
from terminal import wait_for

LINE = "fifth_value = "
# Nothing is asked for by itself.
BY_HAND = "(setq lsp-inline-completion-enable nil)"


class Suggestions(EmacsTest):
    """What a user sees and does."""

    def at_line(self, before=REPEATED, line=LINE, **arguments):
        """An editor in which `line` was typed below `before`."""
        editor = self.start(text=before, **arguments).wait_ready()
        editor.keys("M->")
        editor.type(line)
        editor.wait_text(before + line)
        return editor

    def accepted(self, editor):
        """Accepts with the documented key; what was drawn is in the text, and nothing else."""
        drawn = editor.drawn()
        editor.keys("Tab")
        editor.wait_text(drawn)
        return drawn

    def test_grey_text_appears_by_itself_and_is_accepted(self):
        editor = self.at_line()
        drawn = editor.drawn()
        self.assertTrue(drawn.startswith(REPEATED + LINE) and len(drawn) > len(REPEATED + LINE), drawn)
        last = drawn.split("\n")[4]
        editor.terminal.wait_text(last)
        self.assertEqual(self.accepted(editor), drawn)
        self.assertEqual(editor.write().decode().rstrip("\n"), drawn.rstrip("\n"))
        wait_for(lambda: editor.status()["accepted"] == 1, "one acceptance")

    def test_it_is_asked_for_and_accepted_by_commands(self):
        editor = self.at_line(after=BY_HAND)
        self.assertIsNone(editor.eval("lsp-inline-completion-mode"))
        editor.keys("M-x")
        editor.type("lsp-inline-completion-display")
        editor.keys("Enter")
        drawn = editor.drawn()
        editor.terminal.wait_text(drawn.split("\n")[4])
        self.accepted(editor)
        wait_for(lambda: editor.status()["accepted"] == 1, "one acceptance")

    def test_it_goes_with_its_key_and_leaves_the_text(self):
        editor = self.at_line()
        drawn = editor.drawn()
        editor.keys("C-g")
        wait_for(lambda: editor.eval("(if lsp-inline-completion--overlay 1 0)") == 0, "no grey text")
        self.assertEqual(editor.text(), REPEATED + LINE)
        # The next character of the suggestion brings back the rest.
        typed = REPEATED + LINE + drawn[len(REPEATED + LINE)]
        editor.type(typed[-1])
        editor.wait_text(typed)
        self.assertEqual(editor.drawn(), drawn)

    def test_brackets_that_the_editor_closed_are_not_doubled(self):
        editor = self.at_line(after="(electric-pair-mode 1)", line="")
        # lsp-mode does not ask after the key that brings the closing bracket along.
        editor.type(LINE + "compute_value(f")
        editor.wait_text(REPEATED + LINE + "compute_value(f)")
        drawn = self.accepted(editor)
        line = drawn.split("\n")[4]
        self.assertEqual((line.count("("), line.count("))")), (line.count(")"), 0), line)

    def test_several_lines_are_drawn_and_inserted(self):
        editor = self.at_line(before=REPEATED_LINES, line="def read_third(path):")
        editor.keys("Enter")
        drawn = wait_for(lambda: (text := editor.drawn()).count("\n") > REPEATED_LINES.count("\n") + 1 and text,
                         lambda: f"several lines:\n{editor.terminal.text()}")
        for line in drawn.split("\n")[len(REPEATED_LINES.split("\n")):]:
            editor.terminal.wait_text(line)
        self.accepted(editor)
