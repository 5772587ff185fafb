"""Writes tiny GGUF files with random weights: one of each architecture that is imported, and one of each type of tensors.

    tiny_models.py FOLDER [NAME...]     writes FOLDER/NAME.gguf, and of each type of tensors FOLDER/NAME.floats.gguf with the
                                        numbers that the blocks stand for; prints the names. FOLDER/llama.halves.gguf is llama.gguf
                                        with the name of an architecture that turns other numbers of a head together.

Invariant: the same names give the same weights; attention, feed-forward part and embedding each change the answer visibly, so
that an error in any of them shows.
"""

import json
import sys
import zlib
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

TOKENIZER = Path(__file__).resolve().parents[2] / "models/default/tokenizer.json"
N_TOKENS, N_MARKERS = 640, 16
HIDDEN, INNER, LAYERS, CONTEXT = 256, 512, 2, 256

# Where the half floats of a block are: the scale, and the scale of its minimums with the ratio that puts the mean at 0. A scale
# may be negative where there are no minimums.
BLOCKS = {
    Type.Q2_K: (80, 82, 1.5),
    Type.Q3_K: (108, None, 0.0),
    Type.Q4_K: (0, 2, 7.5),
    Type.Q5_K: (0, 2, 15.5),
    Type.Q6_K: (208, None, 0.0),
    Type.IQ4_NL: (0, None, 0.0),
    Type.IQ4_XS: (0, None, 0.0),
}

# What differs from the plain decoder: 4 heads of 64, 2 of keys and values, RMS norms, a gate with SiLU, a matrix of its own for
# the output.
MODELS = {
    "qwen2": {"arch": "qwen2", "tied": True, "biases": ["attn_q", "attn_k", "attn_v"], "base": 1e6},
    "qwen3": {"arch": "qwen3", "head": 128, "head_norms": True, "base": 1e6},
    "llama": {"arch": "llama"},
    "llama-tied": {"arch": "llama", "tied": True, "heads": 4, "kv_heads": 4},
    "llama-factors": {"arch": "llama", "factors": True, "base": 5e5},
    "llama-linear": {"arch": "llama", "linear": 4.0, "base": 1e5},
    "llama-wide": {"arch": "llama", "head": 128},
    "llama-biases": {"arch": "llama", "biases": ["attn_q", "attn_k", "attn_v", "attn_output"]},
    "granite": {"arch": "granite", "tied": True, "factor": {"embedding": 12.0, "residual": 0.22, "logit": 4.0, "attention": 0.03}},
    "starcoder2": {
        "arch": "starcoder2",
        "tied": True,
        "layer_norms": True,
        "gate": False,
        "biases": ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"],
    },
    "gemma": {"arch": "gemma", "tied": True, "head": 128, "kv_heads": 1},
}
TYPES = [Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, *BLOCKS]
for kind in TYPES:
    MODELS[f"type-{kind.name}"] = {"arch": "llama", "tied": True, "kind": kind}


def quantised(random, values, kind):
    """Values in a type; types that cannot be quantised to here get random blocks of the same spread."""
    if kind not in BLOCKS:
        return gguf.quants.quantize(values, kind)
    length, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    scale_at, minimum_at, ratio = BLOCKS[kind]
    blocks = random.integers(0, 256, (values.size // length, n_bytes), dtype=np.uint8)
    scales = random.uniform(0.5, 1.5, len(blocks))
    if minimum_at is None:
        scales *= random.choice([-1.0, 1.0], len(blocks))

    def put(factor):
        halves = (scales * factor).astype("<f2")
        blocks[:, scale_at : scale_at + 2] = halves.view(np.uint8).reshape(-1, 2)
        if minimum_at is not None:
            minimums = (scales * factor * ratio).astype("<f2")
            blocks[:, minimum_at : minimum_at + 2] = minimums.view(np.uint8).reshape(-1, 2)
        return gguf.quants.dequantize(blocks.reshape(values.shape[0], -1), kind)

    put(values.std() / put(0.01).std() * 0.01)
    return blocks.reshape(values.shape[0], -1)


def vocabulary(writer):
    """The beginning of the bundled model's own: its markers, the bytes, and the first merges."""
    tokenizer = json.loads(TOKENIZER.read_text())
    markers = {entry["id"]: entry["content"] for entry in tokenizer["added_tokens"]}
    by_id = {number: text for text, number in tokenizer["model"]["vocab"].items()} | markers
    texts = [by_id[number] for number in range(N_TOKENS)]
    known = set(texts)
    merges = []
    for pair in tokenizer["model"]["merges"]:
        left, right = pair if isinstance(pair, list) else pair.split(" ")
        if left + right in known:
            merges.append(f"{left} {right}")
    types = [gguf.TokenType.CONTROL if number in markers else gguf.TokenType.NORMAL for number in range(N_TOKENS)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(0)


def write(name, model, path, as_floats=False):
    random = np.random.default_rng(zlib.crc32(name.encode()))
    arch = model["arch"]
    heads, kv_heads, head = model.get("heads", 4), model.get("kv_heads", 2), model.get("head", 64)
    kind = model.get("kind", Type.F32)
    writer = gguf.GGUFWriter(str(path), arch)
    writer.add_name(name)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    if head * heads != HIDDEN:
        writer.add_key_length(head)
        writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(model.get("base", 10000.0))
    if "linear" in model:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(model["linear"])
    if model.get("layer_norms"):
        writer.add_layer_norm_eps(1e-5)
    else:
        writer.add_layer_norm_rms_eps(1e-6)
    factors = model.get("factor", {})
    if factors:
        writer.add_embedding_scale(factors["embedding"])
        writer.add_residual_scale(factors["residual"])
        writer.add_logit_scale(factors["logit"])
        writer.add_attention_scale(factors["attention"])
    vocabulary(writer)

    def matrix(tensor, rows, columns, spread):
        values = random.normal(0.0, spread, (rows, columns)).astype(np.float32)
        if kind == Type.F32:
            writer.add_tensor(tensor, values)
            return
        blocks = quantised(random, values, kind)
        if as_floats:
            writer.add_tensor(tensor, gguf.quants.dequantize(blocks, kind).astype(np.float32))
        else:
            writer.add_tensor(tensor, blocks, raw_dtype=kind)

    def vector(tensor, length, mean, spread):
        writer.add_tensor(tensor, random.normal(mean, spread, length).astype(np.float32))

    def linear(tensor, rows, columns, spread):
        matrix(f"{tensor}.weight", rows, columns, spread)
        if tensor.split(".")[-1] in model.get("biases", []):
            vector(f"{tensor}.bias", rows, 0.0, 0.5)

    def norm(tensor, length):
        vector(f"{tensor}.weight", length, 1.0, 0.2)
        if model.get("layer_norms"):
            vector(f"{tensor}.bias", length, 0.0, 0.3)

    # Hidden states of about 1 and logits of about 3.
    embedding_scale = factors.get("embedding", HIDDEN**0.5 if arch == "gemma" else 1.0)
    logit_spread = 3.0 * factors.get("logit", 1.0) / HIDDEN**0.5
    is_tied = model.get("tied", False)
    matrix("token_embd.weight", N_TOKENS, HIDDEN, logit_spread if is_tied else 1.0 / embedding_scale)
    if not is_tied:
        matrix("output.weight", N_TOKENS, HIDDEN, logit_spread)
    norm("output_norm", HIDDEN)
    if model.get("factors"):
        writer.add_tensor("rope_freqs.weight", np.geomspace(1.0, 8.0, head // 2).astype(np.float32))
    residual = 1.0 / factors.get("residual", 1.0)
    for layer in range(LAYERS):
        def of(part):
            return f"blk.{layer}.{part}"

        norm(of("attn_norm"), HIDDEN)
        norm(of("ffn_norm"), HIDDEN)
        if model.get("head_norms"):
            vector(of("attn_q_norm.weight"), head, 1.0, 0.2)
            vector(of("attn_k_norm.weight"), head, 1.0, 0.2)
        linear(of("attn_q"), heads * head, HIDDEN, 0.07)
        linear(of("attn_k"), kv_heads * head, HIDDEN, 0.07)
        linear(of("attn_v"), kv_heads * head, HIDDEN, 0.1)
        linear(of("attn_output"), HIDDEN, heads * head, 0.06 * residual)
        if model.get("gate", True):
            linear(of("ffn_gate"), INNER, HIDDEN, 0.1)
        linear(of("ffn_up"), INNER, HIDDEN, 0.1)
        linear(of("ffn_down"), HIDDEN, INNER, 0.05 * residual)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or MODELS:
        write(name, MODELS[name], folder / f"{name}.gguf")
        if "kind" in MODELS[name]:
            write(name, MODELS[name], folder / f"{name}.floats.gguf", as_floats=True)
        if name == "llama":
            write(name, MODELS[name] | {"arch": "qwen2"}, folder / f"{name}.halves.gguf")
        print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
