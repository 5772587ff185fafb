"""Single-line holes: our engine with each precision beside llama-server with the same GGUF file, on the same token ids.

  cargo build --release --bin fimble && cargo build --release -p fimble-engine --example infill
  python tests/servers/infill_eval.py --gguf FILE.gguf --server llama-server [--holes 120] [--precision exact] [--json]

Half of the holes and more are lines of functions of Python's own library on this machine, as HumanEval's single-line holes are
cut: the function is the context. The others are lines of fixtures/eval, with the lines around them. Both sides write the
likeliest line; nothing else of this program takes part. The script fails if `exact` and llama-server differ by more than one
point of exact matches. Invariant: the same library and the same seed give the same holes; only servers and programs that were
started here are asked and ended, on loopback.
"""

import argparse
import ast
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = (
    "ast bisect calendar colorsys configparser contextlib copy csv difflib fnmatch fractions functools graphlib heapq "
    "ipaddress mailbox mimetypes ntpath optparse pathlib posixpath pprint queue random reprlib sched shlex shutil "
    "statistics string tarfile textwrap tokenize trace turtle uuid zipfile"
).split()
# Of all holes, so many in a hundred are of Python's library.
SHARE_OF_LIBRARY = 66
# Lines of a function, and lines around a hole in a file.
FUNCTION_LINES = range(6, 36)
BEFORE, AFTER = 30, 12
# Characters of a hole without its indentation.
HOLE = range(8, 100)
N_TOKENS = 64
# Points of exact matches that `exact` and llama-server may differ by.
MARGIN = 1.0


def is_whole_line(part, line):
    """Whether nothing but a statement stands on its line: columns are counted in bytes."""
    code = line.rstrip().encode()
    return part.col_offset == len(code) - len(code.lstrip()) and part.end_col_offset == len(code)


def holes_of_library(chance):
    """One hole of each function that has a simple statement on one line."""
    found = []
    for name in MODULES:
        path = pathlib.Path(os.__file__).parent / f"{name}.py"
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef) or node.end_lineno - node.lineno + 1 not in FUNCTION_LINES:
                continue
            simple = [
                part.lineno
                for part in ast.walk(node)
                if isinstance(part, (ast.Assign, ast.AugAssign, ast.Return, ast.Expr, ast.Raise))
                and part.lineno == part.end_lineno
                and is_whole_line(part, lines[part.lineno - 1])
                and len(lines[part.lineno - 1].strip()) in HOLE
            ]
            if simple:
                at = chance.choice(sorted(set(simple))) - 1
                start, end = node.lineno - 1, node.end_lineno
                found.append((f"{name}.{node.name}", "".join(lines[start:at]), lines[at], "".join(lines[at + 1 : end])))
    return found


def holes_of_fixtures(chance):
    """Lines of code of our own projects, a comment or a bracket alone not among them."""
    found = []
    for path in sorted((ROOT / "fixtures/eval").glob("*/*")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for at, line in enumerate(lines):
            code = line.strip()
            if at > 5 and len(code) in HOLE and not code.startswith(("//", "#", "*", "/*", '"""')):
                before, after = lines[max(0, at - BEFORE) : at], lines[at + 1 : at + 1 + AFTER]
                found.append((f"{path.name}:{at + 1}", "".join(before), line, "".join(after)))
    chance.shuffle(found)
    return found


def holes(n_holes, seed):
    chance = random.Random(seed)
    n_library = n_holes * SHARE_OF_LIBRARY // 100
    of_library = holes_of_library(chance)
    chance.shuffle(of_library)
    chosen = of_library[:n_library] + holes_of_fixtures(chance)[: n_holes - n_library]
    if len(chosen) < n_holes:
        sys.exit(f"only {len(chosen)} holes were found here; ask for fewer with --holes")
    return [
        {"name": name, "prefix": before, "suffix": after, "expected": line.rstrip("\n")} for name, before, line, after in chosen
    ]


class Server:
    """A llama-server of our own."""

    def __init__(self, program, gguf, threads):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [program, "--model", gguf, "--host", "127.0.0.1", "--port", str(self.port), "-t", str(threads)]
        command += ["-tb", str(threads), "-ngl", "0", "-np", "1", "-c", "4096"]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                self.ask("/health")
                return
            except (urllib.error.URLError, ConnectionError):
                if self.child.poll() is not None:
                    sys.exit(f"{program} ended by itself; start it by hand with {gguf} to see why")
                time.sleep(0.1)
        self.end()
        sys.exit(f"{program} is not ready after two minutes")

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"})
        # No proxy stands between this machine and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=300) as answer:
            return json.load(answer)

    def tokens(self, text, special=False):
        body = {"content": text, "add_special": False, "parse_special": special}
        return self.ask("/tokenize", body)["tokens"]

    def line(self, tokens):
        body = {"prompt": tokens, "n_predict": N_TOKENS, "temperature": 0, "stop": ["\n"], "cache_prompt": False}
        answer = self.ask("/completion", body)
        timings = answer["timings"]
        return {
            "text": answer["content"].split("\n")[0],
            "read": [timings["prompt_n"], timings["prompt_ms"] / 1e3],
            "written": [max(timings["predicted_n"] - 1, 0), timings["predicted_ms"] / 1e3],
        }

    def end(self):
        self.child.kill()
        self.child.wait()


def render(server, cases):
    """The prompts of Qwen's template, as ids."""
    before, after, middle = (server.tokens(f"<|fim_{name}|>", special=True) for name in ("prefix", "suffix", "middle"))
    if any(len(token) != 1 for token in (before, after, middle)):
        sys.exit("the file has no tokens <|fim_prefix|>, <|fim_suffix|> and <|fim_middle|>; a Qwen2.5-Coder file has them")
    for case in cases:
        case["tokens"] = before + server.tokens(case["prefix"]) + after + server.tokens(case["suffix"]) + middle


def add(fimble, gguf, precision, home):
    environment = dict(os.environ, FIMBLE_HOME=str(home))
    command = [fimble, "model", "add", "--name", precision, "--precision", precision, gguf]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return home / "models" / precision


def answers_of_engine(program, folder, cases):
    prompts = "".join(json.dumps({"tokens": case["tokens"], "expected": case["expected"]}) + "\n" for case in cases)
    done = subprocess.run([program, str(folder)], input=prompts, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{program} failed: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def speed(answers, what):
    """The median of tokens per second over the answers: other work on the machine disturbs some of them."""
    rates = sorted(n_tokens / seconds for n_tokens, seconds in (answer[what] for answer in answers) if n_tokens > 3 and seconds > 0)
    return rates[len(rates) // 2] if rates else 0.0


def row(name, cases, answers, theirs):
    n_bytes = sum(len(case["expected"].encode()) for case in cases)
    n_exact = sum(answer["text"].rstrip() == case["expected"].rstrip() for case, answer in zip(cases, answers))
    return {
        "name": name,
        "holes": len(cases),
        "exact": n_exact,
        "exactShare": 100 * n_exact / len(cases),
        "sameAsLlamaServer": sum(ours["text"] == other["text"] for ours, other in zip(answers, theirs)),
        "bitsPerByte": sum(answer["bits"] for answer in answers) / n_bytes if "bits" in answers[0] else None,
        "readPerSecond": speed(answers, "read"),
        "writtenPerSecond": speed(answers, "written"),
    }


def show(rows):
    print("| | exact matches | same line as llama-server | bits per byte | reading, tokens/s | decoding, tokens/s |")
    print("|---|---|---|---|---|---|")
    for of in rows:
        bits = "-" if of["bitsPerByte"] is None else f"{of['bitsPerByte']:.3f}"
        print(
            f"| {of['name']} | {of['exact']} of {of['holes']} ({of['exactShare']:.1f} %) | {of['sameAsLlamaServer']} | {bits} "
            f"| {of['readPerSecond']:.0f} | {of['writtenPerSecond']:.1f} |"
        )


def main():
    built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--server", default="llama-server")
    parser.add_argument("--fimble", default=str(built / "fimble"))
    parser.add_argument("--engine", default=str(built / "examples/infill"))
    parser.add_argument("--precision", action="append", choices=["exact", "int8", "int4"])
    parser.add_argument("--holes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--differences", action="store_true", help="print the lines that differ from llama-server's")
    args = parser.parse_args()
    cases = holes(args.holes, args.seed)
    server = Server(args.server, args.gguf, args.threads)
    try:
        render(server, cases)
        theirs = [server.line(case["tokens"]) for case in cases]
    finally:
        server.end()
    rows = [row("llama-server", cases, theirs, theirs)]
    print(json.dumps(rows[0]), file=sys.stderr)
    home = pathlib.Path(tempfile.mkdtemp(prefix="fimble-infill-"))
    try:
        for precision in args.precision or ["exact", "int8", "int4"]:
            folder = add(args.fimble, args.gguf, precision, home)
            ours = answers_of_engine(args.engine, folder, cases)
            shutil.rmtree(folder)
            rows.append(row(precision, cases, ours, theirs))
            # What is known already outlives an interruption.
            print(json.dumps(rows[-1]), file=sys.stderr)
            for case, mine, other in zip(cases, ours, theirs):
                if args.differences and mine["text"] != other["text"]:
                    print(f"{precision} {case['name']}: {mine['text']!r} here, {other['text']!r} there", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        show(rows)
    exact = [of for of in rows if of["name"] == "exact"]
    if exact and abs(exact[0]["exactShare"] - rows[0]["exactShare"]) > MARGIN:
        sys.exit(f"exact matches differ by more than {MARGIN} point")


if __name__ == "__main__":
    main()
