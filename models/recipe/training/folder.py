"""The model folder in the Hugging Face layout: weights as safetensors in 16-bit floats, `config.json`, tokenizer.

What is written here is the reference: the ONNX export is made from it, and further training can begin with it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from training.model import EPSILON, Shape, views

PLACES = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
END = "<|endoftext|>"


def stored_name(name: str) -> str:
    """The name in a Llama checkpoint of a matrix of ours."""
    if name == "embed":
        return "model.embed_tokens.weight"
    if name == "norm":
        return "model.norm.weight"
    _, index, part = name.split(".")
    return f"model.layers.{index}.{PLACES[part]}.weight"


def configuration(shape: Shape, end: int) -> dict:
    """Content of `config.json`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.positions,
        "rms_norm_eps": EPSILON,
        "rope_theta": shape.theta,
        "rope_scaling": None,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": end,
        "pad_token_id": end,
        "use_cache": True,
        "torch_dtype": "float16",
    }


def end_token(tokenizer: Path) -> int:
    """Id of the token that ends a text, from `tokenizer.json`."""
    added = json.loads(tokenizer.read_text(encoding="utf-8"))["added_tokens"]
    for token in added:
        if token["content"] == END:
            return token["id"]
    raise SystemExit(f"{tokenizer} has no token {END}. It is not the tokenizer of this recipe.")


def write(target: Path, shape: Shape, flat: torch.Tensor, tokenizer: Path) -> None:
    """Writes the folder. `tokenizer` is the folder with `tokenizer.json` and `tokenizer_config.json`."""
    target.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, matrix in views(flat, shape).items():
        tensors[stored_name(name)] = (matrix[0] if name == "norm" else matrix).half().clone()
    for index in range(shape.layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{index}.{norm}.weight"] = torch.ones(shape.width, dtype=torch.float16)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    end = end_token(tokenizer / "tokenizer.json")
    _json(target / "config.json", configuration(shape, end))
    _json(target / "generation_config.json", {"do_sample": False, "eos_token_id": end, "pad_token_id": end})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (tokenizer / name).resolve() != (target / name).resolve():
            shutil.copyfile(tokenizer / name, target / name)


def shape_of(config: dict) -> Shape:
    """The shape that the content of a `config.json` tells."""
    return Shape(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        feed_forward=config["intermediate_size"],
        head_width=config["head_dim"],
        theta=config["rope_theta"] if "rope_theta" in config else config["rope_parameters"]["rope_theta"],
        positions=config["max_position_embeddings"],
    )


def read(source: Path) -> tuple[Shape, torch.Tensor]:
    """Shape and flat fp32 weights of a folder that `write` made."""
    shape = shape_of(json.loads((source / "config.json").read_text()))
    tensors = load_file(source / "model.safetensors")
    flat = torch.empty(shape.count())
    for name, matrix in views(flat, shape).items():
        matrix.copy_(tensors[stored_name(name)].float().view(matrix.shape))
    for name, tensor in tensors.items():
        if name.endswith("layernorm.weight") and not bool((tensor == 1).all()):
            raise SystemExit(f"{name} in {source} is not all ones: these weights were not made by this recipe.")
    return shape, flat


def _json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
