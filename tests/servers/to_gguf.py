"""Makes the GGUF file that llama.cpp reads from a folder with config.json, tokenizer.json and *.safetensors.

    to_gguf.py FOLDER FILE.gguf

Invariant: weights are written in 32 bits, so that answers can be compared with those of other engines; what this does not
know (another architecture, another pre-tokeniser) is named, and for the pre-tokeniser the nearest is taken.
"""

import json
import re
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

QWEN2_SPLIT = re.compile(r"\(\?i:'s\|'t")


def tensors(folder):
    """Every tensor of the folder in 32 bits."""
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, end = entry["data_offsets"]
            raw = data[8 + length + start : 8 + length + end]
            if entry["dtype"] == "BF16":
                values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            elif entry["dtype"] == "F16":
                values = np.frombuffer(raw, "<f2").astype(np.float32)
            elif entry["dtype"] == "F32":
                values = np.frombuffer(raw, "<f4")
            else:
                sys.exit(f"{path.name}: {name} has the type {entry['dtype']}, which this script does not know")
            yield name, values.reshape(entry["shape"])


def rotated(weights, heads):
    """llama.cpp turns neighbours, where these weights turn halves."""
    rows = weights.shape[0]
    halves = weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def place(name):
    """The name of a tensor in a GGUF file."""
    fixed = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in fixed:
        return fixed[name]
    found = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    parts = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    if not found or found[2] not in parts:
        sys.exit(f"the tensor {name} is not known to this script")
    return f"blk.{found[1]}.{parts[found[2]]}.{found[3]}"


def main(folder, file):
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    kind = config["model_type"]
    if kind not in ("llama", "qwen2"):
        sys.exit(f"the architecture {kind} is not known to this script")
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    writer = gguf.GGUFWriter(str(file), kind)
    writer.add_name("fimble")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    rope = config.get("rope_parameters") or {}
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])

    special = {entry["id"]: entry for entry in tokenizer["added_tokens"]}
    by_id = {number: text for text, number in tokenizer["model"]["vocab"].items()}
    texts, types = [], []
    for number in range(config["vocab_size"]):
        if number in special:
            texts.append(special[number]["content"])
            types.append(gguf.TokenType.CONTROL)
        elif number in by_id:
            texts.append(by_id[number])
            types.append(gguf.TokenType.NORMAL)
        else:
            texts.append(f"[PAD{number}]")
            types.append(gguf.TokenType.UNUSED)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokenizer["model"]["merges"]]
    split = json.dumps(tokenizer.get("pre_tokenizer"))
    is_qwen = bool(QWEN2_SPLIT.search(split))
    if not is_qwen:
        print("the pre-tokeniser is not Qwen2's: answers can differ from those of other engines", file=sys.stderr)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if is_qwen else "default")
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    number_of = {entry["content"]: entry["id"] for entry in tokenizer["added_tokens"]}
    ends = config["eos_token_id"]
    writer.add_eos_token_id(ends[0] if isinstance(ends, list) else ends)
    for text, add in (
        ("<|fim_prefix|>", writer.add_fim_pre_token_id if hasattr(writer, "add_fim_pre_token_id") else None),
        ("<|fim_suffix|>", writer.add_fim_suf_token_id if hasattr(writer, "add_fim_suf_token_id") else None),
        ("<|fim_middle|>", writer.add_fim_mid_token_id if hasattr(writer, "add_fim_mid_token_id") else None),
    ):
        if add and text in number_of:
            add(number_of[text])

    settings = folder / "tokenizer_config.json"
    template = json.loads(settings.read_text()).get("chat_template") if settings.is_file() else None
    if template:
        writer.add_chat_template(template)

    for name, values in tensors(folder):
        if kind == "llama" and name.endswith("q_proj.weight"):
            values = rotated(values, heads)
        if kind == "llama" and name.endswith("k_proj.weight"):
            values = rotated(values, kv_heads)
        if name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        writer.add_tensor(place(name), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
