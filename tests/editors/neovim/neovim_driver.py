"""Neovim in a terminal, as a user has it, with the plugin of this repository.

Invariant: whatever is asked of the editor goes through its own remote interface; the file is what is on disk.
"""

import json
import os
import pathlib
import signal
import subprocess
import unittest

import place
from terminal import Terminal, wait_for

PLUGIN = place.ROOT / "editors/neovim"

# A key that does nothing but count itself, whatever the editor is at.
TURN = 'vim.keymap.set({ "n", "i", "c", "x" }, "<F12>", "<Cmd>let g:n_turns = get(g:, \'n_turns\', 0) + 1<CR>")'


class Neovim:
    """One running editor. `options` is the Lua table that `setup` is called with, `before` and `after` are more Lua,
    `settings` those of the server."""

    def __init__(self, program, options="keys = true", before="", after="", text="", name="a.py", env=None,
                 is_plugin=True, fimble=None, settings=place.SETTINGS, width=100, height=24):
        self.program = str(program)
        self.folder = place.folder()
        self.file = pathlib.Path(self.folder) / "work" / name
        self.file.parent.mkdir()
        (self.file.parent / ".git").mkdir()
        self.file.write_bytes(text.encode())
        self.socket = os.path.join(self.folder, "nvim")
        self.env = {**place.environment(self.folder), "FIMBLE_LOG": "debug", **(env or {})}
        command = json.dumps(fimble or place.FIMBLE)
        server = f"vim.json.decode([==[{json.dumps(settings)}]==])"
        setup = f'require("fimble").setup {{ cmd = {{ {command}, "lsp" }}, settings = {server}, {options} }}'
        setup = setup if is_plugin else ""
        config = pathlib.Path(self.folder) / "init.lua"
        config.write_text(f"vim.o.swapfile = false\nvim.o.shada = ''\nvim.o.ruler = false\n{TURN}\n"
                          f"vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})\n{before}\n{setup}\n{after}\n")
        self.terminal = Terminal(self.folder, [self.program, "--listen", self.socket, "-u", str(config),
                                               str(self.file)], self.env, self.file.parent, width, height)
        self.keys, self.type = self.terminal.keys, self.terminal.type
        wait_for(lambda: os.path.exists(self.socket) and self.lua("return 1") == 1,
                 lambda: f"Neovim to listen:\n{self.terminal.text()}")

    def lua(self, body):
        """Runs the body of a Lua function in the editor and returns what it returns; none if the editor is away."""
        source = f"vim.json.encode((function() {body} end)())"
        expression = "luaeval(" + "'" + source.replace("'", "''") + "')"
        # An editor that waits for a key answers nobody.
        try:
            done = subprocess.run([self.program, "--server", self.socket, "--remote-expr", expression], env=self.env,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=10)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0 or not done.stdout.strip():
            return None
        try:
            value = json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"{body}: {done.stdout} {done.stderr}") from error
        return None if value == {} else value

    def wait_ready(self):
        """Waits until the server has loaded its model."""
        wait_for(lambda: self.status().get("state") == "ready",
                 lambda: f"the server to be ready: {self.status()}\n{self.terminal.text()}")
        return self

    def wait_remembered(self):
        """Waits until the server knows the text: a suggestion that is asked for once and of several lines repeats it."""
        log = pathlib.Path(self.env["XDG_STATE_HOME"], "nvim", "lsp.log")
        wait_for(lambda: log.exists() and "added to the project cache document=" in log.read_text(errors="replace"),
                 lambda: f"the text to be known; the log is {log.read_text(errors='replace') if log.exists() else log}")
        return self

    def decided(self, character):
        """Waits until the last question was about this column and is answered; returns what was decided."""
        def decision():
            trace = (self.command("fimble.why") or {}).get("trace") or {}
            return trace.get("character") == character and trace["decision"]

        return wait_for(decision, lambda: f"a question about column {character}: {self.command('fimble.why')}")

    def status(self):
        """What the server says of itself; empty without one."""
        return self.command("fimble.status") or {}

    def command(self, name, argument="{}"):
        """Runs a command of the server."""
        return self.lua(
            'local c = vim.lsp.get_clients({ name = "fimble" })[1] '
            "if not c or not c.initialized then return nil end "
            'local ask = vim.fn.has("nvim-0.11") == 1 and function(...) return c:request_sync(...) end or c.request_sync '
            f'local r = ask("workspace/executeCommand", {{ command = "{name}", arguments = {{ {argument} }} }}, 5000, 0) '
            "return r and r.result")

    def shown(self):
        """The text that the plugin says it suggests."""
        return self.lua('return require("fimble").shown()')

    def ghost(self):
        """Waits for a suggestion, and until all of it is on the screen. Returns it."""
        def is_drawn():
            text = self.shown()
            # A long one goes on in the next row.
            screen = "".join(self.terminal.text().split())
            parts = ["".join(line.split()) for line in text.split("\n")] if text else []
            return text if parts and all(part in screen for part in parts) else None

        return wait_for(is_drawn, lambda: f"a suggestion; there is {self.shown()!r}, and on the screen:\n"
                        f"{self.terminal.text()}\n{self.command('fimble.why')}")

    def wait_no_ghost(self):
        """Waits until nothing is suggested, and nothing drawn."""
        wait_for(lambda: self.shown() is None and not self.drawn(),
                 lambda: f"no suggestion:\n{self.terminal.text()}")

    def drawn(self):
        """What is drawn by extmarks, the editor's and ours."""
        return self.lua(
            "local parts = {} for name, ns in pairs(vim.api.nvim_get_namespaces()) do "
            'if name == "fimble" or name == "nvim.lsp.inline_completion" then '
            "for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true })) do "
            "for _, chunk in ipairs(mark[4].virt_text or {}) do parts[#parts + 1] = chunk[1] end "
            'for _, line in ipairs(mark[4].virt_lines or {}) do parts[#parts + 1] = "\\n" .. line[1][1] end '
            "end end end return table.concat(parts)")

    def text(self):
        """The buffer, as it would be written."""
        return self.lua('return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\\n") .. "\\n"')

    def wait_buffer(self, text):
        """Waits until the buffer is exactly this."""
        wait_for(lambda: self.text() == text, lambda: f"the buffer to be {text!r}; it is {self.text()!r}")

    def take_turn(self):
        """Waits until the editor has taken every key that was pressed: they go through a terminal, questions do not."""
        n_turns = self.lua("return vim.g.n_turns") or 0
        self.keys("F12")
        wait_for(lambda: (self.lua("return vim.g.n_turns") or 0) > n_turns,
                 lambda: f"the keys to be taken:\n{self.terminal.text()}")

    def normal(self, *keys):
        """Goes to normal mode and presses keys there. A key right behind Escape would be taken for one with Alt."""
        self.take_turn()
        if self.lua("return vim.api.nvim_get_mode().mode") != "n":
            self.keys("Escape")
            wait_for(lambda: self.lua("return vim.api.nvim_get_mode().mode") == "n",
                     lambda: f"normal mode:\n{self.terminal.text()}")
        if keys:
            self.keys(*keys)

    def write(self):
        """Leaves insert mode, writes the file, and returns what is on disk."""
        self.normal()
        before = self.lua("return vim.fn.getftime(vim.api.nvim_buf_get_name(0))")
        self.lua('vim.cmd("silent write!") return 1')
        wait_for(lambda: self.lua("return vim.bo.modified") is False, f"the file to be written ({before})")
        return self.file.read_bytes()

    def server_process(self):
        """Process ids of the servers that this editor has started."""
        pid = self.lua("return vim.fn.getpid()")
        return [int(line) for line in _children(pid) if "fimble" in _command(line)] if pid else []

    def kill_server(self):
        """Kills the server as a crash would."""
        pids = self.server_process()
        assert pids, "no server runs"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not set(pids) & set(self.server_process()), "the server to be gone")

    def close(self):
        """Ends the editor."""
        self.terminal.close()
        place.remove(self.folder)


def _children(pid):
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], text=True, stdout=subprocess.PIPE, check=False)
    own = done.stdout.split()
    return own + [grandchild for child in own for grandchild in _children(child)]


def _command(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


class NeovimTest(unittest.TestCase):
    """A test with editors that end with it."""

    def start(self, program, **arguments):
        """Starts an editor for this test."""
        editor = Neovim(program, **arguments)
        self.addCleanup(editor.close)
        self.addCleanup(editor.terminal.keep_picture, str(place.PICTURES / f"neovim-{self.id()}.svg"))
        return editor
