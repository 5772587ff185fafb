"""The configuration of a training, and what differs between two of them."""

from __future__ import annotations

import tomllib
from pathlib import Path


def configuration(path: Path) -> dict:
    with path.open("rb") as file:
        return tomllib.load(file)


def differences(saved: dict, wanted: dict, above: str = "") -> list[str]:
    """What differs between two configurations, each as `name: saved value, wanted value`."""
    found = []
    for name in sorted(saved.keys() | wanted.keys()):
        left, right = saved.get(name), wanted.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            found += differences(left, right, f"{above}{name}.")
        elif left != right:
            found.append(f"{above}{name}: {left} in the checkpoint, {right} wanted")
    return found
