"""Converts weights to another tokenizer: `python -m training.transplant --from MODEL --tokenizer FOLDER --out FOLDER`.

MODEL is a folder in the Hugging Face layout. Its model has the shape of the recipe's model. The layers are copied; the gain of
each norm is multiplied into the matrix behind it. A token that both tokenizers have keeps its row of the embedding; any
other token gets the mean of the rows of the tokens into which the old tokenizer splits its bytes. `python -m training.train
--from-weights` trains on from the result.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from training import folder
from training.model import views

BEHIND = {"query": "input", "key": "input", "value": "input", "gate": "post_attention", "up": "post_attention"}


def rows(old: Tokenizer, new: Tokenizer, matrix: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The embedding for the new tokenizer, and how many rows were kept as they were."""
    had, kept = old.get_vocab(), 0
    found = matrix.mean(0, keepdim=True).repeat(new.get_vocab_size(), 1)
    for token, number in new.get_vocab().items():
        if token in had:
            found[number] = matrix[had[token]]
            kept += 1
            continue
        pieces = old.encode(new.decode([number], skip_special_tokens=False), add_special_tokens=False).ids
        if pieces:
            found[number] = matrix[pieces].mean(0)
    return found, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    stored = load_file(options.source / "model.safetensors")
    old = Tokenizer.from_file(str(options.source / "tokenizer.json"))
    new = Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    shape = folder.shape_of(json.loads((options.source / "config.json").read_text()))
    if new.get_vocab_size() != shape.vocabulary:
        raise SystemExit(f"{options.tokenizer} has {new.get_vocab_size()} tokens, the model {shape.vocabulary}.")
    flat = torch.empty(shape.count())
    for name, matrix in views(flat, shape).items():
        taken = stored[folder.stored_name(name)].float()
        if name == "embed":
            taken, kept = rows(old, new, taken)
        elif name != "norm" and name.split(".")[2] in BEHIND:
            _, index, part = name.split(".")
            taken = taken * stored[f"model.layers.{index}.{BEHIND[part]}_layernorm.weight"].float()[None]
        matrix.copy_(taken.view(matrix.shape))
    folder.write(options.out, shape, flat, options.tokenizer)
    print(f"{kept} of {shape.vocabulary} tokens kept their row.")


if __name__ == "__main__":
    main()
