"""What quantisation costs and gains: `python -m evaluation.quantise --model FOLDER --data FOLDER --out quantisation.csv`.

Exports the weights of a model folder with bodies and output layers of 32, 8 and 4 bits, runs each with ONNX Runtime on one
thread over the same texts and places, and prints a table: size, bits per byte, exact match of the rest of the line, and
processor time of reading 512 tokens and of one token more. Measure on a quiet machine if the times matter.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from evaluation.evaluate import VARIANTS as WAYS
from evaluation.evaluate import bits_per_byte, completions, score, windows
from evaluation.llama import Words
from export import convert
from export.agree import Onnx

VARIANTS = ((32, 32), (8, 8), (4, 8), (8, 4), (4, 4))
LANGUAGES = ("rust", "python", "typescript", "go")


class AsModel:
    """An ONNX session in the place of a `llama.Llama`, for batches of one: `evaluate.py` works with either."""

    def __init__(self, onnx: Onnx):
        self.onnx = onnx

    def hidden(self, ids, positions, hidden_keys, cache=None):
        """Logits, which `logits` passes on; with a cache only those of the last position."""
        found, grown = self.onnx.run(ids.numpy(), cache, 0 if cache is None else 1)
        if cache is not None:
            cache.update(grown)
        return torch.from_numpy(found)

    def logits(self, state):
        return state

    def cache(self, batch, room):
        return {}


def best_time(act, repeats: int) -> float:
    """Least processor time of several runs, in milliseconds."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        act()
        times.append(time.process_time() - begun)
    return 1000 * min(times)


def measure(source: Path, bits: tuple[int, int], vocabulary, texts: list, cases: list) -> dict:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as made:
        convert.write_onnx(source, Path(made), *bits)
        size = sum(path.stat().st_size for path in Path(made).glob("model.onnx*"))
        onnx = Onnx(Path(made) / "model.onnx")
    random = np.random.default_rng(0)
    prompt = random.integers(16, 4000, (1, 512))
    _, cache = onnx.run(prompt[:, :500])
    model = AsModel(onnx)
    answers = completions(model, vocabulary, cases, batch=1, **WAYS["healed"])
    exact = [score(case["expected"], answer)["exact"] for case, answer in zip(cases, answers)]
    return {
        "body": bits[0],
        "output": bits[1],
        "megabytes": round(size / 1e6, 1),
        "bits_per_byte": round(bits_per_byte(model, vocabulary, texts, batch=1), 4),
        "rest_exact": round(sum(exact) / max(1, len(exact)), 4),
        "cases": len(exact),
        "read_512_ms": round(best_time(lambda: onnx.run(prompt, None, 1), 10), 1),
        "token_ms": round(best_time(lambda: onnx.run(prompt[:, :1], cache, 1), 40), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with safetensors")
    parser.add_argument("--data", type=Path, required=True, help="folder with test.jsonl and eval_cases.jsonl")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=100, help="places per language")
    parser.add_argument("--windows", type=int, default=20, help="texts per language for bits per byte")
    options = parser.parse_args()
    vocabulary = Words(options.model / "tokenizer.json")
    files = [json.loads(line) for line in open(options.data / "test.jsonl", encoding="utf-8")]
    places = [json.loads(line) for line in open(options.data / "eval_cases.jsonl", encoding="utf-8")]
    texts, cases = [], []
    for language in LANGUAGES:
        texts += windows([file for file in files if file["language"] == language], options.windows, language)
        cases += [one for one in places if one["language"] == language and one["kind"] == "rest"][: options.cases]
    rows = []
    for bits in VARIANTS:
        rows.append(measure(options.model, bits, vocabulary, texts, cases))
        print(rows[-1], flush=True)
    with options.out.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
