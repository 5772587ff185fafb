//! A model that copies a tensor. Invariant: it needs no newer runtime than any other model here.

use super::{
    GRAPH_INPUT, GRAPH_NAME, GRAPH_NODE, GRAPH_OUTPUT, MODEL_GRAPH, MODEL_IR_VERSION, MODEL_OPSET,
    NODE_INPUT, NODE_OP_TYPE, NODE_OUTPUT, OPSET_VERSION, TENSOR_TYPE_ELEMENT, TYPE_TENSOR, VALUE_NAME,
    VALUE_TYPE,
};
use crate::wire::{put_bytes, put_number};

/// The oldest versions of the format and of its operators that do.
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;

/// A model whose output `y` is its input `x`, of any shape. `element` is the number of the type in the format
/// (`TensorProto.DataType`).
#[must_use]
pub fn identity_model(element: u64) -> Vec<u8> {
    let mut tensor = Vec::new();
    put_number(&mut tensor, TENSOR_TYPE_ELEMENT, element);
    let mut kind = Vec::new();
    put_bytes(&mut kind, TYPE_TENSOR, &tensor);
    let mut node = Vec::new();
    put_bytes(&mut node, NODE_INPUT, b"x");
    put_bytes(&mut node, NODE_OUTPUT, b"y");
    put_bytes(&mut node, NODE_OP_TYPE, b"Identity");
    let mut graph = Vec::new();
    put_bytes(&mut graph, GRAPH_NODE, &node);
    put_bytes(&mut graph, GRAPH_NAME, b"copy");
    for (field, name) in [(GRAPH_INPUT, b"x"), (GRAPH_OUTPUT, b"y")] {
        let mut value = Vec::new();
        put_bytes(&mut value, VALUE_NAME, name);
        put_bytes(&mut value, VALUE_TYPE, &kind);
        put_bytes(&mut graph, field, &value);
    }
    let mut opset = Vec::new();
    put_number(&mut opset, OPSET_VERSION, OPSET);
    let mut model = Vec::new();
    put_number(&mut model, MODEL_IR_VERSION, IR_VERSION);
    put_bytes(&mut model, MODEL_GRAPH, &graph);
    put_bytes(&mut model, MODEL_OPSET, &opset);
    model
}
