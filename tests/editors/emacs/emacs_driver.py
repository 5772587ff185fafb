"""Emacs with lsp-mode in a terminal, configured by the first lines for an init file in editors/other/emacs.md and nothing else.

Invariant: whatever is asked of the editor goes through its own remote interface; the file is what is on disk.
"""

import json
import os
import pathlib
import re
import subprocess
import unittest

import place
from terminal import Terminal, wait_for

EMACS = place.EDITORS / "bin/emacs"
CLIENT = place.EDITORS / "bin/emacsclient"
PACKAGES = place.EDITORS / "emacs/packages"

# Of the machine and not of the user: there is no compiler of native code, and nobody answers a question.
MACHINE = f"""\
(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)
(setq package-directory-list '({json.dumps(str(PACKAGES))}))
(package-initialize)
(setq inhibit-startup-screen t make-backup-files nil auto-save-default nil create-lockfiles nil)
(setq lsp-auto-guess-root t lsp-enable-snippet nil lsp-client-packages nil lsp-headerline-breadcrumb-enable nil)
"""

# The text as it is drawn: with the grey text in the place of what its overlay hides.
DRAWN = """
(let ((it lsp-inline-completion--overlay))
  (when it
    (concat (buffer-substring-no-properties (point-min) (overlay-start it))
            (overlay-get it 'display) (overlay-get it 'after-string)
            (buffer-substring-no-properties (overlay-end it) (point-max)))))
"""


def documented():
    """The lines for an init file of the page."""
    page = (place.ROOT / "editors/other/emacs.md").read_text()
    return re.search(r"## lsp-mode\n.*?```elisp\n(.*?)```", page, re.DOTALL).group(1)


def lisp(value):
    """A Lisp value for settings."""
    if isinstance(value, dict):
        return "(" + " ".join(f":{key} {lisp(value)}" for key, value in value.items()) + ")"
    return json.dumps(value)


class Emacs:
    """One running editor with one file. `settings` are those of the server, `after` is more Lisp."""

    def __init__(self, text="", name="a.py", settings=place.SETTINGS, after=""):
        self.folder = place.folder()
        self.file = pathlib.Path(self.folder) / "work" / name
        self.file.parent.mkdir()
        (self.file.parent / ".git").mkdir()
        self.file.write_bytes(text.encode())
        self.env = place.environment(self.folder)
        lines = documented()
        for old, new in (("\"fimble\"", json.dumps(place.FIMBLE)),
                         (":server-id 'fimble", f":initialization-options '{lisp(settings)} :server-id 'fimble")):
            if old not in lines:
                raise AssertionError(f"the page has no {old}")
            lines = lines.replace(old, new)
        self.socket = os.path.join(self.folder, "emacs")
        server = f"(setq server-socket-dir {json.dumps(self.folder)} server-name \"emacs\")\n(server-start)\n"
        init = pathlib.Path(self.folder) / "init.el"
        init.write_text(f"{MACHINE}{lines}{after}\n{server}")
        self.terminal = Terminal(self.folder, [str(EMACS), "-nw", "-Q", "-l", str(init), str(self.file)], self.env,
                                 self.file.parent)
        self.keys, self.type = self.terminal.keys, self.terminal.type
        wait_for(lambda: os.path.exists(self.socket), lambda: f"Emacs to listen:\n{self.terminal.text()}")

    def eval(self, expression):
        """The value of an expression in the buffer of the file; none if the editor is busy."""
        lookup = f"(with-current-buffer (get-file-buffer {json.dumps(str(self.file))}) {expression})"
        try:
            done = subprocess.run([str(CLIENT), "-s", self.socket, "--eval", f"(json-encode {lookup})"], env=self.env,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=10)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0:
            return None
        # A string of Lisp with JSON in it.
        printed = re.sub(r"\\(.)", r"\1", done.stdout.strip()[1:-1], flags=re.DOTALL)
        return json.loads(printed, strict=False)

    def status(self):
        """What the server says of itself; empty without one."""
        ask = '(lsp-request "workspace/executeCommand" \'(:command "fimble.status" :arguments []))'
        return self.eval(f"(when (bound-and-true-p lsp--buffer-workspaces) {ask})") or {}

    def wait_ready(self):
        """Waits until the server has loaded its model."""
        wait_for(lambda: self.status().get("state") == "ready",
                 lambda: f"the server to be ready: {self.status()}\n{self.terminal.text()}")
        return self

    def text(self):
        """The text of the buffer."""
        return self.eval("(buffer-substring-no-properties (point-min) (point-max))")

    def drawn(self):
        """Waits for grey text; returns the whole text as it is drawn."""
        return wait_for(lambda: self.eval(DRAWN),
                        lambda: f"grey text:\n{self.terminal.text()}\n{self.eval('lsp-inline-completion--items')}")

    def wait_text(self, text):
        """Waits until this is the text of the buffer."""
        wait_for(lambda: self.text() == text, lambda: f"{text!r}; the buffer has {self.text()!r}")

    def write(self):
        """Writes the file, and returns what is on disk."""
        self.eval("(progn (save-buffer) t)")
        wait_for(lambda: self.eval("(if (buffer-modified-p) 1 0)") == 0, "the file to be written")
        return self.file.read_bytes()

    def close(self):
        """Ends the editor."""
        self.terminal.close()
        place.remove(self.folder)


class EmacsTest(unittest.TestCase):
    """A test with editors that end with it."""

    def start(self, **arguments):
        """Starts an editor for this test."""
        editor = Emacs(**arguments)
        self.addCleanup(editor.close)
        self.addCleanup(editor.terminal.keep_picture, str(place.PICTURES / f"emacs-{self.id()}.svg"))
        return editor
