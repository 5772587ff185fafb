"""A deeper model from trained weights, as a beginning: `python grow.py --from MODEL --layers 12 --out FOLDER`.

Some layers, evenly spread, are followed by a copy of themselves, and of both the matrices that write to the residual stream are
halved: two half steps in the place of one, so that the model says nearly what it said before. `train.py --from-weights`
goes on. What a small model learnt is kept, and the new layers learn within the tokens that are left.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

import folder
from model import Shape, views

WRITES = ("out", "down")


def origins(had: int, wanted: int) -> list[int]:
    """For every layer of the deeper model, the layer that it comes from; none comes more than twice."""
    if not had <= wanted <= 2 * had:
        raise SystemExit(f"{had} layers can become {had} to {2 * had} layers, not {wanted}.")
    added = wanted - had
    doubled = {(2 * number + 1) * had // (2 * added) for number in range(added)}
    return [layer for layer in range(had) for _ in range(1 + (layer in doubled))]


def deeper(shape: Shape, flat: torch.Tensor, layers: int) -> tuple[Shape, torch.Tensor]:
    """Shape and flat fp32 weights of the deeper model."""
    grown = replace(shape, layers=layers)
    made, had, of = torch.empty(grown.count()), views(flat, shape), origins(shape.layers, layers)
    for name, matrix in views(made, grown).items():
        if name.startswith("layers."):
            _, index, part = name.split(".")
            origin = of[int(index)]
            matrix.copy_(had[f"layers.{origin}.{part}"])
            if part in WRITES:
                matrix.div_(of.count(origin))
        else:
            matrix.copy_(had[name])
    return grown, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--layers", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    shape, flat = deeper(*folder.read(options.source), options.layers)
    folder.write(options.out, shape, flat, options.source)
    print(f"{shape.count() / 1e6:.2f}M parameters, layers from {origins(folder.read(options.source)[0].layers, shape.layers)}")


if __name__ == "__main__":
    main()
