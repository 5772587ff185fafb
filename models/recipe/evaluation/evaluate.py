"""Evaluation of a model in the Hugging Face layout on the test packages: bits per byte and completions at fixed places.

    python -m evaluation.evaluate --data FOLDER --model FOLDER --name pilot --out results.csv [--cases 100] [--threads 2]

Appends rows (model, language, metric, variant, value, cases) and prints a table. Metrics: bits_per_byte (left to right
behind the path, windows of some 1,250 characters), and of the line to come, greedily: exact match, edit similarity,
first word. Variants say what the model got: kind of place, healed or not, suffix, snippets. Invariant: every model
gets the same places and the same texts; packages in the training manifest are refused.
"""

import argparse
import collections
import csv
import json
import math
import pathlib
import random
import re
import sys
import time

import torch
import torch.nn.functional as F

from data.cuts import OUTLINE_SHARE, imports
from data.packages import MANIFEST
from data.prompts import from_line_start, prompt, up_to_line_end
from evaluation.cases import LANGUAGES, read_test, refuse_trained
from evaluation.llama import Llama, Words, complete

PROMPT_TOKENS = 512          # as the server, for a model of a short context
RESERVED = 16 + 64           # what the server keeps free: frame, and the line
SNIPPET_SHARE = 0.25       # as the server
WINDOW = 1250
FIRST_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")


# ---------------------------------------------------------------- bits per byte

def windows(files, number, seed):
    """(path, text) of pieces of whole lines."""
    rng, found = random.Random(seed), []
    weights = [min(len(file["text"]), 20_000) for file in files]
    while len(found) < number:
        file = rng.choices(files, weights)[0]
        start = rng.randrange(max(1, len(file["text"]) - WINDOW))
        start = file["text"].rfind("\n", 0, start) + 1
        found.append((file["path"], file["text"][start:start + WINDOW]))
    return found


@torch.no_grad()
def bits_per_byte(model, vocabulary, texts, batch=8):
    nats, size = 0.0, 0
    encoded = []
    for path, text in texts:
        head, body = vocabulary.encode([path + "\n", text])
        encoded.append(([vocabulary.file] + head, body))
        size += len(text.encode())
    encoded.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
    for first in range(0, len(encoded), batch):
        part = encoded[first:first + batch]
        longest = max(len(head) + len(body) for head, body in part)
        ids = torch.zeros(len(part), longest, dtype=torch.long)
        counted = torch.zeros(len(part), longest, dtype=torch.bool)
        for row, (head, body) in enumerate(part):
            ids[row, :len(head) + len(body)] = torch.tensor(head + body)
            counted[row, len(head):len(head) + len(body)] = True
        positions = torch.arange(longest).expand(len(part), -1)
        state = model.hidden(ids, positions, torch.zeros_like(counted))[:, :-1]
        chosen = counted[:, 1:]
        nats += F.cross_entropy(model.logits(state[chosen]), ids[:, 1:][chosen], reduction="sum").item()
    return nats / math.log(2) / size


# ---------------------------------------------------------------- completions

def prompt_of(vocabulary, case, heal, with_suffix, with_snippets):
    """(ids, bytes to begin with) of a case, within the budget and windows of the server."""
    start = case["prefix"].rfind("\n") + 1
    line, above = case["prefix"][start:], case["prefix"][:start]
    suffix = case["suffix"] if with_suffix else ""
    snippets = [tuple(one) for one in case["snippets"]] if with_snippets else []
    budget = PROMPT_TOKENS - RESERVED
    texts = [case["path"], line, above[-4000:], suffix[:2000], *(path + text for path, text in snippets)]
    path, typed, above_ids, suffix_ids, *found = vocabulary.encode(texts)
    budget -= len(path)
    while snippets and sum(map(len, found)) > budget * SNIPPET_SHARE:
        snippets, found = snippets[1:], found[1:]
    budget -= sum(map(len, found))
    suffix_ids = up_to_line_end(vocabulary, suffix_ids[:max(budget // 4, budget - len(above_ids))])
    left = budget - len(suffix_ids)
    outline = []
    if len(above_ids) > left or len(above) > 4000:
        room = int(left * OUTLINE_SHARE)
        outline = vocabulary.encode([imports(above[:-4000] or above[:len(above) // 2], room * 3)])[0][:room]
        above_ids = from_line_start(vocabulary, above_ids, left - len(outline))
    ids = []
    for part in prompt(vocabulary, case["path"], outline + above_ids, suffix_ids, snippets, case["package"] if snippets else ""):
        ids += [part] if isinstance(part, int) else part if isinstance(part, list) else vocabulary.encode([part])[0]
    forced = b""
    if heal and line.strip():
        typed, forced = vocabulary.take_back(typed)
    return ids + typed, forced


def similarity(one, other):
    """1 less the edit distance over the longer length."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return 1 - row[-1] / max(len(one), len(other), 1)


def first_word(text):
    found = FIRST_WORD.match(text)
    return found.group(1) if found else ""


def score(expected, answer):
    line = answer.decode("utf-8", "replace").split("\n")[0].rstrip()
    return {"exact": line == expected, "similarity": similarity(line, expected),
            "first_word": first_word(line) == first_word(expected)}


def completions(model, vocabulary, cases, batch=8, **how):
    prompts = [prompt_of(vocabulary, case, **how) for case in cases]
    order = sorted(range(len(cases)), key=lambda i: len(prompts[i][0]))
    answers = [b""] * len(cases)
    for first in range(0, len(order), batch):
        part = order[first:first + batch]
        for i, answer in zip(part, complete(model, vocabulary, [prompts[i] for i in part])):
            answers[i] = answer
    return answers


VARIANTS = {
    "healed": dict(heal=True, with_suffix=True, with_snippets=False),
    "unhealed": dict(heal=False, with_suffix=True, with_snippets=False),
    "healed, no suffix": dict(heal=True, with_suffix=False, with_snippets=False),
    "healed, snippets": dict(heal=True, with_suffix=True, with_snippets=True),
}


def evaluate(model, vocabulary, files, cases, options):
    """Rows (language, metric, variant, value, cases)."""
    rows = []
    for language in options.languages:
        begun = time.time()
        of_language = [file for file in files if file["language"] == language]
        if options.windows and of_language:
            bits = bits_per_byte(model, vocabulary, windows(of_language, options.windows, f"{options.seed} {language}"))
            rows.append((language, "bits_per_byte", "", bits, options.windows))
        for kind in ("rest", "next"):
            chosen = [case for case in cases if case["language"] == language and case["kind"] == kind]
            chosen = chosen[:options.cases if kind == "rest" else options.cases // 2]
            for variant in options.variants if chosen else ():
                answers = completions(model, vocabulary, chosen, **VARIANTS[variant])
                sums = collections.Counter()
                for case, answer in zip(chosen, answers):
                    sums.update(score(case["expected"], answer))
                rows += [(language, f"{kind}_{name}", variant, sums[name] / len(chosen), len(chosen))
                         for name in ("exact", "similarity", "first_word")]
        print(f"{language}: {time.time() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


def table(rows):
    """The rows as text, with the mean over Rust, Python, TypeScript and Go."""
    values = {row[:3]: row[3] for row in rows}
    columns = list(dict.fromkeys(row[1:3] for row in rows))
    lines = []
    for column in columns:
        cells = [f"{language} {values[(language, *column)]:.3f}" for language in LANGUAGES if (language, *column) in values]
        four = [values[(language, *column)] for language in LANGUAGES[:4] if (language, *column) in values]
        mean = f"mean of 4 {sum(four) / 4:.3f} | " if len(four) == 4 else ""
        lines.append(f"{column[0]:16} {column[1]:18} {mean}" + "  ".join(cells))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder with config.json, model.safetensors, tokenizer.json")
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--manifest", type=pathlib.Path, default=MANIFEST)
    parser.add_argument("--cases", type=int, default=240, help="places of the kind `rest` per language; half as many `next`")
    parser.add_argument("--windows", type=int, default=80, help="windows per language for the bits per byte")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--bf16", action="store_true", help="faster products, rounded")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    manifest = list(csv.DictReader(options.manifest.read_text().splitlines()))
    files = read_test(options.data, manifest)
    cases = [json.loads(line) for line in (options.data / "eval_cases.jsonl").read_text().splitlines()]
    refuse_trained(sorted({case["package"] for case in cases}), manifest)
    kind = torch.bfloat16 if options.bf16 else torch.float32
    rows = evaluate(Llama(options.model, kind), Words(options.model / "tokenizer.json"), files, cases, options)
    is_new = not options.out.exists()
    with open(options.out, "a", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        if is_new:
            writer.writerow(["model", "language", "metric", "variant", "value", "cases"])
        writer.writerows([options.name, *row[:3], f"{row[3]:.4f}", row[4]] for row in rows)
    print(table(rows))


if __name__ == "__main__":
    main()
