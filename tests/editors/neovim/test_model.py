"""`:Fimble model`: the list, progress, errors, and a model that takes over.

Invariant: no test needs a network; `model list` and `model get` are those of a script, as `fimble model` would answer, and all
else is the real program.
"""

import json
import os
import pathlib
import subprocess

import place
from neovim_driver import NeovimTest
from place import EDITORS, REPEATED
from terminal import wait_for

REFUSAL = "The hub has no such file. Ask for another model."
MODEL = place.ROOT / "models/default"


def fetched(name, title, **more):
    """An entry of the catalogue."""
    return {"name": name, "title": title, "purpose": "for tests", "licence": "Apache-2.0", "nonCommercial": False,
            "bytes": 491400064, "recommended": False, "installed": False, "memoryBytes": None, **more}


LIST = {
    "active": "bundled",
    "installed": [{"name": "bundled", "active": True, "bytes": None, "source": None}],
    "found": [{"spec": str(MODEL), "store": "Ollama", "bytes": 9500000, "quantisation": "Q8_0", "fim": True, "runs": True},
              {"spec": "/mamba.gguf", "bytes": 1, "runs": False, "reason": "It is a hybrid model."}],
    "unreadable": [],
    "catalogue": [fetched("second", "Second 0.5B", recommended=True), fetched("broken", "Broken 1B"),
                  fetched("slow", "Slow 7B"), fetched("unfree", "Unfree 3B", licence="Research", nonCommercial=True)],
}


class Model(NeovimTest):
    """In Neovim 0.12."""

    program = EDITORS / "bin/nvim"

    def open(self):
        """An editor whose program has this list."""
        folder = pathlib.Path(place.folder())
        self.addCleanup(place.remove, folder)
        self.folder = folder
        (folder / "list.json").write_text(json.dumps(LIST))
        home = folder / "fimble"
        home.mkdir()
        (home / "runtime").symlink_to(pathlib.Path(place.runtime_home()) / "runtime")
        self.env = {"FIMBLE_HOME": str(home)}
        program = folder / "program"
        program.write_text(f"""#!/bin/sh
[ "$1" = model ] && echo "$*" >> '{folder}/commands'
case "$1 $2 $3" in
  "model list --json") exec cat '{folder}/list.json' ;;
  "model get second")
    echo '{{"step":"downloading Second"}}'
    echo '{{"done":245700032,"total":491400064,"rate":12400000,"secondsLeft":19.5}}'
    while ! [ -e '{folder}/go' ]; do sleep 0.05; done
    '{place.FIMBLE}' model add '{MODEL}' --name second --use > /dev/null || exit 1
    echo '{{"added":"second","lines":["It fills in the middle."]}}'
    exit ;;
  "model get slow")
    echo $$ > '{folder}/pid'
    echo '{{"step":"downloading Slow"}}'
    exec sleep 600 ;;
  "model get "*)
    echo 'fimble: {REFUSAL}' >&2
    exit 1 ;;
esac
exec '{place.FIMBLE}' "$@"
""")
        program.chmod(0o755)
        editor = self.start(self.program, text=REPEATED, fimble=str(program), env=self.env)
        return editor.wait_ready()

    def choose(self, editor, title):
        """Chooses a row by its number."""
        editor.normal()
        editor.type(":Fimble model")
        editor.keys("Enter")
        editor.terminal.wait_text("to download")
        row = next(line for line in editor.terminal.text().splitlines() if title in line)
        editor.type(row.strip().split(":")[0])
        editor.keys("Enter")

    def wait_model(self, editor, name):
        """Waits until this model answers."""
        wait_for(lambda: editor.status().get("model") == name and editor.status().get("state") == "ready",
                 lambda: f"the model {name}: {editor.status()}\n{editor.terminal.text()}")

    def commands(self):
        """What the program was asked for."""
        return (self.folder / "commands").read_text().splitlines()

    def test_a_model_is_fetched_in_sight_and_answers_without_a_restart(self):
        editor = self.open()
        server = editor.server_process()
        self.choose(editor, "Second 0.5B")
        editor.terminal.wait_text("Second 0.5B, downloading Second: 50 % of 491 MB, 12 MB/s, 20 s left")
        self.wait_model(editor, "bundled")
        # One at a time.
        self.choose(editor, "Slow 7B")
        editor.terminal.wait_text("still being fetched")
        (self.folder / "go").touch()
        self.wait_model(editor, "second")
        wait_for(lambda: "It fills in the middle." in editor.lua('return vim.fn.execute("messages")'), "what it can do")
        self.assertEqual(editor.server_process(), server)
        editor.normal("G")
        editor.type("ofifth_value = ")
        editor.ghost()
        self.assertEqual(editor.command("fimble.why")["trace"]["model"], "second")
        # What is installed is used.
        self.choose(editor, "bundled")
        self.wait_model(editor, "bundled")
        self.assertEqual(self.commands()[-1], "model use bundled")

    def test_what_cannot_be_had_is_said_and_changes_nothing(self):
        editor = self.open()
        self.choose(editor, "Broken 1B")
        editor.terminal.wait_text(REFUSAL)
        self.choose(editor, "/mamba.gguf")
        editor.terminal.wait_text("It is a hybrid model.")
        self.assertEqual(editor.lua("return vim.api.nvim_get_mode().mode"), "n", "no key is asked for")
        self.choose(editor, "Unfree 3B")
        editor.terminal.wait_text("forbids commercial use")
        editor.type("2")
        editor.keys("Enter")
        self.choose(editor, "Unfree 3B")
        editor.terminal.wait_text("forbids commercial use")
        editor.type("1")
        editor.keys("Enter")
        asked = "model get unfree --use --progress json --accept-licence"
        wait_for(lambda: asked in self.commands(), "the command")
        self.assertEqual(self.commands().count(asked), 1)
        self.wait_model(editor, "bundled")

    def test_a_download_can_be_ended(self):
        editor = self.open()
        self.choose(editor, "Slow 7B")
        editor.terminal.wait_text("downloading Slow")
        pid = int((self.folder / "pid").read_text())
        editor.normal()
        editor.type(":Fimble model cancel")
        editor.keys("Enter")
        editor.terminal.wait_text("nothing has changed")
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the download")
        # The editor takes it along, too.
        self.choose(editor, "Slow 7B")
        wait_for(lambda: int((self.folder / "pid").read_text() or 0) not in (0, pid), "another download")
        pid = int((self.folder / "pid").read_text())
        editor.normal()
        editor.type(":qa!")
        editor.keys("Enter")
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the download")

    def test_a_setting_that_names_a_model_gives_way(self):
        editor = self.open()
        subprocess.run([place.FIMBLE, "model", "add", str(MODEL), "--name", "named"], check=True, capture_output=True,
                       env={**os.environ, **self.env})
        editor.lua('require("fimble.client").configure({ model = "named" }) return 1')
        self.wait_model(editor, "named")
        self.choose(editor, "bundled")
        editor.terminal.wait_text("names another model")
        self.wait_model(editor, "bundled")


class OlderModel(Model):
    """In Neovim 0.10."""

    program = EDITORS / "bin/nvim-0.10"
