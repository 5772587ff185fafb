#!/usr/bin/env python3
"""Measures the time from a key to the suggestion in Neovim 0.12: p50 and p95 over 50 keys.

    tests/editors/neovim/bench.py

Invariant: the clock runs inside of the editor, from the moment the key is taken to the moment the suggestion is drawn. The
editor's own way waits 200 ms after each key.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
sys.dont_write_bytecode = True

import place  # noqa: E402
from neovim_driver import Neovim  # noqa: E402
from terminal import wait_for  # noqa: E402

N_KEYS = 50

# Once armed, notes when the next key came, and when a suggestion was drawn after a later question.
WATCH = """
_G.times, _G.is_armed = {}, false
local key_at, is_asked
vim.on_key(function(_, typed)
  if _G.is_armed and typed == " " then
    _G.is_armed, is_asked, key_at = false, false, vim.uv.hrtime()
  end
end)
local set = vim.api.nvim_buf_set_extmark
vim.api.nvim_buf_set_extmark = function(buf, ns, row, column, options)
  if options.virt_text and key_at and is_asked then
    table.insert(_G.times, (vim.uv.hrtime() - key_at) / 1e6)
    key_at = nil
  end
  return set(buf, ns, row, column, options)
end
vim.api.nvim_create_autocmd("LspRequest", { callback = function(event)
  local request = event.data.request
  if request.method == "textDocument/inlineCompletion" and request.type == "pending" then is_asked = true end
end })
"""


def is_refused(editor, column):
    """Whether the last request was at this column and brought nothing."""
    trace = editor.command("fimble.why")["trace"]
    return trace["character"] == column and trace["decision"]["kind"] == "nothing"


def measure(program, options):
    """Times in milliseconds, sorted."""
    lines = json.dumps(place.REPEATED.rstrip("\n"))
    editor = Neovim(program, options=options, before=WATCH, text=place.REPEATED)
    try:
        editor.wait_ready()
        times = []
        for number in range(N_KEYS):
            editor.normal()
            editor.lua(f'vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split({lines}, "\\n")) return 1')
            # A place of its own each time: the answer has to come from the model.
            editor.keys("G")
            editor.type(f"ofifth_value_{number} =")
            wait_for(lambda: (editor.text() or "").endswith(f"fifth_value_{number} =\n"), "the line")
            editor.lua("_G.is_armed = true return 1")
            editor.type(" ")
            n_times = len(times)
            column = len(f"fifth_value_{number} = ")
            # A model may have nothing to suggest at some place: that one does not count.
            wait_for(lambda: len(editor.lua("return _G.times") or []) > n_times or is_refused(editor, column),
                     lambda: f"suggestion {number}:\n{editor.terminal.text()}")
            times = editor.lua("return _G.times") or []
        return sorted(times)
    finally:
        editor.close()


def main():
    times = measure(place.EDITORS / "bin/nvim", "keys = true")
    print(f"Neovim 0.12, key to suggestion: p50 {times[len(times) // 2]:.0f} ms, "
          f"p95 {times[len(times) * 95 // 100]:.0f} ms, {len(times)} keys")


if __name__ == "__main__":
    main()
