"""Where a training stands in its schedule, and the learning rate and the length of rows that belong there."""

from __future__ import annotations

import argparse
import time
from datetime import datetime


class Clock:
    """How much of the schedule is done, from 0 to 1. The end may be moved while it runs."""

    def __init__(self, options: argparse.Namespace, spent: float):
        self.options, self.begin = options, time.time() - spent

    def end(self) -> float | None:
        if self.options.stop_at is not None and self.options.stop_at.exists():
            text = self.options.stop_at.read_text().strip()
            try:
                hour, minute = (int(part) for part in text.split(":"))
                return datetime.now().replace(hour=hour, minute=minute, second=0).timestamp()
            except ValueError:
                print(f"The end {text!r} in {self.options.stop_at} is not HH:MM and is not followed.", flush=True)
        return None if self.options.minutes is None else self.begin + 60 * self.options.minutes

    def spent(self) -> float:
        return time.time() - self.begin

    def fraction(self, tokens: int) -> float:
        end = self.end()
        done = [0.0]
        if end is not None:
            done.append(self.spent() / max(1.0, end - self.begin))
        if self.options.tokens is not None:
            done.append(tokens / self.options.tokens)
        return min(1.0, max(done))


def rate(fraction: float, step: int, schedule: dict) -> float:
    """Share of the peak learning rate: warm-up by steps, constant, then a straight line to almost nothing."""
    warm = min(1.0, step / max(1, schedule["warmup_steps"]))
    left = (1.0 - fraction) / schedule["decay"]
    return warm * min(1.0, max(schedule["last_rate"], left))


def stage(fraction: float, stages: list[dict]) -> dict:
    """The stage (length of rows, rows at once) that a point of the schedule lies in."""
    return next((one for one in stages if fraction < one["until"]), stages[-1])
