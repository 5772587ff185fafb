"""Copies among files: equal files, similar files, and files that contain parts of the test set.

Invariant: of two similar files the one of the test split stays.
"""

import hashlib
import re
import zlib

import numpy as np

from data.texts import WORD


def word_hashes(text):
    return np.fromiter((zlib.crc32(word.encode()) for word in WORD.findall(text)), np.uint64)


PERMUTATIONS, BANDS = 32, 8
_seeds = np.random.default_rng(20).integers(1, 2**61 - 1, (2, PERMUTATIONS), dtype=np.uint64) | np.uint64(1)


def signature(identifiers):
    """MinHash of a set of identifier hashes."""
    mixed = identifiers[:, None] * _seeds[0] + _seeds[1]
    return ((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(32)).min(axis=0)


def without_duplicates(files, threshold=0.8):
    """The files without exact and near copies; where two are alike the one of the later split goes first."""
    rank = {"test": 0, "validation": 1, "train": 2}
    kept, exact, buckets, sets = [], set(), {}, []
    for file in sorted(files, key=lambda file: rank[file["split"]]):
        squeezed = hashlib.md5(re.sub(r"\s+", "", file["text"]).encode()).digest()
        if squeezed in exact:
            continue
        exact.add(squeezed)
        identifiers = np.unique(word_hashes(file["text"]))
        if len(identifiers) >= 20:
            rows = signature(identifiers).reshape(BANDS, -1)
            keys = [(band, rows[band].tobytes()) for band in range(BANDS)]
            candidates = {index for key in keys for index in buckets.get(key, ())}
            if any(jaccard(identifiers, sets[index]) >= threshold for index in candidates):
                continue
            for key in keys:
                buckets.setdefault(key, []).append(len(sets))
            sets.append(identifiers)
        kept.append(file)
    return kept


def jaccard(one, other):
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / max(1, len(one) + len(other) - common)


GRAM = 13
MAX_SHARED_GRAMS = 12


def grams(text):
    """Hashes of all runs of 13 words."""
    words = word_hashes(text)
    if len(words) < GRAM:
        return np.empty(0, np.uint64)
    total = np.zeros(len(words) - GRAM + 1, np.uint64)
    for offset in range(GRAM):
        total = total * np.uint64(0x9E3779B97F4A7C15) + words[offset:offset + len(total)]
    return np.unique(total)


def without_overlap(files):
    """The files without those of train and validation that share runs of words with the test set (copies of it, in part)."""
    held_out = [grams(file["text"]) for file in files if file["split"] == "test"]
    held_out = np.unique(np.concatenate(held_out)) if held_out else np.empty(0, np.uint64)
    return [file for file in files if file["split"] == "test"
            or np.isin(grams(file["text"]), held_out, assume_unique=True).sum() <= MAX_SHARED_GRAMS]
