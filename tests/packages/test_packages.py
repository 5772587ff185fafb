"""Each package, installed where nothing else is, and used for a completion with the model inside of it.

Invariant: nothing here reaches a network, but for the runtime if the user has none yet.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unittest
import zipfile

import place
from common import VERSION
from language_client import complete

EXPECTED = "compute_value(fourth_input, scale)"


class Packages(unittest.TestCase):
    def completes(self, command, env):
        """The installed program gets its runtime, and completes."""
        self.assertIn(f"fimble {VERSION}", place.run([*command, "--version"], env=env))
        place.install_runtime(command[0], env)
        line = complete([*command, "lsp"], env, env["HOME"], VERSION)
        self.assertTrue(line.startswith("fourth_value = compute_value("), line)
        self.assertTrue(os.path.isdir(f"{env['HOME']}/.local/share/fimble/runtime"), "the runtime is elsewhere")

    def has_licences(self, names):
        for name in ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.md"):
            self.assertIn(name, names)


class Wheel(Packages):
    def test_an_installed_wheel_completes(self):
        home = place.folder("home")
        place.run([sys.executable, "-m", "venv", home / "venv"], env=place.environment(home))
        wheel = place.package("wheel", ".whl")
        env = place.environment(home, home / "venv/bin")
        place.run([home / "venv/bin/pip", "install", "--no-index", "--quiet", wheel], env=env)
        self.assertEqual(shutil.which("fimble", path=env["PATH"]), str(home / "venv/bin/fimble"))
        self.completes([str(home / "venv/bin/fimble")], env)
        place.run([home / "venv/bin/pip", "uninstall", "--yes", "--quiet", "fimble"], env=env)
        self.assertFalse((home / "venv/bin/fimble").exists())

    def test_the_record_of_the_wheel_is_right(self):
        path = place.package("wheel", ".whl")
        with zipfile.ZipFile(path) as wheel:
            info = f"fimble-{VERSION}.dist-info/"
            rows = [row.split(",") for row in wheel.read(info + "RECORD").decode().splitlines()]
            self.assertEqual([row[0] for row in rows], wheel.namelist())
            for name, digest, size in rows[:-1]:
                data = wheel.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                self.assertEqual((digest, size), (f"sha256={expected}", str(len(data))), name)
            self.assertEqual(rows[-1], [info + "RECORD", "", ""])
            self.has_licences([name.removeprefix(info + "licenses/") for name in wheel.namelist()])
            [tag] = re.findall(r"^Tag: (.*)$", wheel.read(info + "WHEEL").decode(), re.MULTILINE)
            self.assertEqual(path.name, f"fimble-{VERSION}-{tag}.whl")

    def test_the_same_program_gives_the_same_wheel(self):
        again = place.folder("again")
        place.make("wheel", again)
        first = place.package("wheel", ".whl")
        self.assertEqual((again / first.name).read_bytes(), first.read_bytes())

    def test_a_program_of_another_version_is_refused(self):
        said = place.make("wheel", place.folder("other"), binary="/bin/true", expected=1)
        self.assertIn(f"is not fimble {VERSION}", said)
        self.assertIn("cargo build --release", said)


class Npm(Packages):
    def installed(self, *names):
        """A folder into which these packages were installed, and the environment to use it in."""
        home = place.folder("home")
        env = place.environment(home)
        packages = [place.packages("npm")[name] for name in names]
        command = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", home / "prefix"]
        (home / "prefix").mkdir()
        place.run([*command, *packages], env=env, cwd=home)
        return home / "prefix/node_modules", env

    def both(self):
        [platform] = [name for name in place.packages("npm") if name != f"fimble-{VERSION}.tgz"]
        return self.installed(f"fimble-{VERSION}.tgz", platform)

    def test_an_installed_package_completes(self):
        modules, env = self.both()
        self.completes([str(modules / ".bin/fimble")], env)
        [platform] = (modules / "@fimble").iterdir()
        self.has_licences(os.listdir(platform))

    def test_the_launcher_hands_signals_and_exit_codes_on(self):
        modules, env = self.both()
        launcher = modules / ".bin/fimble"
        place.run([launcher, "no-such-command"], expected=2, env=env)
        pipe = subprocess.PIPE
        with subprocess.Popen([launcher, "lsp"], stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
            child = first_child(process.pid)
            # A server that answers handles signals; before that one ends it as any program.
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}).encode()
            process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            process.stdin.flush()
            self.assertTrue(process.stdout.readline().startswith(b"Content-Length"))
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
        # As the server itself ends by that signal.
        self.assertEqual(code, 128 + signal.SIGTERM)
        self.assertFalse(runs(child), "the server outlives its launcher")

    def test_a_missing_package_is_named_with_its_remedy(self):
        modules, env = self.installed(f"fimble-{VERSION}.tgz")
        self.assertFalse((modules / "@fimble").exists())
        said = place.run([modules / ".bin/fimble", "--version"], expected=1, env=env)
        self.assertRegex(said, r"@fimble/\S+ is not installed")
        self.assertIn("npm install --include=optional fimble", said)
        self.assertNotIn("    at ", said)

    def test_an_unknown_platform_is_named_with_its_remedy(self):
        modules, env = self.installed(f"fimble-{VERSION}.tgz")
        script = 'Object.defineProperty(process, "platform", { value: "sunos" }); require("./fimble/fimble.js");'
        said = place.run(["node", "-e", script], expected=1, env=env, cwd=modules)
        self.assertRegex(said, r"no package for sunos-\w+; there are linux-x64, ")
        self.assertIn("cargo install", said)

    def test_every_platform_has_a_package_of_this_version(self):
        with tarfile.open(place.packages("npm")[f"fimble-{VERSION}.tgz"]) as archive:
            manifest = json.load(archive.extractfile("package/package.json"))
        self.assertEqual(manifest["version"], VERSION)
        self.assertNotIn("scripts", manifest)
        names = {name.removeprefix("@fimble/") for name in manifest["optionalDependencies"]}
        in_vscode = set(re.findall(r'"((?:linux|darwin|win32)-\w+)"', (place.ROOT / "editors/vscode/scripts/package.mjs").read_text()))
        self.assertEqual(names, in_vscode)
        self.assertEqual(set(manifest["optionalDependencies"].values()), {VERSION})


class Deb(Packages):
    def unpacked(self):
        root = place.folder("root")
        place.run(["dpkg", "-x", place.package("deb", ".deb"), root])
        return root

    def test_an_unpacked_package_completes(self):
        root, home = self.unpacked(), place.folder("home")
        self.completes([str(root / "usr/bin/fimble")], place.environment(home, root / "usr/bin"))

    def test_dpkg_can_check_what_it_installs(self):
        root, info = self.unpacked(), place.folder("control")
        path = place.package("deb", ".deb")
        place.run(["dpkg-deb", "--control", path, info])
        self.assertEqual(sorted(os.listdir(info)), ["control", "md5sums"])
        place.run(["md5sum", "--check", "--strict", "--quiet", info / "md5sums"], cwd=root)
        listed = {line.split("  ", 1)[1] for line in (info / "md5sums").read_text().splitlines()}
        self.assertEqual(listed, {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()})
        listing = place.run(["dpkg-deb", "--contents", path])
        for line in listing.splitlines():
            self.assertRegex(line, r"^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) root/root ")
        self.assertEqual(re.findall(r"^-rwx.* (\S+)$", listing, re.MULTILINE), ["./usr/bin/fimble"])

    def test_the_package_asks_for_the_glibc_of_the_program(self):
        fields = place.run(["dpkg-deb", "--field", place.package("deb", ".deb"), "Package", "Version", "Depends"])
        self.assertIn(f"Package: fimble\nVersion: {VERSION}\n", fields)
        [least] = re.findall(r"libc6 \(>= ([0-9.]+)\)", fields)
        tag = "manylinux_" + least.replace(".", "_")
        self.assertIn(tag, place.package("wheel", ".whl").name)

    def test_each_subcommand_has_a_man_page(self):
        root = self.unpacked()
        pages = root / "usr/share/man/man1"
        env = {**place.environment(place.folder("home")), "MANWIDTH": "100"}
        text = place.run(["man", "--local-file", pages / "fimble.1.gz"], env=env)
        commands = re.findall(r"^  ([a-z]+) ", place.run([root / "usr/bin/fimble", "--help"]), re.MULTILINE)
        self.assertIn("lsp", commands)
        for command in commands:
            if command != "help":
                self.assertIn(f"fimble-{command}(1)", text)
                self.assertTrue((pages / f"fimble-{command}.1.gz").exists(), command)

    def test_shells_complete_the_commands(self):
        share = self.unpacked() / "usr/share"
        completions = share / "bash-completion/completions/fimble"
        script = f'. {completions}; COMP_WORDS=(fimble set); COMP_CWORD=1; _fimble fimble set fimble; echo "${{COMPREPLY[@]}}"'
        self.assertEqual(place.run(["bash", "-c", script]).strip(), "setup")
        self.assertTrue((share / "zsh/vendor-completions/_fimble").read_text().startswith("#compdef fimble\n"))
        self.assertIn("complete -c fimble", (share / "fish/vendor_completions.d/fimble.fish").read_text())


class Archive(Packages):
    def test_an_unpacked_archive_completes(self):
        home = place.folder("home")
        path = place.package("archive", ".tar.gz")
        place.run(["tar", "-xzf", path, "-C", home])
        folder = home / path.name.removesuffix(".tar.gz")
        self.completes([str(folder / "fimble")], place.environment(home))
        self.has_licences(os.listdir(folder))
        for name in ("man/fimble.1", "completions/fimble.bash", "completions/_fimble", "completions/fimble.fish"):
            self.assertTrue((folder / name).is_file(), name)

    def test_binstall_finds_the_archive(self):
        import tomllib

        binstall = tomllib.loads((place.ROOT / "Cargo.toml").read_text())["package"]["metadata"]["binstall"]
        archive = place.package("archive", ".tar.gz")
        target = archive.name.removeprefix(f"fimble-{VERSION}-").removesuffix(".tar.gz")
        values = {"repo": "R", "version": VERSION, "target": target, "bin": "fimble", "binary-ext": ""}
        fill = lambda text: re.sub(r"\{ (\S+) \}", lambda match: values[match[1]], text)  # noqa: E731
        self.assertEqual(fill(binstall["pkg-url"]), f"R/releases/download/v{VERSION}/{archive.name}")
        with tarfile.open(archive) as files:
            self.assertIn(fill(binstall["bin-dir"]), files.getnames())

    def test_the_formula_names_archives_that_exist(self):
        archives = place.folder("archives")
        command = [sys.executable, place.TOOLS / "homebrew.py", "--archives", archives]
        self.assertIn("There is no ", place.run(command, expected=1))
        # Stand-ins of what other machines build.
        for target in ("aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"):
            (archives / f"fimble-{VERSION}-{target}.tar.gz").write_text(target)
        place.run(command)
        formula = (archives / "fimble.rb").read_text()
        self.assertNotRegex(formula, r"@[A-Z]")
        pairs = re.findall(r'/(fimble-[^"]*)"\n +sha256 "([0-9a-f]{64})"', formula)
        self.assertEqual(len(pairs), 4)
        for name, digest in pairs:
            self.assertEqual(hashlib.sha256((archives / name).read_bytes()).hexdigest(), digest)


class Licences(unittest.TestCase):
    def test_every_library_that_is_built_in_is_named(self):
        page = place.third_party().read_text()
        tree = place.run(
            ["cargo", "tree", "--locked", "--package", "fimble", "--edges", "normal", "--prefix", "none", "--format", "{p}"],
            cwd=place.ROOT,
        )
        # Our own crates stand in the tree with their folder.
        built_in = set(re.findall(r"^(\S+) v(\S+)(?: \(proc-macro\))?(?: \(\*\))?$", tree, re.MULTILINE))
        self.assertGreater(len(built_in), 100)
        for name, version in built_in:
            self.assertRegex(page, rf"(?m)^\| {re.escape(name)} \| {re.escape(version)} \| [^|]*\w[^|]* \|$")
            self.assertRegex(page, rf"(?m)^## .*\b{re.escape(name)} {re.escape(version)}\b")
        self.assertNotRegex(page, r"(?m)^\| fimble")


def first_child(pid):
    """The first process that a process starts."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
    raise AssertionError("the launcher starts nothing")


def runs(pid):
    """Whether a process still runs two seconds from now."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        stat = pathlib.Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(") ", 1)[1][0] == "Z":
            return False
        time.sleep(0.05)
    return True
