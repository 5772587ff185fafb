"""What the processes of a training share in memory, and its checkpoints: weights, moments, average and the state that tells
the place in the data, the steps and the configuration. A checkpoint of another configuration is refused."""

from __future__ import annotations

from pathlib import Path

import torch

from training.settings import differences

KEPT = ("weights", "moment", "second", "average")


class Shared:
    """All that the processes share: flat tensors and a few numbers."""

    def __init__(self, count: int, workers: int, device: str):
        def empty(kind=torch.float32):
            made = torch.zeros(count, dtype=kind, device=device)
            return made.share_memory_() if device == "cpu" else made

        self.weights, self.moment, self.second, self.average = empty(), empty(), empty(), empty()
        self.compute = empty(torch.bfloat16)
        self.gradients = [empty() for _ in range(workers)]
        self.numbers = torch.zeros(64, dtype=torch.float64).share_memory_()


def save(path: Path, shared: Shared, state: dict) -> None:
    tensors = {name: getattr(shared, name).cpu().clone() for name in KEPT}
    aside = path.with_suffix(".part")
    torch.save({"state": state, **tensors}, aside)
    aside.replace(path)


def load(path: Path, shared: Shared, config: dict) -> dict:
    """Fills the tensors from a checkpoint and returns its state; refuses one of another configuration."""
    if not path.exists():
        raise SystemExit(f"There is no checkpoint {path}. Start without --resume.")
    found = torch.load(path, map_location="cpu", weights_only=True)
    differs = differences(
        {name: found["state"]["config"].get(name) for name in ("shape", "optimiser", "seed")},
        {name: config.get(name) for name in ("shape", "optimiser", "seed")},
    )
    if differs:
        raise SystemExit(f"The checkpoint {path} is of another configuration: " + "; ".join(differs) + ".")
    for name in KEPT:
        getattr(shared, name).copy_(found[name])
    return found["state"]
