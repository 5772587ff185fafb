"""Trains a model from token shards: `python train.py --config configs/cpu.toml --data FOLDER --out FOLDER --minutes 80`.

One process per CPU core, or one for a CUDA device. The processes share weights and gradients in memory and meet
twice a step; inside a step each works alone, so that a core that is busy elsewhere delays a step once and not at
every operation. Ends when the time or the tokens are used up; the learning rate falls to zero until then.
A checkpoint holds weights, moments, average, place in the data and the configuration; `--resume` goes on from it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
import tomllib
from datetime import datetime
from pathlib import Path

KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with shards and valid-*.npy")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the log")
    parser.add_argument("--minutes", type=float, help="end of the schedule after this time")
    parser.add_argument("--tokens", type=float, help="end of the schedule after this many tokens")
    parser.add_argument("--stop-at", type=Path, help="a file that holds the end as HH:MM; it is read again and again")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--from-weights", type=Path, help="begin from an exported model folder, with a new warm-up")
    parser.add_argument("--workers", type=int, help="processes; default: the cores of this machine, 1 with CUDA")
    parser.add_argument("--no-compile", action="store_true", help="for tests: slow, but starts at once")
    return parser.parse_args(given)


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


class Shared:
    """All that the processes share: flat tensors and a few numbers."""

    def __init__(self, count: int, workers: int, device: str):
        import torch

        def empty(kind=torch.float32):
            made = torch.zeros(count, dtype=kind, device=device)
            return made.share_memory_() if device == "cpu" else made

        self.weights, self.moment, self.second, self.average = empty(), empty(), empty(), empty()
        self.compute = empty(torch.bfloat16)
        self.gradients = [empty() for _ in range(workers)]
        self.numbers = torch.zeros(64, dtype=torch.float64).share_memory_()


STOP, FRACTION, LOSS, NORM = 0, 1, 8, 24


def validate(model, folder: Path, rows: int, device: str) -> tuple[float, float | None]:
    """Nats per token on the validation rows, and bits per byte where the file beside them tells the bytes."""
    import numpy as np
    import torch

    path = folder / "valid-512.npy"
    if not path.exists():
        return math.nan, None
    tokens = np.load(path, mmap_mode="r")[:rows].astype(np.int64)
    total, count = 0.0, 0
    for start in range(0, len(tokens) - 7, 8):
        batch = torch.from_numpy(tokens[start : start + 8]).to(device)
        targets = batch.roll(-1, 1)
        total += model.losses(batch, targets)[:, :-1].sum().item()
        count += targets[:, :-1].numel()
    nats = total / count
    aside = folder / "valid-512.json"
    if not aside.exists():
        return nats, None
    return nats, nats / math.log(2) / json.loads(aside.read_text())["bytes_per_token"]


def save(path: Path, shared: Shared, state: dict) -> None:
    import torch

    tensors = {name: getattr(shared, name).cpu().clone() for name in ("weights", "moment", "second", "average")}
    aside = path.with_suffix(".part")
    torch.save({"state": state, **tensors}, aside)
    aside.replace(path)


def load(path: Path, shared: Shared, config: dict) -> dict:
    """Fills the tensors from a checkpoint and returns its state; refuses one of another configuration."""
    import torch

    if not path.exists():
        raise SystemExit(f"There is no checkpoint {path}. Start without --resume.")
    found = torch.load(path, map_location="cpu", weights_only=True)
    differs = differences(
        {name: found["state"]["config"].get(name) for name in ("shape", "optimiser", "seed")},
        {name: config.get(name) for name in ("shape", "optimiser", "seed")},
    )
    if differs:
        raise SystemExit(f"The checkpoint {path} is of another configuration: " + "; ".join(differs) + ".")
    for name in ("weights", "moment", "second", "average"):
        getattr(shared, name).copy_(found[name])
    return found["state"]


def work(rank: int, workers: int, shared: Shared, options, config: dict, barrier, device: str, state: dict) -> None:
    """What one process does. The first one also keeps the time, logs, validates and saves."""
    import torch

    from model import Model, Shape
    from optimiser import Optimiser
    from shards import Shards, shifted

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(config["seed"])
    shape, schedule = Shape(**config["shape"]), config["schedule"]
    model = Model(shape, shared.compute, compiled=not options.no_compile, chunk=config["speed"]["chunk"])
    optimiser = Optimiser(
        shape, shared.weights, shared.gradients, shared.moment, shared.second, rank, workers, config["optimiser"]
    )
    clock = Clock(options, state["spent"])
    readers = {
        one["length"]: Shards(options.data, one["length"], config["seed"], state["places"].get(str(one["length"])))
        for one in config["stages"]
    }
    stopped = False

    def stop(*_):
        nonlocal stopped
        stopped = True

    if rank == 0:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # The first process ends all of them.
    numbers, gradient = shared.numbers, shared.gradients[rank]
    step, tokens, seen = state["step"], state["tokens"], state["averaged"]
    saved = logged = checked = time.time()
    logged_tokens, smooth, warm = tokens, None, False
    while True:
        if rank == 0:
            numbers[FRACTION] = clock.fraction(tokens)
            numbers[STOP] = float(stopped or numbers[FRACTION] >= 1.0)
        barrier.wait()
        if numbers[STOP]:
            break
        fraction = float(numbers[FRACTION])
        now = stage(fraction, config["stages"])
        reader = readers[now["length"]]
        rows, micro = now["rows"], now["micro"]
        ids, targets, weights = shifted(*reader.take(rows))
        weights = weights / weights.sum()
        loss = 0.0
        if not warm and rank > 0:
            barrier.wait()  # The first process compiles; the others find its results.
        for start in range(rank * micro, rows, workers * micro):
            parts = (torch.from_numpy(part[start : start + micro]).to(device) for part in (ids, targets, weights))
            loss += model.learn(*parts, gradient, schedule["penalty"]).item()
        if not warm and rank == 0 and workers > 1:
            for _ in range(workers - 1):
                barrier.wait()
        warm = True
        numbers[LOSS + rank] = loss
        barrier.wait()
        numbers[NORM + rank] = optimiser.gather()
        barrier.wait()
        norm = math.sqrt(float(numbers[NORM : NORM + workers].sum()))
        step, tokens = step + 1, tokens + rows * now["length"]
        pace = rate(fraction, step, schedule)
        optimiser.step(step, pace, min(1.0, schedule["clip"] / (norm + 1e-6)))
        average = fraction >= 1.0 - schedule["decay"] * 0.5
        seen = seen + 1 if average else 0
        for span in optimiser.owned:
            shared.compute[span].copy_(shared.weights[span])
            if average:
                shared.average[span].lerp_(shared.weights[span], max(1 - schedule["average"], 1 / seen))
            shared.gradients[0][span].zero_()
        for other in range(1, workers):
            for span in optimiser.owned:
                shared.gradients[other][span].zero_()
        if rank:
            continue
        total = float(numbers[LOSS : LOSS + workers].sum())
        smooth = total if smooth is None else 0.98 * smooth + 0.02 * total
        if step % config["report"]["steps"] == 0:
            elapsed = time.time() - logged
            print(
                f"step {step} tokens {tokens / 1e6:.2f}M length {now['length']} loss {smooth:.4f} norm {norm:.2f} "
                f"rate {pace:.3f} done {100 * fraction:.1f} % {(tokens - logged_tokens) / elapsed:.0f} tokens/s",
                flush=True,
            )
            logged, logged_tokens = time.time(), tokens
        state = {
            "config": config, "step": step, "tokens": tokens, "spent": clock.spent(), "averaged": seen,
            "places": {str(length): reader.place for length, reader in readers.items()},
        }  # fmt: skip
        if time.time() - saved > 60 * config["report"]["save_minutes"]:
            save(options.out / "checkpoint.pt", shared, state)
            saved = time.time()
        if time.time() - checked > 60 * config["report"]["validate_minutes"]:
            report(model, options, config, device, step, "")
            checked = time.time()
    if rank == 0:
        save(options.out / "checkpoint.pt", shared, state)
        report(model, options, config, device, step, "")
        if seen:
            shared.compute.copy_(shared.average)
            report(model, options, config, device, step, " of the average")
        print(f"end after {step} steps, {tokens} tokens, {clock.spent() / 60:.1f} minutes", flush=True)


def report(model, options, config, device, step, which) -> None:
    nats, bits = validate(model, options.data, config["report"]["validation_rows"], device)
    tail = "" if bits is None else f" {bits:.4f} bits per byte"
    print(f"validation{which} step {step}: {nats:.4f} nats per token{tail}", flush=True)


def watch(other, barrier) -> None:
    """Ends the wait of all when a process has died, so that none waits for ever."""
    other.join()
    if other.exitcode:
        barrier.abort()


def main(given: list[str] | None = None) -> None:
    options = arguments(given)
    if options.minutes is None and options.tokens is None and options.stop_at is None:
        raise SystemExit("Say when the training ends: --minutes, --tokens or --stop-at.")
    config = configuration(options.config)
    import torch
    import torch.multiprocessing as processes

    from model import Shape, initialise

    device = "cuda" if torch.cuda.is_available() else "cpu"
    workers = options.workers or (1 if device == "cuda" else os.cpu_count() or 1)
    options.out.mkdir(parents=True, exist_ok=True)
    shape = Shape(**config["shape"])
    shared = Shared(shape.count(), workers, device)
    state = {"config": config, "step": 0, "tokens": 0, "spent": 0.0, "averaged": 0, "places": {}}
    if options.resume:
        state = load(options.out / "checkpoint.pt", shared, config)
    elif options.from_weights is not None:
        from folder import read

        found, flat = read(options.from_weights)
        differs = differences(found.as_dict(), shape.as_dict())
        if differs:
            raise SystemExit(f"The weights in {options.from_weights} are of another shape: " + "; ".join(differs))
        shared.weights.copy_(flat)
    else:
        fresh = torch.empty(shape.count())
        initialise(fresh, shape, config["seed"])
        shared.weights.copy_(fresh)
    shared.compute.copy_(shared.weights)
    print(f"{shape.count() / 1e6:.2f}M parameters, {workers} workers on {device}, {config}", flush=True)
    context = processes.get_context("spawn")
    barrier = context.Barrier(workers)
    others = [
        context.Process(
            target=work, args=(rank, workers, shared, options, config, barrier, device, state), daemon=True
        )
        for rank in range(1, workers)
    ]
    for other in others:
        other.start()
        threading.Thread(target=watch, args=(other, barrier), daemon=True).start()
    work(0, workers, shared, options, config, barrier, device, state)
    for other in others:
        other.join()


if __name__ == "__main__":
    if any(os.environ.get(name) is None for name in KEEP_MEMORY):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**KEEP_MEMORY, **os.environ})
    main()
