"""Commands, help, health, the status line, menus of other plugins, and Fimble without its plugin.

Invariant: what a command says is on the screen.
"""

import json
import pathlib
import re
import subprocess

import place
from neovim_driver import PLUGIN, NeovimTest
from place import EDITORS, REPEATED
from terminal import wait_for

LINE = "fifth_value = "


class Commands(NeovimTest):
    """In Neovim 0.12."""

    program = EDITORS / "bin/nvim"

    def open(self, **arguments):
        """An editor with a server that is ready."""
        return self.start(self.program, **{"text": REPEATED, **arguments}).wait_ready()

    def run_command(self, editor, command):
        """Runs a `:` command as a user types it."""
        editor.normal()
        editor.type(":" + command)
        editor.keys("Enter")

    def type_line(self, editor):
        """Goes to where something is suggested."""
        editor.normal("G")
        editor.type("o" + LINE)

    def test_status_and_why(self):
        editor = self.open()
        self.type_line(editor)
        editor.ghost()
        self.run_command(editor, "Fimble")
        editor.terminal.wait_text("ready, model bundled")
        self.run_command(editor, "Fimble why")
        editor.terminal.wait_text("a suggestion of 1 line")
        self.assertTrue(editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("a.py"), "the cursor stays")

    def test_toggles(self):
        editor = self.open()
        wait_for(lambda: editor.lua('return require("fimble").statusline()') == "fimble", "the status line")
        for command, scope in (("Fimble toggle", "off"), ("Fimble toggle buffer", "off in this buffer"),
                               ("Fimble toggle language", "off for python")):
            self.run_command(editor, command)
            editor.terminal.wait_text("Fimble: " + scope)
            if "language" not in command:
                wait_for(lambda: editor.lua('return require("fimble").statusline()') == "fimble off", "the status line")
            self.type_line(editor)
            if "buffer" not in command:
                n_requests = editor.status()["requests"]
                editor.type("c")
                wait_for(lambda: editor.status()["requests"] > n_requests, "a request")
            self.assertIsNone(editor.shown())
            self.run_command(editor, command)
            editor.terminal.wait_text("Fimble: on")
        # Without the lines that were left unfinished, which the model would learn from. The editor gives the buffer to
        # the server anew, after the first keys.
        self.run_command(editor, "edit!")
        self.type_line(editor)
        editor.ghost()

    def test_what_is_switched_off_goes_at_once_and_comes_back(self):
        editor = self.open()
        self.type_line(editor)
        editor.ghost()
        for command in "Fimble toggle", "Fimble toggle buffer", "Fimble toggle language":
            editor.lua(f'vim.cmd("{command}") return 1')
            editor.wait_no_ghost()
            editor.lua(f'vim.cmd("{command}") return 1')
            editor.ghost()

    def test_restart_and_record(self):
        editor = self.open()
        first = editor.server_process()
        self.run_command(editor, "Fimble restart")
        wait_for(lambda: editor.server_process() and editor.server_process() != first, "another server")
        editor.wait_ready()
        recording = pathlib.Path(editor.folder) / "session.jsonl"
        self.run_command(editor, f"Fimble record {recording}")
        wait_for(recording.exists, "the recording")
        editor.wait_ready()
        self.type_line(editor)
        ghost = editor.ghost()
        # A recording ends with its server, whatever ended that; the next one serves.
        editor.kill_server()
        wait_for(lambda: f"the session is in {recording}" in editor.lua('return vim.fn.execute("messages")'), "the message")
        editor.wait_ready()
        recorded = recording.read_text()
        self.assertIn('"change"', recorded)
        editor.type("z" if ghost.startswith("q") else "q")
        editor.decided(len(LINE) + 1)
        self.assertEqual(recording.read_text(), recorded)

    def test_doctor_and_log(self):
        editor = self.open()
        self.run_command(editor, "Fimble doctor")
        # The window has fewer lines than the doctor says.
        said = """local buffer = vim.fn.bufnr("fimble://doctor")
            return buffer > 0 and table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\\n") or ''"""
        wait_for(lambda: "Everything works" in (editor.lua(said) or ""), lambda: editor.lua(said))
        self.run_command(editor, "Fimble log")
        wait_for(lambda: "lsp.log" in (editor.lua("return vim.api.nvim_buf_get_name(0)") or ""), "the log")

    def test_health(self):
        editor = self.open()
        self.run_command(editor, "checkhealth fimble")
        wait_for(lambda: "finds nothing missing" in (editor.text() or ""), lambda: editor.text())
        self.assertIn("A server runs for", editor.text())

    def test_help(self):
        editor = self.open()
        for tag in ("fimble", ":Fimble", "fimble-options", "fimble-keys"):
            self.run_command(editor, f"help {tag}")
            wait_for(lambda: (editor.lua("return vim.api.nvim_buf_get_name(0)") or "").endswith("fimble.txt"), tag)
            self.run_command(editor, "helpclose")
        folder, ours = pathlib.Path(editor.folder) / "doc", place.ROOT / "editors/neovim/doc"
        folder.mkdir()
        (folder / "fimble.txt").write_text((ours / "fimble.txt").read_text())
        subprocess.run([str(self.program), "--clean", "--headless", "-c", f"helptags {folder}", "-c", "q"],
                       env=editor.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual((folder / "tags").read_text(), (ours / "tags").read_text())

    def test_an_unknown_word_names_the_known_ones(self):
        editor = self.open()
        self.run_command(editor, "Fimble nonsense")
        editor.terminal.wait_text("there is no `:Fimble nonsense`")

    def test_explanations_come_into_a_window_beside_the_cursor(self):
        editor = self.open()
        document = ('{ uri = "fimble://explain/1.md", title = "Explanation", languageId = "markdown", '
                    'text = "%s", done = %s }')
        handle = 'require("fimble.documents").handlers["fimble/document"](nil, %s, { client_id = 1 }) return 1'
        editor.lua(handle % (document % ("# The first half", "false")))
        editor.terminal.wait_text("# The first half")
        editor.lua(handle % (document % ("# The first half\\nand the second", "true")))
        editor.terminal.wait_text("and the second")
        self.assertTrue(editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("a.py"), "the cursor stays")
        self.run_command(editor, "Fimble explain")
        # The bundled model cannot chat: that is said.
        wait_for(lambda: "Fimble: " in editor.lua('return vim.fn.execute("messages")'), "an answer")

    def test_menus_of_other_plugins(self):
        for name, function, opened, closed in (
                ("blink.cmp", "is_menu_visible", "BlinkCmpMenuOpen", "BlinkCmpMenuClose"),
                ("cmp", "visible", "CmpMenuOpened", "CmpMenuClosed")):
            editor = self.open(before=f"package.loaded[{json.dumps(name)}] = "
                               f"{{ {function} = function() return vim.g.menu_is_open end }}")
            self.type_line(editor)
            ghost = editor.ghost()
            editor.lua(f'vim.g.menu_is_open = true vim.cmd("doautocmd User {opened}") return 1')
            wait_for(lambda: not editor.drawn(), "no suggestion under the menu")
            editor.lua(f'vim.g.menu_is_open = false vim.cmd("doautocmd User {closed}") return 1')
            self.assertEqual(editor.ghost(), ghost)

    def test_an_earlier_mapping_of_a_key_still_works(self):
        editor = self.open(before='vim.keymap.set("i", "<Tab>", function() return "T" end, { expr = true })', text="")
        editor.type("ia")
        editor.wait_buffer("a\n")
        editor.lua('require("fimble.ghost").accept = function() return false end return 1')
        editor.keys("Tab")
        editor.wait_buffer("aT\n")


class OlderCommands(Commands):
    """The same in Neovim 0.10."""

    program = EDITORS / "bin/nvim-0.10"


class Installed(NeovimTest):
    """The plugin as the program writes it."""

    def test_what_setup_writes_works_with_the_line_that_it_prints(self):
        home = place.folder()
        self.addCleanup(place.remove, home)
        env = place.environment(home)
        printed = subprocess.run([place.FIMBLE, "setup", "--editor", "neovim"], env=env, text=True, check=True,
                                 stdout=subprocess.PIPE).stdout
        line = re.search(r'^\s*(require\("fimble"\)\.setup.*)$', printed, re.MULTILINE).group(1)
        without_ours = f"vim.opt.runtimepath:remove({json.dumps(str(PLUGIN))})"
        editor = self.start(EDITORS / "bin/nvim", is_plugin=False, env=env, before=f"{without_ours}\n{line}",
                            text=REPEATED).wait_ready()
        found = editor.lua('return vim.api.nvim_get_runtime_file("lua/fimble/init.lua", true)')
        self.assertEqual([file.startswith(home) for file in found], [True], found)
        editor.keys("G")
        editor.type("o" + LINE)
        ghost = editor.ghost()
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")


class WithoutPlugin(NeovimTest):
    """The lines that the plugin's README gives for those who want none."""

    def test_the_lines_of_the_readme_work(self):
        readme = (place.ROOT / "editors/neovim/README.md").read_text()
        lines = readme.split("## Without the plugin")[1].split("```lua\n")[1].split("```")[0]
        self.assertLessEqual(len(lines.strip().split("\n")), 10)
        lines = lines.replace('"fimble", "lsp"', f'"{place.FIMBLE}", "lsp"')
        editor = self.start(EDITORS / "bin/nvim", is_plugin=False, before=lines, text=REPEATED).wait_ready()
        editor.keys("G")
        editor.type("o" + LINE)
        ghost = wait_for(editor.drawn, lambda: f"a suggestion:\n{editor.terminal.text()}")
        editor.terminal.wait_text(LINE + ghost)
        editor.keys("Tab")
        editor.wait_buffer(REPEATED + LINE + ghost + "\n")
        wait_for(lambda: editor.status()["accepted"] == 1, "one acceptance")

    def test_headless_the_grid_has_the_suggestion(self):
        folder = pathlib.Path(place.folder())
        self.addCleanup(place.remove, folder)
        (folder / "init.lua").write_text(
            f'vim.opt.runtimepath:prepend("{place.ROOT}/editors/neovim")\n'
            f'require("fimble").setup {{ cmd = {{ "{place.FIMBLE}", "lsp" }} }}\n')
        (folder / "a.py").write_text(REPEATED)
        program, socket, env = str(EDITORS / "bin/nvim"), str(folder / "nvim"), place.environment(str(folder))
        process = subprocess.Popen([program, "--headless", "--listen", socket, "-u", str(folder / "init.lua"),
                                    str(folder / "a.py")], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def remote(option, text):
            return subprocess.run([program, "--server", socket, option, text], env=env, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

        def is_ready():
            return "fimble" == remote("--remote-expr", "luaeval('require(\"fimble\").statusline()')").strip()

        wait_for(is_ready, "the server")
        remote("--remote-send", f"Go{LINE}")
        row = "join(map(range(1, 60), 'screenstring(5, v:val)'), '')"
        wait_for(lambda: len(remote("--remote-expr", row).strip()) > len(LINE), "the suggestion on the grid")
