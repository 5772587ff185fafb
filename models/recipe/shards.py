"""Reading of token shards in an order that a seed decides and a checkpoint can go on from.

A shard is `train-LENGTH-*.npy` (uint16, `[rows, LENGTH]`), with or without `….weights.npy` next to it (uint8: the
weight of predicting that token, 16 stands for 1). Shards are read by name; one that appears later is read later.
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
    """An endless stream of rows of one length. `place` is all there is to save: pass, shard name, row."""

    def __init__(self, folder: Path, length: int, seed: int, place: dict | None = None):
        self.folder, self.length, self.seed = folder, length, seed
        self.place = place or {"pass": 0, "shard": "", "row": 0}
        self.loaded = ""

    def _open(self) -> None:
        found = names(self.folder, self.length)
        if not found:
            raise SystemExit(
                f"There is no shard train-{self.length}-*.npy in {self.folder}. Make the samples first (samples.py)."
            )
        name = self.place["shard"]
        if name not in found:
            later = [other for other in found if other > name]
            if not later:
                self.place["pass"] += 1
                later = found
            self.place.update(shard=later[0], row=0)
        name = self.place["shard"]
        key = f"{self.place['pass']}/{name}"
        if key == self.loaded:
            return
        self.rows = np.load(self.folder / name, mmap_mode="r")
        aside = self.folder / name.replace(".npy", ".weights.npy")
        self.weights = np.load(aside, mmap_mode="r") if aside.exists() else None
        order = np.random.default_rng([self.seed, self.place["pass"], found.index(name)])
        self.order = order.permutation(len(self.rows))
        self.loaded = key

    def _next_shard(self) -> None:
        found = names(self.folder, self.length)
        later = [other for other in found if other > self.place["shard"]]
        if later:
            self.place.update(shard=later[0], row=0)
        else:
            self.place.update(shard=found[0], row=0)
            self.place["pass"] += 1

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The next rows: tokens `[count, length]` (int64) and weights (float32, 1.0 is ordinary)."""
        tokens, weights = [], []
        while count > 0:
            self._open()
            row = self.place["row"]
            picked = np.sort(self.order[row : row + count])
            if len(picked) == 0:
                self._next_shard()
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
