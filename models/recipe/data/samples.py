"""Samples: token shards in the prompt layout that the server sends.

    python -m data.samples --data FOLDER --length 256 --tokens 60e6 --seed 1

writes FOLDER/shards/train-LENGTH-SEED-NUMBER.npy (uint16, [rows, LENGTH]) with `.weights.npy` next to each (uint8, 16 is
an ordinary token, MIDDLE_WEIGHT one that the server asks for), and valid-LENGTH.npy from the validation packages.

Invariant: equal seeds give equal shards; a row has no padding; every middle ends with the end token.
"""

import argparse
import collections
import json
import pathlib
import random
import time

import numpy as np

from data.cuts import CHARACTERS_PER_TOKEN, KINDS, OUTLINE_SHARE, cut, parted, related
from data.prompts import Vocabulary, from_line_start, prompt, up_to_line_end

ORDINARY_WEIGHT, MIDDLE_WEIGHT = 16, 32
ROWS_PER_SHARD_TOKENS = 4_194_304

# Share of each language among the samples, in percent; what a language lacks of text goes to the others.
SHARES = {
    "python": 22, "rust": 20, "typescript": 13, "javascript": 9, "go": 14, "c": 4.5, "cpp": 5, "java": 3.2, "csharp": 2.4,
    "markdown": 2, "shell": 1.2, "yaml": 1, "html": 0.9, "json": 0.5, "css": 0.4, "toml": 0.5,
}
TEST_WEIGHT = 0.35
MAX_FILE_WEIGHT = 24_000

PLAIN_ROWS = 0.28            # rows of plain text, besides what fills up the other rows
SNIPPETS = 0.35              # of the middles, a quarter of all samples
REPOSITORY = 0.8             # of those with snippets
MAX_MIDDLE = 96


class Source:
    """Draws cuts and plain texts from the files of a split."""

    def __init__(self, path, seed):
        self.files = [json.loads(line) for line in path.read_text().splitlines()]
        self.rng = random.Random(f"{path.name} {seed}")
        languages = collections.defaultdict(list)
        for index, file in enumerate(self.files):
            languages[file["language"]].append(index)
        weight = np.zeros(len(self.files))
        for language, indices in languages.items():
            sizes = np.array([min(len(self.files[i]["text"]), MAX_FILE_WEIGHT) * (TEST_WEIGHT if self.files[i]["test"] else 1)
                              for i in indices])
            weight[indices] = sizes / sizes.sum() * SHARES.get(language, 0.5)
        self.cumulative = np.cumsum(weight / weight.sum())
        self.siblings = collections.defaultdict(list)
        for index, file in enumerate(self.files):
            self.siblings[file["package"], file["language"]].append(index)

    def pick(self):
        return min(int(np.searchsorted(self.cumulative, self.rng.random())), len(self.files) - 1)

    def shown_path(self, path):
        parts = path.split("/")
        return path if self.rng.random() < 0.6 else "/".join(parts[-self.rng.randrange(1, 4):])

    def cut(self, length):
        rng = self.rng
        budget = length if rng.random() < 0.3 else rng.randrange(length * 3 // 10, length)
        while True:
            index = self.pick()
            file = self.files[index]
            kind = rng.choices(list(KINDS), KINDS.values())[0]
            found = cut(rng, file["text"], kind, budget)
            if found is not None:
                break
        found.path = self.shown_path(file["path"])
        if rng.random() < SNIPPETS:
            room = int(budget * CHARACTERS_PER_TOKEN * rng.uniform(0.1, 0.4))
            around = found.above[-600:] + found.middle + found.suffix[:300]
            siblings = self.siblings[file["package"], file["language"]]
            snippets = [related(rng, self.files, siblings, index, around, room // number)
                        for number in ((1,) if rng.random() < 0.6 else (2, 2))]
            found.snippets = tuple(dict.fromkeys((self.shown_path(one[0]), one[1]) for one in snippets if one))
            if rng.random() < REPOSITORY:
                found.repository = file["package"]
        return found

    def plain(self, length):
        """(path, text, whether it ends where its file ends)"""
        file = self.files[self.pick()]
        text, room = file["text"], length * 4
        start = 0
        if len(text) > room:
            start = self.rng.randrange(-room // 2, len(text) - room // 2)
            start = text.find("\n", start) + 1 if start > 0 else 0
        piece = text[start:start + room]
        return self.shown_path(file["path"]), piece, start + room >= len(text)


def assemble(vocabulary, found, ids):
    """(tokens, weights) of a cut whose texts were tokenised, in the order of `texts_of`, or None if it does not fit."""
    special = [part for part in layout(vocabulary, found) if isinstance(part, int)]
    ids = list(ids)
    ending = ids[-len(found.middle):]
    n_middle = sum(map(len, ending)) + 1
    if n_middle > min(MAX_MIDDLE, found.budget // 2):
        return None
    head = ids[:-len(ending) - 3]
    above, suffix, outline = ids[len(head)], ids[len(head) + 1], ids[len(head) + 2]
    room = found.budget - len(special) - sum(map(len, head)) - n_middle
    if room < 24:
        return None
    share = max(room // 4, room - len(outline) - len(above))
    if len(suffix) > share:
        suffix = up_to_line_end(vocabulary, suffix[:share])
    left = room - len(suffix)
    if len(above) > left or outline:
        outline = outline if len(outline) <= left * OUTLINE_SHARE * 1.5 else []
        above = from_line_start(vocabulary, above, left - len(outline))
    tokens = []
    texts = iter(head + [outline + above, suffix])
    for part in layout(vocabulary, found):
        tokens += [part] if isinstance(part, int) else next(texts)
    weights = [ORDINARY_WEIGHT] * len(tokens) + [MIDDLE_WEIGHT] * n_middle
    for part in ending:
        tokens += part
    tokens.append(vocabulary.end)
    return tokens, weights


def layout(vocabulary, found):
    return prompt(vocabulary, found.path, found.above, found.suffix, found.snippets, found.repository)


def texts_of(vocabulary, found):
    """What of a cut is to be tokenised: texts of the layout, the outline, the middle in its parts."""
    return [part for part in layout(vocabulary, found) if isinstance(part, str)] + [found.outline, *found.middle]


class Packer:
    """Rows of one length: middles first, plain text in what is left, so that no token is lost."""

    def __init__(self, vocabulary, source, length, batch=1024):
        self.vocabulary, self.source, self.length, self.batch = vocabulary, source, length, batch
        self.open, self.plains, self.statistics = [], [], collections.Counter()

    def cuts(self):
        rng = self.source.rng
        founds = [self.source.cut(self.length) for _ in range(self.batch)]
        for found in founds:
            found.middle = parted(rng, found.middle)
        texts = [texts_of(self.vocabulary, found) for found in founds]
        ids = iter(self.vocabulary.encode([text for one in texts for text in one]))
        for found, one in zip(founds, texts):
            done = assemble(self.vocabulary, found, [next(ids) for _ in one])
            if done is not None:
                yield done

    def plain(self, count):
        """`count` tokens of plain text at most, at least one."""
        if not self.plains:
            texts = [self.source.plain(self.length) for _ in range(self.batch // 2)]
            ids = iter(self.vocabulary.encode([part for path, text, _ in texts for part in (path + "\n", text)]))
            for _, _, is_end in texts:
                head, body = next(ids), next(ids)
                self.plains.append(([self.vocabulary.file] + head, body + [self.vocabulary.end] * is_end))
        head, body = self.plains.pop(self.source.rng.randrange(len(self.plains)))
        tokens = (head + body)[:count]
        rest = body[max(0, count - len(head)):]
        rest = from_line_start(self.vocabulary, rest, len(rest) - 1)
        if len(rest) > self.length // 4:
            self.plains.append((head, rest))
        return tokens

    def filled(self, row):
        tokens, weights = row
        while len(tokens) < self.length:
            more = self.plain(self.length - len(tokens))
            self.statistics["plain"] += len(more)
            tokens += more
            weights += [ORDINARY_WEIGHT] * len(more)
        return tokens, weights

    def rows(self):
        rng = self.source.rng
        while True:
            for tokens, weights in self.cuts():
                self.statistics["middle samples"] += 1
                self.statistics["in middle samples"] += len(tokens)
                self.statistics["middle"] += weights.count(MIDDLE_WEIGHT)
                fitting = [row for row in self.open if len(row[0]) + len(tokens) <= self.length]
                if fitting:
                    row = max(fitting, key=lambda row: len(row[0]))
                    row[0].extend(tokens)
                    row[1].extend(weights)
                else:
                    self.open.append((tokens, weights))
                while len(self.open) > 24 or self.open and len(self.open[0][0]) > self.length - 8:
                    fullest = max(range(len(self.open)), key=lambda i: len(self.open[i][0]))
                    yield self.filled(self.open.pop(fullest))
                    while rng.random() < PLAIN_ROWS:
                        yield self.filled(([], []))


def write(packer, n_tokens, folder, name, shard_tokens=ROWS_PER_SHARD_TOKENS):
    """Writes shards of some four million tokens, each whole or not at all; shards that are there are made again only
    in memory, so that a second run goes on where the first was stopped and gives the same."""
    rows, written, number, begun = packer.rows(), 0, 0, time.time()
    while n_tokens - written >= packer.length:
        count = int(min(shard_tokens, n_tokens - written) // packer.length)
        tokens = np.zeros((count, packer.length), np.uint16)
        weights = np.zeros((count, packer.length), np.uint8)
        for i in range(count):
            tokens[i], weights[i] = next(rows)
        stem = name.format(number)
        for array, end in ((weights, ".weights.npy"), (tokens, ".npy")):
            if not (folder / (stem + end)).exists():
                with open(folder / (stem + end + ".part"), "wb") as out:
                    np.save(out, array)
                (folder / (stem + end + ".part")).rename(folder / (stem + end))
        written += tokens.size
        number += 1
        print(f"{stem}: {written / 1e6:.1f}M tokens, {written / (time.time() - begun):.0f}/s, {dict(packer.statistics)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--tokens", type=float, default=60e6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validation-tokens", type=float, default=500e3)
    parser.add_argument("--out", type=pathlib.Path, help="folder of the shards, FOLDER/shards unless given")
    options = parser.parse_args()
    folder = options.out or options.data / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary(options.data / "tokenizer" / "tokenizer.json")
    if not (folder / f"valid-{options.length}.npy").exists():
        source = Source(options.data / "validation.jsonl", 0)
        write(Packer(vocabulary, source, options.length), options.validation_tokens, folder, f"valid-{options.length}",
              options.validation_tokens)
        tokens = np.load(folder / f"valid-{options.length}.npy")
        size = sum(len(text.encode()) for text in vocabulary.tokenizer.decode_batch(tokens.tolist()))
        (folder / f"valid-{options.length}.json").write_text(json.dumps({"bytes_per_token": size / tokens.size}) + "\n")
    source = Source(options.data / "train.jsonl", f"{options.length} {options.seed}")
    write(Packer(vocabulary, source, options.length), options.tokens, folder,
          f"train-{options.length}-{options.seed:02}-{{:03}}")


if __name__ == "__main__":
    main()
