"""Writes a checkpoint as a model folder: safetensors in the Hugging Face layout and ONNX in that of onnxruntime-genai.

`python -m export.convert --checkpoint RUN/checkpoint.pt --tokenizer FOLDER --out FOLDER [--body 8] [--output 8]`

If the training reached its end, the last weights or their average are exported, whichever validated better. Both files are
in one folder and have the same tokenizer. This file writes the graph node by node, with the operators that
onnxruntime-genai uses. The graph computes logits for the last `num_logits_to_keep` positions, an optional input; all by
default.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError:  # Where only safetensors are written.
    onnx = None

from export.blocks import BLOCK, packed, quantise
from training import folder
from training.model import EPSILON, Shape, views
from training.settings import differences

CONTRIB = "com.microsoft"
BEFORE_ALL = -(2**31 - 1)
FLOAT = 32
PAST, PRESENT = "past_key_values.{}.{}", "present.{}.{}"


class Graph:
    """Collects nodes and weights."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str] | str, domain: str = "", **attributes) -> str:
        outputs = [outputs] if isinstance(outputs, str) else outputs
        name = "/" + outputs[0].replace(".", "/")
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs[0]

    def product(self, x: str, matrix: np.ndarray, name: str, bits: int) -> str:
        """`x` times the transposed matrix."""
        if bits == FLOAT:
            return self.node("MatMul", [x, self.constant(f"{name}.weight", matrix.T)], name)
        numbers, scales = quantise(matrix, bits)
        inputs = [x, self.constant(f"{name}.weight", packed(numbers, bits)), self.constant(f"{name}.scales", scales)]
        return self.quantised(inputs, name, matrix.shape, bits)

    def quantised(self, inputs: list[str], name: str, size: tuple[int, int], bits: int) -> str:
        rows, columns = size
        settings = {"K": columns, "N": rows, "bits": bits, "block_size": BLOCK, "accuracy_level": 4}
        return self.node("MatMulNBits", inputs, name, CONTRIB, **settings)

    def norm(self, inputs: list[str], outputs: list[str]) -> str:
        kind, domain = ("SkipSimplifiedLayerNormalization", CONTRIB)
        if len(inputs) == 2:
            return self.node("SimplifiedLayerNormalization", inputs, outputs, axis=-1, epsilon=EPSILON, stash_type=1)
        return self.node(kind, inputs, outputs, domain, epsilon=EPSILON)


def lengths(graph: Graph) -> tuple[str, str]:
    """What attention asks for, from the mask: the last position of the sequence, and its length."""
    ones = graph.constant("one", np.array([1], np.int64))
    total = graph.node("ReduceSum", ["attention_mask", ones], "mask.sum", keepdims=1)
    before = graph.node("Sub", [total, ones], "mask.last")
    last = graph.node("Cast", [before], "seqlens_k", to=TensorProto.INT32)
    shape = graph.node("Shape", ["attention_mask"], "mask.shape")
    length = graph.node("Gather", [shape, graph.constant("second", np.array(1, np.int64))], "mask.length", axis=0)
    return last, graph.node("Cast", [length], "total_sequence_length", to=TensorProto.INT32)


def embedding(graph: Graph, matrix: np.ndarray, bits: int) -> list[str]:
    """Looks the tokens up, and returns the weights that the output layer shares."""
    if bits == FLOAT:
        graph.node("Gather", [graph.constant("embed.weight", matrix), "input_ids"], "hidden", axis=0)
        return []
    numbers, scales = quantise(matrix, bits)
    stored = packed(numbers, bits)
    weight, scale = graph.constant("embed.weight", stored), graph.constant("embed.scales", scales)
    flat = graph.node("Reshape", [weight, graph.constant("flat", np.array([matrix.shape[0], -1]))], "embed.flat")
    settings = {"bits": bits, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
    graph.node("GatherBlockQuantized", [flat, "input_ids", scale], "hidden", CONTRIB, **settings)
    return [weight, scale]


def kept(graph: Graph, x: str) -> str:
    """The last `num_logits_to_keep` positions of `x`; all of them for 0."""
    count = graph.constant("num_logits_to_keep", np.array(0, np.int64))
    none = graph.node("Equal", [count, graph.constant("zero", np.array(0, np.int64))], "keep.all")
    back = graph.node("Neg", [count], "keep.back")
    start = graph.node("Where", [none, graph.constant("before_all", np.array(BEFORE_ALL, np.int64)), back], "keep.from")
    start = graph.node("Reshape", [start, graph.constant("as_list", np.array([1], np.int64))], "keep.start")
    end = graph.constant("after_all", np.array([2**31 - 1], np.int64))
    return graph.node("Slice", [x, start, end, "second_axis"], "kept")


def build(shape: Shape, flat: torch.Tensor, body: int, output: int) -> onnx.ModelProto:
    """The whole model; `body` and `output` are bits: 4, 8 or 32. The embedding is that of the output layer."""
    graph, named = Graph(), {name: matrix.numpy() for name, matrix in views(flat, shape).items()}
    graph.constant("second_axis", np.array([1], np.int64))
    last, total = lengths(graph)
    shared = embedding(graph, named["embed"], output)
    angle = np.arange(shape.positions)[:, None] / shape.theta ** (np.arange(shape.head_width // 2) / (shape.head_width // 2))
    cosine = graph.constant("cos_cache", np.cos(angle).astype(np.float32))
    sine = graph.constant("sin_cache", np.sin(angle).astype(np.float32))
    ones = graph.constant("ones", np.ones(shape.width, np.float32))
    residual, added = "hidden", None
    for index in range(shape.layers):
        name = f"layers.{index}"
        part = lambda *kinds: np.concatenate([named[f"{name}.{kind}"] for kind in kinds])  # noqa: B023, E731
        first = f"{name}.input_norm"
        if added is None:
            graph.norm([residual, ones], [first])
        else:
            graph.norm([residual, added, ones], [first, "", "", f"{name}.input"])
            residual = f"{name}.input"
        mixed = graph.product(first, part("query", "key", "value"), f"{name}.qkv", body)
        attention = [mixed, "", "", PAST.format(index, "key"), PAST.format(index, "value"), last, total, cosine, sine]
        outputs = [f"{name}.seen", PRESENT.format(index, "key"), PRESENT.format(index, "value")]
        settings = {"num_heads": shape.heads, "kv_num_heads": shape.kv_heads, "do_rotary": 1, "rotary_interleaved": 0}
        settings["scale"] = shape.head_width**-0.5
        graph.node("GroupQueryAttention", attention, outputs, CONTRIB, **settings)
        added = graph.product(f"{name}.seen", part("out"), f"{name}.out", body)
        second = f"{name}.middle_norm"
        graph.norm([residual, added, ones], [second, "", "", f"{name}.middle"])
        residual = f"{name}.middle"
        gate = graph.product(second, part("gate"), f"{name}.gate", body)
        up = graph.product(second, part("up"), f"{name}.up", body)
        bent = graph.node("Mul", [gate, graph.node("Sigmoid", [gate], f"{name}.sigmoid")], f"{name}.silu")
        added = graph.product(graph.node("Mul", [bent, up], f"{name}.bent"), part("down"), f"{name}.down", body)
    graph.norm([residual, added, graph.constant("norm.weight", named["norm"][0])], ["state"])
    state = kept(graph, "state")
    if output == FLOAT:
        spread = graph.node("Transpose", ["embed.weight"], "embed.turned", perm=[1, 0])
        graph.node("MatMul", [state, spread], "logits")
    else:
        graph.quantised([state, *shared], "logits", named["embed"].shape, output)
    return model_of(graph, shape)


def model_of(graph: Graph, shape: Shape) -> onnx.ModelProto:
    def value(name: str, kind: int, dimensions: list) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, dimensions)

    inputs = [
        value("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"]),
        value("attention_mask", TensorProto.INT64, ["batch_size", "total_sequence_length"]),
    ]
    outputs = [value("logits", TensorProto.FLOAT, ["batch_size", "logits_length", shape.vocabulary])]
    for index in range(shape.layers):
        for kind in ("key", "value"):
            sizes = ["batch_size", shape.kv_heads, "past_sequence_length", shape.head_width]
            inputs.append(value(PAST.format(index, kind), TensorProto.FLOAT, sizes))
            sizes = ["batch_size", shape.kv_heads, "total_sequence_length", shape.head_width]
            outputs.append(value(PRESENT.format(index, kind), TensorProto.FLOAT, sizes))
    inputs.append(value("num_logits_to_keep", TensorProto.INT64, []))
    made = helper.make_graph(graph.nodes, "decoder", inputs, outputs, graph.weights)
    imports = [helper.make_opsetid("", 21), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(made, opset_imports=imports, ir_version=10, producer_name="recipe")


def genai_config(shape: Shape, end: int) -> dict:
    return {
        "model": {
            "bos_token_id": end,
            "context_length": shape.positions,
            "decoder": {
                "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
                "filename": "model.onnx",
                "head_size": shape.head_width,
                "hidden_size": shape.width,
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": PAST.format("%d", "key"),
                    "past_value_names": PAST.format("%d", "value"),
                },
                "outputs": {
                    "logits": "logits",
                    "present_key_names": PRESENT.format("%d", "key"),
                    "present_value_names": PRESENT.format("%d", "value"),
                },
                "num_attention_heads": shape.heads,
                "num_hidden_layers": shape.layers,
                "num_key_value_heads": shape.kv_heads,
            },
            "eos_token_id": end,
            "pad_token_id": end,
            "type": "llama",
            "vocab_size": shape.vocabulary,
        },
        "search": {"do_sample": False, "max_length": shape.positions, "min_length": 0, "num_beams": 1,
                   "past_present_share_buffer": True, "repetition_penalty": 1.0, "temperature": 1.0, "top_k": 1,
                   "top_p": 1.0},
    }  # fmt: skip


def write_onnx(source: Path, target: Path, body: int, output: int) -> None:
    """The ONNX files of a folder with safetensors; the weights lie in `model.onnx.data`."""
    if onnx is None:
        raise SystemExit("The Python package onnx is missing. Install requirements.txt, or write with --no-onnx.")
    shape, flat = folder.read(source)
    model = build(shape, flat, body, output)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx.data").unlink(missing_ok=True)
    onnx.save_model(
        model, target / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=1024
    )
    end = folder.end_token(source / "tokenizer.json")
    (target / "genai_config.json").write_text(json.dumps(genai_config(shape, end), indent=4) + "\n")


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--checkpoint", type=Path, help="without it, only the ONNX files of --out are written anew")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--blend", type=Path, help="a model folder, as a rule the one the training began from, to mix in")
    parser.add_argument("--share", type=float, default=0.2, help="its share of every weight, 0 to 1")
    parser.add_argument("--body", type=int, choices=(4, 8, FLOAT), default=8, help="bits of the layers")
    parser.add_argument("--output", type=int, choices=(4, 8, FLOAT), default=8, help="bits of embedding and output layer")
    parser.add_argument("--no-onnx", action="store_true", help="safetensors and tokenizer only")
    options = parser.parse_args(given)
    if options.checkpoint is not None:
        if options.tokenizer is None:
            raise SystemExit("Name the folder of the tokenizer: --tokenizer.")
        found = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
        shape = Shape(**found["state"]["config"]["shape"])
        flat = found[found["state"].get("better", "weights")]
        if options.blend is not None:
            other, weights = folder.read(options.blend)
            differs = differences(other.as_dict(), shape.as_dict())
            if differs:
                raise SystemExit(f"The weights in {options.blend} are of another shape: " + "; ".join(differs))
            flat = flat.lerp(weights, options.share)
        folder.write(options.out, shape, flat, options.tokenizer)
    if not options.no_onnx:
        write_onnx(options.out, options.out, options.body, options.output)


if __name__ == "__main__":
    main()
