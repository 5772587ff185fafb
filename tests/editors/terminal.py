"""A program in a terminal of its own (tmux).

Invariant: nothing waits for a time, only for conditions; every terminal is gone when its test is, whatever happened.
"""

import os
import shutil
import subprocess
import time

from picture import still

# Generous: a busy machine must not fail a test.
DEADLINE = float(os.environ.get("FIMBLE_TEST_DEADLINE", "60"))


def wait_for(condition, what):
    """Calls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE} s for {what() if callable(what) else what}")
        time.sleep(0.02)


class Terminal:
    """A terminal of `width` times `height` that runs `command` in `directory`."""

    def __init__(self, folder, command, env, directory=None, width=100, height=24):
        self.socket = os.path.join(folder, "tmux")
        self.width, self.height = width, height
        shell = " ".join("'" + part.replace("'", "'\\''") + "'" for part in command)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                   "-c", str(directory or folder), shell, env={**env, "TERM": "xterm-256color"})
        # Escape must not be taken for the start of another key.
        self._tmux("set-option", "-g", "escape-time", "0")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self._tmux("set-option", "-g", "status", "off")

    def _tmux(self, *arguments, env=None, check=True):
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], env=env, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {arguments[0]}: {done.stderr}")
        return done.stdout

    def keys(self, *names):
        """Presses keys by their tmux names: Tab, Escape, C-Right, ..."""
        self._tmux("send-keys", *names)

    def type(self, text):
        """Types a text."""
        self._tmux("send-keys", "-l", "--", text)

    def text(self):
        """What is on the screen, one line for each row."""
        return self._tmux("capture-pane", "-p", check=False)

    def wait_text(self, text):
        """Waits until a text is on the screen."""
        wait_for(lambda: text in self.text(), lambda: f"{text!r} on the screen:\n{self.text()}")

    def wait_no_text(self, text):
        """Waits until a text is not on the screen."""
        wait_for(lambda: text not in self.text(), lambda: f"{text!r} to go from the screen:\n{self.text()}")

    def is_alive(self):
        """Whether the program still runs."""
        return self._tmux("list-panes", "-F", "#{pane_dead}", check=False).strip() == "0"

    def close(self):
        """Ends the terminal and the program in it."""
        self._tmux("kill-server", check=False)

    def keep_picture(self, path):
        """Writes the screen as a picture if there still is one: what was on it tells more than an error."""
        if self.is_alive():
            self.picture(path)

    def screen(self):
        """The lines of the screen with their escape sequences for colours, and the column and row of the cursor."""
        output = self._tmux("capture-pane", "-p", "-e", "-N", ";", "display-message", "-p", "#{cursor_x} #{cursor_y}")
        *lines, cursor = output.rstrip("\n").split("\n")
        column, row = cursor.split()
        return lines, (int(column), int(row))

    def picture(self, path, rows=None):
        """Writes the screen as an SVG picture."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(still(self.screen(), self.width, rows or self.height))


def needs(*programs):
    """Fails with the reason where a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise SystemExit(f"The editor tests need {program}: tests/editors/setup.sh installs it.")
