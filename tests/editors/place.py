"""Where things are, and the texts that tests type into.

Invariant: a test works in folders of its own, with settings of its own; only ONNX Runtime is the user's.
"""

import os
import pathlib
import shutil
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIMBLE = os.environ.get("FIMBLE", str(ROOT / "target/release/fimble"))
EDITORS = pathlib.Path(os.environ.get("FIMBLE_EDITORS", os.path.expanduser("~/.cache/fimble-editors")))
PICTURES = ROOT / "target/editors"

# What makes any model suggest, however unsure it is and however busy the machine.
SETTINGS = {"minConfidence": 0, "budgetMs": 10000}

# The last line repeats those above: any model that completes code goes on with it.
REPEATED = """\
first_value = compute_value(first_input, scale)
second_value = compute_value(second_input, scale)
third_value = compute_value(third_input, scale)
fourth_value = compute_value(fourth_input, scale)
"""

# The place behind the last line wants several lines.
REPEATED_LINES = """\
def read_first(path):
    stream = open(path)
    return json.load(stream)


def read_second(path):
    stream = open(path)
    return json.load(stream)


def read_next(path):
    stream = open(path)
    return json.load(stream)


"""

# A function to explain and to change, and a shorter one as a chat model would answer it.
FUNCTION = """\
def total(rows):
    n = 0
    for row in rows:
        n += row
    return n
"""
SHORTER = """\
def total(rows):
    return sum(rows)
"""
SHORTER_ANSWER = f"```python\n{SHORTER}```\n"


def folder():
    """A folder for one test, short enough for the path of a socket."""
    return tempfile.mkdtemp(prefix="fimble-editor-")


def environment(home):
    """The environment of an editor: the user's programs, and nothing of the user's settings."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env.setdefault("LANG", "C.UTF-8")
    env["HOME"] = home
    for name, part in (("CONFIG", ".config"), ("DATA", ".local/share"), ("STATE", ".local/state"), ("CACHE", ".cache")):
        env[f"XDG_{name}_HOME"] = os.path.join(home, part)
    env["FIMBLE_HOME"] = runtime_home()
    return env


def runtime_home():
    """The folder of Fimble that has ONNX Runtime in it."""
    return os.environ.get("FIMBLE_HOME") or os.path.expanduser("~/.local/share/fimble")


def remove(path):
    """Removes a folder, also while something that ends still writes into it."""
    shutil.rmtree(path, ignore_errors=True)
