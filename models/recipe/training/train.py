"""Trains a model from token shards: `python -m training.train --config configs/cpu.toml --data FOLDER --out FOLDER --minutes 80`.

One process per CPU core, or one for a CUDA device. The processes share weights and gradients in memory and meet
three times a step; inside a step each works alone, so that a core that is busy elsewhere delays a step once and not at
every operation. Ends when the time or the tokens are used up; the learning rate falls to zero until then.
A checkpoint holds weights, moments, average, place in the data and the configuration; `--resume` goes on from it. The
one from before the learning rate fell, `checkpoint-before-decay.pt`, is the one to go on from with more time or tokens.
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
from pathlib import Path

from training.schedule import Clock, rate, stage
from training.settings import configuration, differences

KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "TORCHINDUCTOR_COMPILE_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
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
    parser.add_argument("--pause-after", type=float, help="save and leave after these minutes; the schedule goes on later")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--from-weights", type=Path, help="begin from an exported model folder, with a new warm-up")
    parser.add_argument("--workers", type=int, help="processes; default: the cores of this machine, 1 with CUDA")
    parser.add_argument("--no-compile", action="store_true", help="for tests: slow, but starts at once")
    parser.add_argument("--no-native", action="store_true", help="steps by torch where amx.cpp would run, too")
    return parser.parse_args(given)


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


def work(rank: int, workers: int, shared, options, config: dict, barrier, device: str, state: dict) -> None:
    """What one process does. The first one also keeps the time, logs, validates and saves."""
    import torch

    from training.checkpoint import save
    from training.model import Model, Shape
    from training.native import Native
    from training.optimiser import Optimiser
    from training.shards import Shards, shifted

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(config["seed"])
    shape, schedule = Shape(**config["shape"]), config["schedule"]
    model = Model(shape, shared.compute, compiled=not options.no_compile, chunk=config["speed"]["chunk"])
    lengths = [one["length"] for one in config["stages"]]
    native = None if options.no_native else Native.of(shape, shared.compute, lengths, options.out)
    if rank == 0 and native:
        print("the step is amx.cpp", flush=True)
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
    started = saved = logged = checked = time.time()
    logged_tokens, smooth, warm = tokens, None, False
    falling = clock.fraction(tokens) > 1.0 - schedule["decay"]
    while True:
        if rank == 0:
            numbers[FRACTION] = clock.fraction(tokens)
            paused = options.pause_after is not None and time.time() - started > 60 * options.pause_after
            numbers[STOP] = float(stopped or paused or numbers[FRACTION] >= 1.0)
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
        if native:
            native.prepare()
        for start in range(rank * micro, rows, workers * micro):
            if native:
                parts = (part[start : start + micro] for part in (ids, targets, weights))
                loss += native.learn(*parts, gradient, schedule["penalty"])
                continue
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
        if not falling and fraction > 1.0 - schedule["decay"]:
            falling = True
            save(options.out / "checkpoint-before-decay.pt", shared, state)
        if time.time() - saved > 60 * config["report"]["save_minutes"]:
            save(options.out / "checkpoint.pt", shared, state)
            saved = time.time()
        if time.time() - checked > 60 * config["report"]["validate_minutes"]:
            report(model, options, config, device, step, "")
            checked = time.time()
    if rank == 0:
        better = report(model, options, config, device, step, "")
        state["better"] = "weights"
        if seen:
            shared.compute.copy_(shared.average)
            average = report(model, options, config, device, step, " of the average")
            state["better"] = "average" if average < better else "weights"
        save(options.out / "checkpoint.pt", shared, state)
        if numbers[FRACTION] >= 1.0:
            print("end of the schedule", flush=True)
        print(f"left after {step} steps, {tokens} tokens, {clock.spent() / 60:.1f} minutes", flush=True)


def report(model, options, config, device, step, which) -> float:
    nats, bits = validate(model, options.data, config["report"]["validation_rows"], device)
    tail = "" if bits is None else f" {bits:.4f} bits per byte"
    print(f"validation{which} step {step}: {nats:.4f} nats per token{tail}", flush=True)
    return nats


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

    from training.checkpoint import Shared, load
    from training.model import Shape, initialise

    device = "cuda" if torch.cuda.is_available() else "cpu"
    workers = options.workers or (1 if device == "cuda" else os.cpu_count() or 1)
    options.out.mkdir(parents=True, exist_ok=True)
    shape = Shape(**config["shape"])
    shared = Shared(shape.count(), workers, device)
    state = {"config": config, "step": 0, "tokens": 0, "spent": 0.0, "averaged": 0, "places": {}}
    if options.resume:
        state = load(options.out / "checkpoint.pt", shared, config)
    elif options.from_weights is not None:
        from training.folder import read

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
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**KEEP_MEMORY, **os.environ})
    main()
