"""Where things are, the packages made once, and the environment of somebody who has nothing but a package.

Invariant: a test has a home folder of its own, and nothing is installed outside of it.
"""

import functools
import glob
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools/packages"
FIMBLE = pathlib.Path(os.environ.get("FIMBLE", ROOT / "target/release/fimble")).resolve()
sys.path.insert(0, str(TOOLS))
SCRATCH = tempfile.TemporaryDirectory(prefix="fimble-packages-")


def folder(name):
    return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=SCRATCH.name))


def run(command, expected=0, **options):
    """Runs a command, and returns its output; another exit code than the expected one is a failure that shows what it said."""
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=900, **options)
    said = answer.stdout + answer.stderr
    assert answer.returncode == expected, f"{command} ended with {answer.returncode}:\n{said}"
    return said


@functools.cache
def third_party():
    """The page of licences, made once."""
    path = folder("licences") / "THIRD-PARTY.md"
    run([sys.executable, TOOLS / "third_party.py", "--out", path])
    return path


@functools.cache
def pages():
    """Man pages and completions, made once."""
    path = folder("pages")
    run(["cargo", "run", "--quiet", "--locked", "--package", "fimble-tools", "--bin", "fimble-pages", "--", path], cwd=ROOT)
    return path


def make(kind, out, binary=None, expected=0):
    """Runs the script of a package."""
    command = [sys.executable, TOOLS / f"{kind}.py", "--binary", binary or FIMBLE, "--out", out, "--third-party", third_party()]
    return run(command + (["--pages", pages()] if kind in ("deb", "archive") else []), expected)


@functools.cache
def packages(kind):
    """The packages of one kind, made once, by file name."""
    out = folder(kind)
    make(kind, out)
    return {path.name: path for path in sorted(out.iterdir())}


def package(kind, ending):
    """The one package of this kind with this ending."""
    [path] = [path for name, path in packages(kind).items() if name.endswith(ending)]
    return path


def environment(home, *programs):
    """The environment of a user with an empty home folder; `programs` are searched first."""
    env = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    env["PATH"] = os.pathsep.join([*map(str, programs), env["PATH"]])
    return {**env, "LANG": "C.UTF-8", "HOME": str(home)}


def install_runtime(fimble, env):
    """Installs ONNX Runtime by the packed program, from the library that is on this machine."""
    said = run([fimble, "setup", "--from", runtime_library(), "--model", "none"], env=env)
    assert "ONNX Runtime" in said, said


@functools.cache
def runtime_library():
    """The library of the user's own ONNX Runtime; it is fetched as `fimble setup` does if there is none."""
    if named := os.environ.get("FIMBLE_ONNXRUNTIME"):
        return named
    home = os.environ.get("FIMBLE_HOME") or os.path.expanduser("~/.local/share/fimble")
    pattern = os.path.join(glob.escape(home), "runtime/onnxruntime-*/libonnxruntime.so*")
    if not glob.glob(pattern):
        run([FIMBLE, "setup", "--model", "none"])
    return sorted(glob.glob(pattern))[-1]
