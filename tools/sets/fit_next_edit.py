#!/usr/bin/env python3
"""Fits the confidence of next edits: how likely one is that the author made, by what speaks for and against it.

    tools/sets/next_edit.py --out FOLDER --dense
    fimble-next-edit-eval FOLDER/develop.jsonl --candidates --places CANDIDATES.jsonl
    tools/sets/fit_next_edit.py CANDIDATES.jsonl

Prints the weights for the detectors (`WEIGHTS` in server/next_edit/src), and what they are worth: each package is judged by weights
that were fitted without it. Needs NumPy. Invariant: the same places give the same weights.

A logistic regression (Newton's method) with a small penalty for each detector. Its candidates at a place count together as one.
"""

import argparse
import json
import random

import numpy

N_FOLDS = 10
PENALTY = 3.0
THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def places_of(paths):
    """The places: package, kind, and candidates, each with the names of its terms, their values, and whether it is right."""
    places = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                place = json.loads(line)
                candidates = [{
                    "names": tuple(name for name, _ in proposal["evidence"]),
                    "terms": numpy.array([value for _, value in proposal["evidence"]]),
                    "confidence": proposal["confidence"],
                    "right": proposal["judgement"]["upToBlanks"],
                } for proposal in place["proposals"]]
                places.append({"package": place["source"].rsplit(" ", 1)[0], "kind": place["kind"], "candidates": candidates})
    return places


def fit(places):
    """The weights of each detector, by the names of its terms."""
    detectors = {candidate["names"] for place in places for candidate in place["candidates"] if candidate["names"]}
    return {names: fit_detector(places, names) for names in sorted(detectors)}


def fit_detector(places, names):
    terms, right, shares = [], [], []
    for place in places:
        own = [candidate for candidate in place["candidates"] if candidate["names"] == names]
        terms += [candidate["terms"] for candidate in own]
        right += [candidate["right"] for candidate in own]
        shares += [1.0 / max(len(own), 1)] * len(own)
    terms, right, shares = numpy.array(terms), numpy.array(right, dtype=float), numpy.array(shares)
    weights = numpy.zeros(len(names))
    for _ in range(50):
        p = 1.0 / (1.0 + numpy.exp(-terms @ weights))
        gradient = terms.T @ (shares * (right - p)) - PENALTY * weights
        curvature = (terms * (shares * numpy.maximum(p * (1.0 - p), 1e-6))[:, None]).T @ terms + PENALTY * numpy.eye(len(names))
        step = numpy.linalg.solve(curvature, gradient)
        weights += step
        if numpy.abs(step).max() < 1e-9:
            break
    return weights


def confidence_of(candidate, weights):
    """What fitted weights give; what was chosen by hand stays. A detector that was not seen is silent."""
    if not candidate["names"]:
        return candidate["confidence"]
    of_detector = weights.get(candidate["names"])
    return 0.0 if of_detector is None else float(1.0 / (1.0 + numpy.exp(-candidate["terms"] @ of_detector)))


def judge(name, places, weights_of):
    """Prints what is shown at some thresholds."""
    print(f"# {name}")
    best = []
    for place in places:
        scored = [(confidence_of(candidate, weights_of(place)), candidate["right"]) for candidate in place["candidates"]]
        best.append((place["kind"], *max(scored, default=(0.0, False), key=lambda pair: pair[0])))
    for threshold in THRESHOLDS:
        shown = [(kind, right) for kind, confidence, right in best if confidence >= threshold]
        row = [f"right of shown {sum(right for _, right in shown) / max(len(shown), 1):.1%} of {len(shown)}"]
        for wanted in ("rename", "repeat", "signature", "counterpart"):
            n = sum(kind == wanted for kind, *_ in best)
            row.append(f"{wanted} {sum(kind == wanted and right for kind, right in shown) / max(n, 1):.1%}")
        n = sum(kind == "nothing" for kind, *_ in best)
        row.append(f"quiet {1.0 - sum(kind == 'nothing' for kind, _ in shown) / max(n, 1):.1%}")
        print(f"#   {threshold}: {', '.join(row)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("places", nargs="+", help="files that fimble-next-edit-eval --candidates --places wrote")
    args = parser.parse_args()
    places = places_of(args.places)
    packages = sorted({place["package"] for place in places})
    random.Random(0).shuffle(packages)
    fold_of = {package: at % N_FOLDS for at, package in enumerate(packages)}
    held_out = [fit([place for place in places if fold_of[place["package"]] != fold]) for fold in range(N_FOLDS)]
    print(f"# {len(places)} places of {len(packages)} packages")
    judge("fitted, each package held out", places, lambda place: held_out[fold_of[place["package"]]])
    for names, weights in fit(places).items():
        print(f"const WEIGHTS: Weights<{len(names)}> = [")
        for name, weight in zip(names, weights):
            print(f'    ("{name}", {weight:.2f}),')
        print("];")


if __name__ == "__main__":
    main()
