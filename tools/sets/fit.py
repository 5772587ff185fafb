#!/usr/bin/env python3
"""Fits the calibration of a model: how likely a suggestion is what was meant, by the probability that the model gives it.

    fimble-eval FOLDER... --kind rest,line,quiet --cases 24 --model NAME --without-bits --places PLACES.jsonl
    tools/sets/fit.py PLACES.jsonl...

Prints the two numbers for server/store/catalogue.toml, and what they are worth: each project is judged by numbers that were
fitted without it. Invariant: the same places give the same numbers.

A logistic regression on the log-odds (Newton's method). The texts that could be shown at a place count together as much as two
whole texts: the whole one and all of its beginnings.
"""

import argparse
import json
import math

BINS = 10
THRESHOLDS = (0.5, 0.6, 0.7, 0.8)
MOST_LOG_ODDS = 8.0


def places_of(paths, variant):
    places = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                place = json.loads(line)
                outcome = place["variants"][variant]
                unsure = "the confidence is too low" in (outcome["refusal"] or "")
                places.append({
                    "project": place["project"],
                    "kind": place["kind"],
                    "expected": place["expected"],
                    "candidates": outcome["candidates"],
                    # Whether something else than the confidence speaks against it.
                    "refused": outcome["refusal"] is not None and not unsure,
                })
    return places


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def log_odds(p):
    p = min(max(p, 1e-9), 1.0 - 1e-9)
    return max(-MOST_LOG_ODDS, min(MOST_LOG_ODDS, math.log(p / (1.0 - p))))


def fit(places):
    """Bias and slope."""
    samples = []
    for place in places:
        for at, candidate in enumerate(place["candidates"]):
            weight = 1.0 if at == 0 else 1.0 / (len(place["candidates"]) - 1)
            samples.append((log_odds(candidate["ofModel"]), float(candidate["right"]), weight))
    bias, slope = 0.0, 1.0
    for _ in range(50):
        b = s = bb = bs = ss = 0.0
        for x, right, weight in samples:
            p = sigmoid(bias + slope * x)
            error, curve = weight * (right - p), weight * max(p * (1.0 - p), 1e-6)
            b += error
            s += error * x
            bb += curve
            bs += curve * x
            ss += curve * x * x
        # A small penalty on what is far from believing the model.
        b, s, bb, ss = b - bias, s - (slope - 1.0), bb + 1.0, ss + 1.0
        determinant = bb * ss - bs * bs
        step = ((ss * b - bs * s) / determinant, (bb * s - bs * b) / determinant)
        bias, slope = bias + step[0], slope + step[1]
        if max(map(abs, step)) < 1e-9:
            break
    return bias, slope


def judge(name, places, numbers_of):
    """Prints the expected calibration error, and what is shown at some thresholds."""
    bins = [[0, 0.0, 0] for _ in range(BINS)]

    def probability(place, candidate):
        bias, slope = numbers_of(place)
        return sigmoid(bias + slope * log_odds(candidate["ofModel"]))

    for place in places:
        for whole in place["candidates"][:1]:
            p = probability(place, whole)
            of_bin = bins[min(int(p * BINS), BINS - 1)]
            of_bin[0] += 1
            of_bin[1] += p
            of_bin[2] += whole["right"]
    n = sum(of_bin[0] for of_bin in bins)
    error = sum(abs(of_bin[1] - of_bin[2]) for of_bin in bins) / max(n, 1)
    print(f"# {name}: expected calibration error {error:.3f} over {n} texts")
    for threshold in THRESHOLDS:
        n_places = n_shown = n_right = n_kept = n_typed = n_quiet = n_silent = 0
        for place in places:
            likely = (c for c in place["candidates"] if probability(place, c) >= threshold)
            shown = None if place["refused"] else next(likely, None)
            if place["kind"] == "quiet":
                n_quiet += 1
                n_silent += shown is None
                continue
            n_places += 1
            n_typed += len(place["expected"])
            if shown:
                n_shown += 1
                n_right += shown["right"]
                n_kept += min(len(shown["text"]), len(place["expected"])) if shown["right"] else 0
        print(f"#   {threshold}: shown {n_shown / max(n_places, 1):.1%}, of these right {n_right / max(n_shown, 1):.1%}, "
              f"characters kept {n_kept / max(n_typed, 1):.1%}, silent {n_silent / max(n_quiet, 1):.1%} of {n_quiet}")


def main():
    parser = argparse.ArgumentParser(description="Fits the calibration of a model")
    parser.add_argument("places", nargs="+", help="files that fimble-eval --places wrote, of one model")
    parser.add_argument("--variant", default="as shipped")
    args = parser.parse_args()
    places = places_of(args.places, args.variant)
    projects = sorted({place["project"] for place in places})
    held_out = {name: fit([place for place in places if place["project"] != name]) for name in projects}
    print(f"# {len(places)} places of {len(projects)} projects")
    judge("the model's own probability", places, lambda _: (0.0, 1.0))
    judge("fitted, each project held out", places, lambda place: held_out[place["project"]])
    bias, slope = fit(places)
    print(f"calibration = [{bias:.3f}, {slope:.3f}]")


if __name__ == "__main__":
    main()
