"""Reading of token shards in an order that a seed decides and a checkpoint can go on from.

A shard is `train-LENGTH-*.npy` (uint16, `[rows, LENGTH]`), with or without `….weights.npy` next to it (uint8: the
weight of predicting that token, 16 stands for 1). New ones may appear all the time: each is read once in a pass.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

ONE = 16


def names(folder: Path, length: int) -> list[str]:
    """Shards of a length, in order."""
    found = sorted(folder.glob(f"train-{length}-*.npy"))
    return [path.name for path in found if not path.name.endswith(".weights.npy")]


class Shards:
    """An endless stream of rows of one length. `place` is all there is to save: pass, shards read in it, shard, row."""

    def __init__(self, folder: Path, length: int, seed: int, place: dict | None = None):
        self.folder, self.length, self.seed = folder, length, seed
        self.place = place or {"pass": 0, "read": [], "shard": "", "row": 0}
        self.loaded = ""

    def _choose(self) -> None:
        """The first shard that was not read in this pass; when there is none, the next pass begins."""
        found = names(self.folder, self.length)
        if not found:
            raise SystemExit(
                f"There is no shard train-{self.length}-*.npy in {self.folder}. Make the samples first (data.samples)."
            )
        if all(name in self.place["read"] for name in found):
            self.place.update({"pass": self.place["pass"] + 1, "read": []})
        self.place["shard"] = next(name for name in found if name not in self.place["read"])
        self.place["row"] = 0

    def _open(self) -> None:
        if not self.place["shard"]:
            self._choose()
        name, number = self.place["shard"], self.place["pass"]
        if self.loaded == f"{number} {name}":
            return
        path = self.folder / name
        if not path.exists():
            raise SystemExit(f"The shard {path}, which the checkpoint stands in, is missing. Make it again (data.samples).")
        self.rows = np.load(path, mmap_mode="r")
        aside = path.with_name(name.replace(".npy", ".weights.npy"))
        self.weights = np.load(aside, mmap_mode="r") if aside.exists() else None
        self.order = np.random.default_rng([self.seed, number, *name.encode()]).permutation(len(self.rows))
        self.loaded = f"{number} {name}"

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The next rows: tokens `[count, length]` (int64) and weights (float32, 1.0 is ordinary)."""
        tokens, weights = [], []
        while count > 0:
            self._open()
            row = self.place["row"]
            picked = np.sort(self.order[row : row + count])
            if len(picked) == 0:
                self.place["read"].append(self.place["shard"])
                self._choose()
                continue
            tokens.append(self.rows[picked].astype(np.int64))
            if self.weights is None:
                weights.append(np.ones(tokens[-1].shape, np.float32))
            else:
                weights.append(self.weights[picked].astype(np.float32) / ONE)
            self.place["row"] = row + len(picked)
            count -= len(picked)
        return np.concatenate(tokens), np.concatenate(weights)


def shifted(tokens: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets and weights of a row; the last position of a row has no target and weighs nothing."""
    targets = np.concatenate([tokens[:, 1:], tokens[:, :1]], 1)
    moved = np.concatenate([weights[:, 1:], np.zeros_like(weights[:, :1])], 1)
    return tokens, targets, moved
