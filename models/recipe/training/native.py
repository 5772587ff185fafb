"""The step of a model on a CPU core with Intel's AMX (amx.cpp), built by g++ when a training starts.

Invariant: `Native.learn` gives what `Model.learn` gives, but for rounding; where the processor, the compiler or the sizes
do not allow it, `Native.of` gives None, and the training goes on with torch.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import torch

SOURCE = Path(__file__).with_name("amx.cpp")
FLAGS = ["-std=c++20", "-O3", "-march=native", "-shared", "-fPIC"]
NEEDED = {"amx_tile", "amx_bf16", "avx512f", "avx512_bf16"}
POINTER = ctypes.c_void_p


def processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def library(folder: Path) -> ctypes.CDLL:
    """The library, built into `folder` if it is not there. Processes that start together may do so at once: each puts a
    whole file in place."""
    name = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    built = folder / f"amx-{name}.so"
    if not built.exists():
        aside = folder / f"amx-{name}.{os.getpid()}.part"
        subprocess.run(["g++", *FLAGS, "-o", aside, SOURCE], check=True)
        aside.replace(built)
    found = ctypes.CDLL(str(built.resolve()))
    found.begin.restype, found.begin.argtypes = POINTER, [ctypes.c_int] * 7 + [ctypes.c_float]
    found.prepare.argtypes = [POINTER, POINTER]
    found.learn.restype = ctypes.c_double
    found.learn.argtypes = [POINTER] * 4 + [ctypes.c_int] * 2 + [POINTER, ctypes.c_float]
    return found


class Native:
    """Forward and backward over weights in bf16 that others may change between `prepare` and `prepare`."""

    def __init__(self, found: ctypes.CDLL, work: int, flat: torch.Tensor, vocabulary: int):
        self.library, self.work, self.flat, self.vocabulary = found, work, flat, vocabulary

    @classmethod
    def of(cls, shape, flat: torch.Tensor, lengths: list[int], folder: Path) -> Native | None:
        """None where it cannot run. `lengths` are those of the rows to come; the library is built in `folder`."""
        sizes = [shape.vocabulary, shape.width, shape.layers, shape.heads, shape.kv_heads, shape.feed_forward, shape.head_width]
        wide = [shape.vocabulary, shape.width, shape.feed_forward, shape.head_width, *lengths]
        if flat.is_cuda or any(number % 32 for number in wide) or not NEEDED <= processor_flags() or not shutil.which("g++"):
            return None
        found = library(folder)
        work = found.begin(*sizes, shape.theta)
        return cls(found, work, flat, shape.vocabulary) if work else None

    def prepare(self) -> None:
        """Takes over the weights. Once after each step."""
        self.library.prepare(self.work, self.flat.data_ptr())

    def learn(self, ids: np.ndarray, targets: np.ndarray, weights: np.ndarray, gradient: torch.Tensor, penalty: float) -> float:
        """As `Model.learn`."""
        parts = [np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(targets, np.int32), np.ascontiguousarray(weights, np.float32)]
        if min(parts[0].min(), parts[1].min()) < 0 or max(parts[0].max(), parts[1].max()) >= self.vocabulary:
            raise SystemExit("A sample holds a token that the vocabulary of the configuration has not. Make the samples again.")
        pointers = [part.ctypes.data for part in parts]
        return self.library.learn(self.work, *pointers, *ids.shape, gradient.data_ptr(), penalty)
