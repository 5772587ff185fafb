"""Helix in a terminal, as a user has it: configured by `fimble doctor --print-config helix` and nothing else.

Invariant: Helix has no remote interface, so tests read its screen, its files on disk, and what Fimble says of itself.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

import place
from terminal import Terminal, wait_for

HELIX = place.EDITORS / "bin/hx"


class Helix:
    """One running editor with one file. `settings` are those of the server, `command` runs in its place."""

    def __init__(self, text="", name="a.py", config="", settings=place.SETTINGS, env=None, command=None):
        self.folder = place.folder()
        self.file = pathlib.Path(self.folder) / "work" / name
        self.file.parent.mkdir()
        (self.file.parent / ".git").mkdir()
        self.file.write_bytes(text.encode())
        self.env = {**place.environment(self.folder), **(env or {})}
        folder = pathlib.Path(self.folder) / ".config/helix"
        folder.mkdir(parents=True)
        printed = subprocess.run([place.FIMBLE, "doctor", "--print-config", "helix"], env=self.env, text=True,
                                 stdout=subprocess.PIPE, check=True).stdout
        if command:
            printed = printed.replace(json.dumps(place.FIMBLE), json.dumps(command))
        server = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        (folder / "languages.toml").write_text(f"{printed}\n[language-server.fimble.config]\n{server}")
        (folder / "config.toml").write_text('[editor]\nidle-timeout = 50\ncompletion-timeout = 50\n' + config)
        self.log = pathlib.Path(self.folder) / "log"
        # Helix writes what a server says on standard error into its log.
        self.env["FIMBLE_LOG"] = "debug"
        self.terminal = Terminal(self.folder, [str(HELIX), "-v", "--log", str(self.log), str(self.file)], self.env,
                                 self.file.parent, width=140)
        self.keys, self.type = self.terminal.keys, self.terminal.type
        self.terminal.wait_text(name)

    def screen(self):
        """What is on the screen."""
        return self.terminal.text()

    def logged(self, text):
        """How often the server has written a text into the log."""
        return self.log.read_text(errors="replace").count(text) if self.log.exists() else 0

    def n_computed(self):
        """How many answers the model has computed."""
        return self.logged("path=ModelC") + self.logged("path=Kept")

    def wait_logged(self, text, at_least=1):
        """Waits until the server has written a text so many times."""
        wait_for(lambda: self.logged(text) >= at_least, lambda: f"{text!r} in the log:\n{self.screen()}")

    def wait_ready(self):
        """Waits until the server has loaded its model and knows the text: Helix asks once, and what a test is shown repeats
        what stands above."""
        self.wait_logged("the model is ready")
        self.wait_logged("added to the project cache document=")
        return self

    def line(self, number):
        """A line of the text as it is on the screen, without what follows it in other windows and popups."""
        found = re.search(rf"^\s*{number}  (.*?)\s*(?:│.*)?$", self.screen(), re.MULTILINE)
        return found.group(1) if found else ""

    def menu(self):
        """Waits for the menu with our item, and returns its label."""
        def label():
            items = re.findall(r"(\S.*?)\s+text\s*$", self.screen(), re.MULTILINE)
            return items and re.split(r"\s{2,}|│", items[0])[-1]

        return wait_for(label, lambda: f"the menu:\n{self.screen()}")

    def preview(self, number):
        """Selects the next item of the menu, waits until the line has changed, and returns it as it is then."""
        before = self.line(number)
        self.keys("Tab")
        return wait_for(lambda: self.line(number) != before and self.line(number),
                        lambda: f"the item in the text:\n{self.screen()}")

    def server_process(self):
        """Process ids of the servers of this editor."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and self.folder in (folder / "environ").read_text(errors="replace") \
                        and (folder / "cmdline").read_text().startswith(place.FIMBLE + "\0lsp"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def kill_server(self):
        """Kills the server as a crash would."""
        pids = wait_for(self.server_process, "a server")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not set(pids) & set(self.server_process()), "the server to be gone")

    def normal(self):
        """Goes to normal mode. A key right behind Escape would be taken for one with Alt."""
        if " NOR " not in self.screen():
            self.keys("Escape")
            wait_for(lambda: " NOR " in self.screen(), lambda: f"normal mode:\n{self.screen()}")

    def command(self, text):
        """Runs a `:` command from normal mode."""
        self.type(":" + text)
        self.terminal.wait_text(":" + text)
        self.keys("Enter")

    def write(self):
        """Leaves insert mode, writes the file, and returns what is on disk."""
        self.normal()
        self.command("write!")
        # Helix puts a new file in the place of the old one, and says when it has.
        self.terminal.wait_text("' written")
        return self.file.read_bytes()

    def close(self):
        """Ends the editor."""
        self.terminal.close()
        place.remove(self.folder)


class HelixTest(unittest.TestCase):
    """A test with editors that end with it."""

    def start(self, **arguments):
        """Starts an editor for this test."""
        editor = Helix(**arguments)
        self.addCleanup(editor.close)
        self.addCleanup(editor.terminal.keep_picture, str(place.PICTURES / f"helix-{self.id()}.svg"))
        return editor
