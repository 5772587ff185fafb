"""The next edit as a user meets it: shown after a change, jumped to, applied, dismissed, undone.

Invariant: the change is one that calls for others without a model: a variable is renamed at its definition.
"""

import unittest

import place
from neovim_driver import NeovimTest
from place import EDITORS
from terminal import wait_for

BODY = """\
def area(width, height):
    total = width * height
    if total > 10:
        print(total)
    return total
"""
FAR = "".join(f"# {number}\n" for number in range(60))
SETTINGS = {**place.SETTINGS, "experimental": {"nextEdit": True}}


def renamed(n_times, text=BODY):
    """The text with its first occurrences renamed."""
    return text.replace("total", "amount", n_times)


class NextEdit:
    """The tests; the classes below say in which Neovim."""

    program = EDITORS / "bin/nvim"
    options = "keys = true, next_edit = true"

    def rename(self, text=BODY, **arguments):
        """An editor whose user has renamed the variable at its definition."""
        arguments = {"options": self.options, "text": text, **arguments}
        editor = self.start(self.program, settings=SETTINGS, **arguments).wait_ready()
        editor.keys("g", "g")
        editor.type("/total\n")
        editor.type("cwamount")
        editor.normal()
        editor.wait_buffer(renamed(1, text))
        return editor

    def shown(self, editor):
        """The edit that the plugin says it shows."""
        return editor.lua('return require("fimble.next_edit").shown()')

    def wait_shown(self, editor, row):
        """Waits until an edit is shown in this row, from 0."""
        return wait_for(lambda: (self.shown(editor) or {}).get("row") == row,
                        lambda: f"an edit in row {row}, not {self.shown(editor)}:\n{editor.terminal.text()}\n"
                                f"{editor.command('fimble.why')}")

    def wait_none(self, editor):
        """Waits until none is shown, and nothing drawn."""
        drawn = ('local ns = vim.api.nvim_create_namespace("fimble.next_edit") '
                 "return #vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, {})")
        wait_for(lambda: self.shown(editor) is None and editor.lua(drawn) == 0,
                 lambda: f"no edit, not {self.shown(editor)}:\n{editor.terminal.text()}")

    def test_tab_jumps_to_the_next_use_and_then_applies_it(self):
        editor = self.rename()
        self.wait_shown(editor, 2)
        # The old word, struck through, and the new one behind it.
        editor.terminal.wait_text("totalamount > 10:")
        editor.keys("Tab")
        wait_for(lambda: editor.lua('return vim.fn.line(".")') == 3, "the cursor to jump")
        self.assertEqual(editor.text(), renamed(1))
        editor.keys("Tab")
        editor.wait_buffer(renamed(2))
        # The next one follows by itself.
        for row in (3, 4):
            self.wait_shown(editor, row)
            editor.keys("Tab", "Tab")
            editor.wait_buffer(renamed(row))
        self.wait_none(editor)
        self.assertEqual(editor.write(), renamed(9).encode())
        wait_for(lambda: editor.status()["nextEdits"]["accepted"] == 3, lambda: str(editor.status()))
        self.assertEqual(editor.status()["nextEdits"]["shown"], 3)

    def test_what_was_applied_is_undone_in_one_step(self):
        editor = self.rename()
        self.wait_shown(editor, 2)
        editor.keys("Tab", "Tab")
        editor.wait_buffer(renamed(2))
        editor.normal("u")
        editor.wait_buffer(renamed(1))

    def test_escape_dismisses_it_and_does_what_it_did_otherwise(self):
        after = 'vim.keymap.set("n", "<Esc>", "<Cmd>let g:n_escapes = get(g:, \'n_escapes\', 0) + 1<CR>")'
        editor = self.rename(before=after)
        self.wait_shown(editor, 2)
        n_escapes = editor.lua("return vim.g.n_escapes or 0")
        editor.keys("Escape")
        self.wait_none(editor)
        wait_for(lambda: editor.status()["nextEdits"]["dismissed"] == 1, lambda: str(editor.status()))
        self.assertEqual(editor.lua("return vim.g.n_escapes or 0"), n_escapes)
        editor.keys("Escape")
        wait_for(lambda: editor.lua("return vim.g.n_escapes") == n_escapes + 1, "the mapping of the user")
        self.assertEqual(editor.text(), renamed(1))

    def test_tab_does_what_it_did_where_there_is_none(self):
        before = 'vim.keymap.set("n", "<Tab>", "x")'
        editor = self.start(self.program, options=self.options, before=before, text="abc\n", settings=SETTINGS)
        editor.wait_ready()
        editor.keys("Tab")
        editor.wait_buffer("bc\n")

    def test_an_edit_below_the_window_is_announced_at_the_cursor(self):
        text = BODY.replace("    if", FAR.replace("#", "    #") + "    if")
        editor = self.rename(text=text)
        self.wait_shown(editor, 62)
        editor.terminal.wait_text("⇥ line 63 ↓")
        editor.keys("Tab")
        wait_for(lambda: editor.lua('return vim.fn.line(".")') == 63, "the cursor to jump")
        editor.terminal.wait_text("totalamount > 10:")

    def test_an_edit_in_another_file_is_announced_and_jumped_to(self):
        home = "def total_of(rows):\n    return sum(rows)\n"
        uses = "from a import total_of\n\nprint(total_of([1]))\n"
        editor = self.start(self.program, options=self.options, text=home, settings=SETTINGS).wait_ready()
        other = editor.file.parent / "b.py"
        other.write_text(uses)
        editor.lua('vim.cmd("edit b.py") return 1')
        listed = 'return vim.lsp.util.buf_versions[vim.fn.bufnr("b.py")] ~= nil'
        wait_for(lambda: editor.lua(listed), "the other file to be opened")
        editor.lua('vim.cmd("buffer a.py") return 1')
        editor.keys("g", "g", "w")
        editor.type("cwsum_of")
        editor.normal()
        editor.terminal.wait_text("⇥ b.py:1")
        self.assertEqual(editor.text(), home.replace("total_of", "sum_of"))
        editor.keys("Tab")
        wait_for(lambda: editor.text() == uses, lambda: f"the other file:\n{editor.terminal.text()}")
        editor.keys("Tab")
        editor.wait_buffer(uses.replace("total_of", "sum_of", 1))
        self.wait_shown(editor, 2)
        editor.keys("Tab", "Tab")
        editor.wait_buffer(uses.replace("total_of", "sum_of"))

    def test_typing_takes_it_away(self):
        editor = self.rename()
        self.wait_shown(editor, 2)
        editor.keys("i")
        self.wait_none(editor)
        editor.normal()
        self.wait_shown(editor, 2)
        # A change of another program's hand makes another version: the edit is not applied to it.
        editor.lua('vim.api.nvim_buf_set_lines(0, 0, 0, false, { "# new" }) return 1')
        editor.keys("Tab")
        editor.take_turn()
        self.assertEqual(editor.text(), "# new\n" + renamed(1))

    def test_it_is_opt_in_and_plugins_find_a_client_by_its_name(self):
        editor = self.start(self.program, options='keys = true, client_name = "fimble-copilot"', text=BODY,
                            settings=SETTINGS)
        find = ('local c = vim.lsp.get_clients({ name = "fimble-copilot", bufnr = 0 })[1] '
                "return c ~= nil and c.initialized and vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()] ~= nil")
        wait_for(lambda: editor.lua(find), "the server under its name")
        self.assertIsNone(editor.lua('return vim.fn.maparg("<Tab>", "n", false, true).lhs'))
        # What sidekick.nvim asks in normal mode, by the name that it knows.
        ask = ('local c = vim.lsp.get_clients({ name = "fimble-copilot" })[1] if not c.initialized then return nil end '
               "local p = vim.lsp.util.make_position_params(0, c.offset_encoding) "
               "p.textDocument.version = vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()] "
               "p.context = { triggerKind = 2 } local answer "
               'require("fimble.client").request(c, "textDocument/copilotInlineEdit", p, function(_, r) answer = r end, 0) '
               "vim.wait(5000, function() return answer ~= nil end, 10) return answer and answer.edits")
        why = ask.replace("textDocument/copilotInlineEdit", "workspace/executeCommand").replace(
            "local answer", 'p = { command = "fimble.why" } local answer').replace("answer.edits", "answer.text")
        editor.keys("g", "g")
        editor.type("/total\n")
        editor.type("cwamount")
        editor.normal()
        editor.wait_buffer(renamed(1))
        edits = wait_for(lambda: editor.lua(ask), lambda: str(editor.lua(why)))
        self.assertEqual(([edit["text"] for edit in edits], self.shown(editor)), (["amount"], None))


class NextEditIn012(NextEdit, NeovimTest):
    """In the newest Neovim."""


class NextEditIn010(NextEdit, NeovimTest):
    """In the oldest one."""

    program = EDITORS / "bin/nvim-0.10"


if __name__ == "__main__":
    unittest.main()
