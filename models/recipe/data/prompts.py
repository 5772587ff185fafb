"""A vocabulary, and the prompt layout of the server.

Invariant: the layout equals that of the server's template for Qwen2.5-Coder (server/model/src/fim/families.rs):
snippets, path, lines above, what follows the cursor, and after the middle token the current line from its start.
"""

import numpy as np
from tokenizers import Tokenizer


class Vocabulary:
    """A tokenizer, the ids of the special tokens, and which tokens end a line."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(str(path))
        names = ("endoftext", "fim_prefix", "fim_suffix", "fim_middle", "repo_name", "file_sep")
        ids = [self.tokenizer.token_to_id(f"<|{name}|>") for name in names]
        if None in ids:
            raise SystemExit(f"{path} lacks the token <|{names[ids.index(None)]}|>.")
        self.end, self.prefix, self.suffix, self.middle, self.repository, self.file = ids
        size = self.tokenizer.get_vocab_size()
        # In byte-level BPE a line break is written as U+010A.
        self.ends_line = np.array([(self.tokenizer.id_to_token(i) or "").endswith("\u010a") for i in range(size)])

    def encode(self, texts):
        encoded = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [one.ids for one in encoded]


def prompt(vocabulary, path, above, suffix, snippets=(), repository=""):
    """The prompt up to the middle token, as special ids and texts that are tokenised apart."""
    parts = []
    if snippets and repository:
        parts += [vocabulary.repository, repository + "\n"]
    for snippet_path, text in snippets:
        parts += [vocabulary.file, snippet_path + "\n" + text + ("" if not text or text.endswith("\n") else "\n")]
    if path or snippets:
        parts += [vocabulary.file, path + "\n"]
    return parts + [vocabulary.prefix, above, vocabulary.suffix, suffix, vocabulary.middle]


def up_to_line_end(vocabulary, ids):
    ends = np.flatnonzero(vocabulary.ends_line[ids])
    return ids[:int(ends[-1]) + 1] if len(ends) and ends[-1] > 0 else ids


def from_line_start(vocabulary, ids, count):
    if len(ids) <= count:
        return ids
    if count <= 0:
        return []
    ids = ids[-count:]
    ends = np.flatnonzero(vocabulary.ends_line[ids[:-1]])
    return ids[int(ends[0]) + 1:] if len(ends) and ends[0] < count // 2 else ids
