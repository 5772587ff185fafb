#!/usr/bin/env python3
"""Fits the calibration of a model: how likely a suggestion is what was meant, by what is known of it.

    fimble-eval FOLDER... --kind rest,line,lines,body,quiet --cases 24 --model NAME --without-bits --places PLACES.jsonl
    tools/sets/fit.py PLACES.jsonl...

Prints the weights as a line for server/store/catalogue.toml, and what they are worth: each project is judged by weights that
were fitted without it. Invariant: the same places give the same weights.

A logistic regression (Newton's method, with a small penalty on each weight but the bias). All texts that could be shown at a
place count together as much as two whole texts: the whole one and all of its beginnings.
"""

import argparse
import json
import math

PENALTY = 1.0
"""Of the square of each weight; little beside a hundred places."""
BINS = 10
THRESHOLD = 0.5
"""The default of minConfidence."""


def places_of(paths, variant):
    places = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                place = json.loads(line)
                candidates = place["variants"][variant].get("candidates") or []
                shown = place["variants"][variant]["refusal"]
                places.append({
                    "project": place["project"], "kind": place["kind"], "expected": place["expected"],
                    "candidates": candidates, "refusal": shown,
                })
    return places


def samples_of(places, features):
    """(values with 1 in front, right, weight) of each candidate."""
    samples = []
    for place in places:
        for at, candidate in enumerate(place["candidates"]):
            weight = 1.0 if at == 0 else 1.0 / (len(place["candidates"]) - 1)
            values = [1.0] + [candidate["evidence"][name] for name in features]
            samples.append((values, 1.0 if candidate["right"] else 0.0, weight))
    return samples


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def solve(matrix, vector):
    """Gaussian elimination with the largest pivot."""
    n = len(vector)
    rows = [row[:] + [value] for row, value in zip(matrix, vector)]
    for at in range(n):
        pivot = max(range(at, n), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for row in range(at + 1, n):
            factor = rows[row][at] / rows[at][at]
            for column in range(at, n + 1):
                rows[row][column] -= factor * rows[at][column]
    found = [0.0] * n
    for at in reversed(range(n)):
        rest = sum(rows[at][column] * found[column] for column in range(at + 1, n))
        found[at] = (rows[at][n] - rest) / rows[at][at]
    return found


def fit(samples, n_weights):
    weights = [0.0] * n_weights
    for _ in range(50):
        gradient = [0.0] * n_weights
        hessian = [[0.0] * n_weights for _ in range(n_weights)]
        for values, right, weight in samples:
            p = sigmoid(sum(w * v for w, v in zip(weights, values)))
            slope = weight * (right - p)
            curve = weight * max(p * (1.0 - p), 1e-6)
            for i in range(n_weights):
                gradient[i] += slope * values[i]
                for j in range(n_weights):
                    hessian[i][j] += curve * values[i] * values[j]
        for i in range(n_weights):
            penalty = PENALTY if i > 0 else 1e-6
            gradient[i] -= penalty * weights[i]
            hessian[i][i] += penalty
        step = solve(hessian, gradient)
        weights = [w + s for w, s in zip(weights, step)]
        if max(abs(s) for s in step) < 1e-7:
            break
    return weights


def probability(weights, features, candidate):
    values = [1.0] + [candidate["evidence"][name] for name in features]
    return sigmoid(sum(w * v for w, v in zip(weights, values)))


def raw(_weights, _features, candidate):
    return sigmoid(candidate["evidence"]["likelihood"])


def judge(places, weights, features, probability=probability):
    """Expected calibration error, and what a gate at the threshold shows."""
    bins = [[0, 0.0, 0] for _ in range(BINS)]
    shown = right = kept = typed = silent = quiet = useful = 0
    for place in places:
        candidates = place["candidates"]
        if candidates:
            p = probability(weights, features, candidates[0])
            of_bin = bins[min(int(p * BINS), BINS - 1)]
            of_bin[0] += 1
            of_bin[1] += p
            of_bin[2] += candidates[0]["right"]
        is_refused = place["refusal"] and "unsure" not in place["refusal"]
        chosen = None
        if not is_refused:
            chosen = next((c for c in candidates if probability(weights, features, c) >= THRESHOLD), None)
        if place["kind"] == "quiet":
            quiet += 1
            silent += chosen is None
            continue
        typed += len(place["expected"])
        if chosen:
            shown += 1
            right += chosen["right"]
            kept += min(len(chosen["text"]), len(place["expected"])) if chosen["right"] else 0
    n = sum(b[0] for b in bins)
    error = sum(abs(b[1] - b[2]) for b in bins) / max(n, 1)
    return {
        "n": n, "ece": error, "shown": shown / max(len(places) - quiet, 1), "right": right / max(shown, 1),
        "kept": kept / max(typed, 1), "silent": silent / max(quiet, 1),
    }


def text_of(figures):
    return (f"{figures['n']} texts, calibration error {figures['ece']:.3f}; at {THRESHOLD}: shown {figures['shown']:.1%}, "
            f"of these right {figures['right']:.1%}, characters kept {figures['kept']:.1%}, "
            f"silent where nothing should come {figures['silent']:.1%}")


def main():
    parser = argparse.ArgumentParser(description="Fits the calibration of a model")
    parser.add_argument("places", nargs="+", help="files that fimble-eval --places wrote, of one model")
    parser.add_argument("--variant", default="as shipped")
    parser.add_argument("--without", action="append", default=[], metavar="FEATURE", help="leave a feature out")
    parser.add_argument("--judge", action="append", default=[], metavar="PLACES", help="judge other places, too")
    args = parser.parse_args()
    places = places_of(args.places, args.variant)
    first = next(c for place in places for c in place["candidates"])
    features = [name for name in first["evidence"] if name not in args.without]

    held_out = {}
    for project in sorted({place["project"] for place in places}):
        others = [place for place in places if place["project"] != project]
        held_out[project] = fit(samples_of(others, features), len(features) + 1)
    n_right = sum(c["right"] for place in places for c in place["candidates"][:1])
    print(f"# {len(places)} places of {len(held_out)} projects, {n_right} right as a whole")
    print("# the model's own probability:", text_of(judge(places, None, features, raw)))
    pooled = [(dict(place), held_out[place["project"]]) for place in places]
    for place, weights in pooled:
        for candidate in place["candidates"]:
            candidate["held_out"] = probability(weights, features, candidate)
    print("# fitted, each project held out:",
          text_of(judge(places, None, features, lambda _w, _f, c: c["held_out"])))
    weights = fit(samples_of(places, features), len(features) + 1)
    print("# fitted on all:", text_of(judge(places, weights, features)))
    for path in args.judge:
        others = places_of([path], args.variant)
        print(f"# {path}:", text_of(judge(others, weights, features)))
    pairs = ", ".join(f"{name} = {weight:.3f}" for name, weight in zip(["bias"] + features, weights))
    print(f"calibration = {{ {pairs} }}")


if __name__ == "__main__":
    main()
