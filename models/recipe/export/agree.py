"""Checks that ONNX, safetensors and the training code give the same tokens: `python -m export.agree FOLDER`.

Each continues the same prompts greedily, from the same weights, in 32-bit floats; the tokens must be equal. If
`transformers` is installed, it reads the safetensors, too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from export import convert
from training import folder
from training.model import Model

TOKENS = 24
TEXTS = (
    "<|file_sep|>src/main.rs\nuse std::collections::HashMap;\n\nfn main() {\n    let mut",
    "<|file_sep|>app.py\n<|fim_prefix|>import os\n\ndef read(path):\n<|fim_suffix|>\n    return text\n<|fim_middle|>    with",
    "<|file_sep|>main.go\npackage main\n\nimport (\n\t\"fmt\"\n)\n\nfunc main() {\n\tfor i :=",
    "<|file_sep|>store.ts\nexport class Store {\n  private items: string[] = [];\n\n  add(",
)


class Onnx:
    """Greedy decoding with ONNX Runtime, the cache handed on from pass to pass."""

    def __init__(self, path: Path, threads: int = 1):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.empty = {
            value.name: np.zeros([1, value.shape[1], 0, value.shape[3]], np.float32)
            for value in self.session.get_inputs()
            if value.name.startswith("past_key_values")
        }
        self.outputs = [value.name for value in self.session.get_outputs()]

    def run(self, tokens: np.ndarray, cache: dict | None = None, keep: int = 0):
        """Logits of new tokens after a cache, and the new cache."""
        cache = cache or self.empty
        total = next(iter(cache.values())).shape[2] + tokens.shape[1]
        feeds = {"input_ids": tokens, "attention_mask": np.ones((1, total), np.int64), **cache}
        feeds["num_logits_to_keep"] = np.array(keep, np.int64)
        logits, *present = self.session.run(self.outputs, feeds)
        names = [name.replace("present", "past_key_values") for name in self.outputs[1:]]
        return logits, dict(zip(names, present))

    def greedy(self, prompt: list[int], count: int) -> list[int]:
        found, new, cache = [], np.array([prompt], np.int64), None
        for _ in range(count):
            logits, cache = self.run(new, cache, 1)
            found.append(int(logits[0, -1].argmax()))
            new = np.array([found[-1:]], np.int64)
        return found


def greedy(logits_of, prompt: list[int], count: int) -> list[int]:
    """Greedy decoding without a cache; `logits_of` takes `[1, length]`."""
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(logits_of(torch.tensor([tokens]))[0, -1].argmax()))
    return tokens[len(prompt) :]


def compare(source: Path) -> dict[str, list[list[int]]]:
    """Greedy tokens of every prompt by each program."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    prompts = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    shape, flat = folder.read(source)
    trained = Model(shape, flat, compiled=False)
    found = {"training code": [greedy(trained.logits, prompt, TOKENS) for prompt in prompts]}
    with tempfile.TemporaryDirectory() as made:
        convert.write_onnx(source, Path(made), convert.FLOAT, convert.FLOAT)
        onnx = Onnx(Path(made) / "model.onnx")
        found["ONNX"] = [onnx.greedy(prompt, TOKENS) for prompt in prompts]
    try:
        from transformers import AutoModelForCausalLM
    except ImportError:
        print("transformers is not installed: the safetensors were read by the recipe's own code only.")
        return found
    loaded = AutoModelForCausalLM.from_pretrained(source, torch_dtype=torch.float32).eval()
    with torch.no_grad():
        found["transformers"] = [greedy(lambda x: loaded(x).logits, prompt, TOKENS) for prompt in prompts]
    return found


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("Name one model folder.")
    found = compare(Path(sys.argv[1]))
    first, *others = found
    for other in others:
        if found[other] != found[first]:
            raise SystemExit(f"{other} and {first} differ:\n{found[other]}\n{found[first]}")
    count = sum(len(tokens) for tokens in found[first])
    print(f"{', '.join(found)}: the same {count} tokens.")


if __name__ == "__main__":
    main()
