"""The next edit in Helix's menu of code actions.

Invariant: the change is one that calls for others without a model: a variable is renamed at its definition.
"""

import place
from helix_driver import HelixTest

BODY = """\
def area(width, height):
    total = width * height
    return total
"""
TITLE = "Apply the next edit (line 3)"


class NextEdit(HelixTest):
    """What a user sees and does."""

    def rename(self, settings):
        """An editor whose user has renamed the variable at its definition."""
        editor = self.start(text=BODY, settings={**place.SETTINGS, **settings}).wait_ready()
        editor.type("/total")
        editor.keys("Enter")
        editor.type("camount")
        editor.terminal.wait_text("amount = width * height")
        editor.normal()
        return editor

    def test_the_first_action_applies_it_and_undo_takes_it_back(self):
        editor = self.rename({"experimental.nextEdit": True})
        editor.keys("Space", "a")
        editor.terminal.wait_text(TITLE)
        editor.keys("Enter")
        editor.terminal.wait_text("return amount")
        self.assertEqual(editor.write(), BODY.replace("total", "amount").encode())
        editor.keys("u")
        editor.terminal.wait_text("return total")

    def test_it_is_opt_in(self):
        editor = self.rename({})
        editor.keys("Space", "a")
        editor.terminal.wait_text("No code actions available")
        self.assertNotIn("next edit", editor.screen())
