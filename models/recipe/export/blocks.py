"""Quantisation of matrices in blocks, as the operators of onnxruntime-genai want it."""

from __future__ import annotations

import numpy as np

BLOCK = 32


def quantise(matrix: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric quantisation along rows, in blocks: `(numbers [rows, blocks, BLOCK] from 0, scales [rows, blocks])`.

    Each block takes the scale with the least squared error of several, all near the one that its extreme asks for.
    """
    rows, columns = matrix.shape
    if columns % BLOCK:
        raise SystemExit(f"A matrix of {columns} columns does not divide into blocks of {BLOCK}.")
    blocks = matrix.astype(np.float32).reshape(rows, columns // BLOCK, BLOCK)
    middle = 2 ** (bits - 1)
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    base = np.where(extreme == 0, 1e-8, extreme) / -middle
    best, chosen = None, None
    for factor in (1.0, 0.98, 0.95, 0.92, 0.88, 0.84) if bits < 8 else (1.0,):
        scale = base * factor
        numbers = np.clip(np.rint(blocks / scale), -middle, middle - 1)
        error = ((numbers * scale - blocks) ** 2).sum(-1, keepdims=True)
        if best is None:
            best, chosen, scales = error, numbers, scale
        else:
            better = error < best
            best = np.where(better, error, best)
            chosen = np.where(better, numbers, chosen)
            scales = np.where(better, scale, scales)
    return (chosen + middle).astype(np.uint8), scales[..., 0].astype(np.float32)


def packed(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Two numbers of 4 bits to a byte, the first one in the lower half; bytes as they are."""
    return numbers if bits == 8 else numbers[..., 0::2] | (numbers[..., 1::2] << 4)
