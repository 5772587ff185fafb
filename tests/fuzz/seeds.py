#!/usr/bin/env python3
"""Writes the first inputs of each fuzz target, and the words that it tries, from the fixtures and the table of settings.

    tests/fuzz/seeds.py FOLDER

Invariant: the same files come out each time; each target gets inputs that it accepts as a whole.
"""

import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The types of values in GGUF files that the seeds use.
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5


def gguf_text(text):
    """A string of a GGUF file."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_array(kind, values):
    """The value of an array."""
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def gguf(entries, tensors=()):
    """A GGUF file. Entries are a key, a type and the bytes of a value; tensors a name, a shape, a type and their bytes."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, kind, value in entries:
        head += gguf_text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, shape, kind, content in tensors:
        data += b"\0" * (-len(data) % 32)
        head += gguf_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content
    return head + b"\0" * (-len(head) % 32) + data


def gguf_seeds():
    """Files with tensors, with a byte-level vocabulary, and with one of SentencePiece."""
    architecture = ("general.architecture", STRING, gguf_text("qwen2"))
    tensors = [("token_embd.weight", (32, 4), 0, bytes(512)), ("blk.0.attn_q.weight", (32, 2), 2, bytes(36)),
               ("blk.0.ffn_up.weight", (256, 1), 12, bytes(144)), ("output_norm.weight", (32,), 1, bytes(64))]
    numbers = [("qwen2.block_count", U32, struct.pack("<I", 1)),
               ("qwen2.rope.freq_base", F32, struct.pack("<f", 1e6))]
    yield gguf([architecture, *numbers], tensors)
    for model, tokens in (("gpt2", ["!", "a", "b", "ab", "Ġ", "Ċ", "<|endoftext|>", "<|fim_prefix|>"]),
                          ("llama", ["<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "▁a", "b"])):
        kinds = [3 if token.startswith("<") else 1 for token in tokens]
        yield gguf([
            architecture,
            ("tokenizer.ggml.model", STRING, gguf_text(model)),
            ("tokenizer.ggml.pre", STRING, gguf_text("qwen2")),
            ("tokenizer.ggml.tokens", ARRAY, gguf_array(STRING, [gguf_text(token) for token in tokens])),
            ("tokenizer.ggml.scores", ARRAY, gguf_array(F32, [struct.pack("<f", -n) for n in range(len(tokens))])),
            ("tokenizer.ggml.token_type", ARRAY, gguf_array(I32, [struct.pack("<i", kind) for kind in kinds])),
            ("tokenizer.ggml.merges", ARRAY, gguf_array(STRING, [gguf_text("a b")])),
            ("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2)),
        ])


def onnx_seeds():
    """The exports of the fixtures whose weights are elsewhere or small."""
    for path in sorted((ROOT / "fixtures").rglob("*.onnx")):
        if path.stat().st_size < 16384:
            yield path.read_bytes()


def settings():
    """The settings of VS Code with their keys and defaults: the table of the server has no other form outside of it."""
    manifest = json.loads((ROOT / "editors/vscode/package.json").read_text())
    sections = manifest["contributes"]["configuration"]
    return {key.removeprefix("fimble."): value.get("default")
            for section in (sections if isinstance(sections, list) else [sections])
            for key, value in section["properties"].items()}


def nested(flat):
    """Settings with dots in their keys as objects in objects."""
    whole = {}
    for key, value in flat.items():
        *folders, last = key.split(".")
        inner = whole
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return whole


def settings_seeds():
    """All defaults in both forms, a change of each setting alone, and what some clients send."""
    flat = settings()
    for value in (nested(flat), {"fimble": nested(flat)}, flat, [{"fimble": nested(flat)}, {"fimble": None}], [], None, 3):
        yield json.dumps(value).encode()
    for key, value in flat.items():
        yield json.dumps([{}, {"fimble": nested({key: value})}]).encode()
        yield json.dumps(nested({key: [value, -1, "", {"a": None}]})).encode()


def frame(text):
    """A framed message."""
    return f"Content-Length: {len(text)}\r\n\r\n{text}".encode()


def frames_seeds():
    """Streams in pieces of one, eight and 256 bytes: whole, with other headers, with garbage between messages."""
    streams = [frame("{}") + frame("") + frame('{"jsonrpc":"2.0"}'),
               b"content-type: x\r\ncontent-length: 2\r\n\r\n{}" + frame("[]"),
               b"garbage\r\n\r\nContent-Length: 99999999999\r\n\r\n" + frame("{}"),
               b"Content-Length: many\r\n\r\n" + frame("{}"), b"x" * 9000 + frame("{}")]
    for size in (0, 7, 255):
        for stream in streams:
            yield bytes([size]) + stream


def edits_seeds():
    """Bytes that count up: they are choices, not text."""
    for step in (1, 7, 31):
        yield bytes(n * step % 256 for n in range(400))


# The words that each target tries as they are.
WORDS = {
    "edits": [],
    "frames": ["Content-Length: ", "\r\n\r\n", "content-length:", "536870912", "536870913"],
    "gguf": ["GGUF", "general.architecture", "general.alignment", "tokenizer.ggml.model", "tokenizer.ggml.tokens",
             "tokenizer.ggml.merges", "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "split.count"],
    "onnx": ["logits", "num_logits_to_keep", "Slice", "MatMul", "Reshape", "Transpose", "DequantizeLinear"],
    "settings": ["fimble", "true", "false", "null", *(part for key in settings() for part in key.split("."))],
}
SEEDS = {"edits": edits_seeds, "frames": frames_seeds, "gguf": gguf_seeds, "onnx": onnx_seeds, "settings": settings_seeds}


def quoted(word):
    """A word in the form of libFuzzer's dictionaries."""
    return '"' + "".join(c if c.isalnum() else f"\\x{ord(c):02x}" for c in word) + '"'


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, seeds in SEEDS.items():
        here = folder / name / "seeds"
        here.mkdir(parents=True, exist_ok=True)
        for old in here.iterdir():
            old.unlink()
        for number, seed in enumerate(seeds()):
            (here / f"{number:03}").write_bytes(seed)
        words = sorted(set(WORDS[name]))
        # The fuzzer refuses an empty file.
        (folder / name / "words.dict").write_text("# made by seeds.py\n" + "".join(f"{quoted(word)}\n" for word in words))


if __name__ == "__main__":
    main()
