"""Tokenizer: byte-level BPE with Qwen's special tokens and Qwen2's pre-tokeniser, trained on the training texts.

    python -m data.tokenizer --data FOLDER [--vocabulary 8192]     FOLDER/tokenizer/tokenizer.json, tokenizer_config.json

Invariant: decoding gives back the bytes of any text, and the special tokens have the ids 0 to N-1 in this order. So there is
no normaliser: Qwen2's NFC would change the bytes. llama.cpp's `qwen2` pre-tokeniser applies none either.
"""

import argparse
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>",
           "<|file_sep|>", "<|im_start|>", "<|im_end|>", *(f"<|reserved_{i}|>" for i in range(7))]

# Qwen2's, to the letter: llama.cpp knows it by the name `qwen2`.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
           r"\s+(?!\S)|\s+")

CONFIG = {
    "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "add_bos_token": False, "bos_token": None,
    "eos_token": "<|endoftext|>", "pad_token": "<|fim_pad|>", "unk_token": None, "errors": "replace",
    "model_max_length": 2048, "clean_up_tokenization_spaces": False, "split_special_tokens": False,
}
SHARES = {"rust": 20, "python": 22, "typescript": 12, "javascript": 8, "go": 14, "c": 5, "cpp": 5, "java": 3, "csharp": 2}
SHARE_OF_OTHERS = 1.2


def empty():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False),
    ])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False)
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False)
    return tokenizer


def train(texts, vocabulary):
    tokenizer = empty()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), max_token_length=24, show_progress=False))
    return tokenizer


def sample(path, megabytes, seed):
    """(language, text) of files until each language has its share of `megabytes`."""
    files = [json.loads(line) for line in path.read_text().splitlines()]
    random.Random(seed).shuffle(files)
    total = sum(SHARES.values()) + 7 * SHARE_OF_OTHERS
    room = {}
    for file in files:
        language = file["language"]
        left = room.setdefault(language, SHARES.get(language, SHARE_OF_OTHERS) / total * megabytes * 1e6)
        if left > 0 and not file["test"]:
            room[language] = left - len(file["text"])
            yield language, file["text"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    out = options.out or options.data / "tokenizer"
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = train((text for _, text in sample(options.data / "train.jsonl", options.megabytes, options.seed)),
                      options.vocabulary)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    for language, ratio in characters_per_token(tokenizer, options.data / "validation.jsonl").items():
        print(f"{language}: {ratio:.2f} characters per token")


def characters_per_token(tokenizer, path):
    sizes = {}
    for line in path.read_text().splitlines():
        file = json.loads(line)
        characters, tokens = sizes.get(file["language"], (0, 0))
        if characters < 500_000:
            text = file["text"]
            sizes[file["language"]] = (characters + len(text), tokens + len(tokenizer.encode(text).ids))
    total = tuple(map(sum, zip(*sizes.values())))
    return {name: characters / max(1, tokens) for name, (characters, tokens) in {**sizes, "all": total}.items()}


if __name__ == "__main__":
    main()
