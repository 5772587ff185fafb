//! Writing ONNX models. Contents: nodes, attributes, tensors and the model around them ([`ModelBuilder`]), and the file that
//! holds the weights ([`DataFile`]). Invariant: weights go to their file as they come, so that no more than one piece of one
//! tensor is in memory; the model itself stays small.
//!
//! Source of the field numbers: onnx.proto of the ONNX project.

mod data_file;
mod identity;

pub(crate) use data_file::{DataFile, Region};
pub use identity::identity_model;

use crate::wire::{put_bytes, put_number};

/// Fields of `ModelProto` and `OperatorSetIdProto`.
const MODEL_IR_VERSION: u64 = 1;
const MODEL_PRODUCER: u64 = 2;
const MODEL_GRAPH: u64 = 7;
const MODEL_OPSET: u64 = 8;
const OPSET_DOMAIN: u64 = 1;
const OPSET_VERSION: u64 = 2;
/// Fields of `GraphProto`.
const GRAPH_NODE: u64 = 1;
const GRAPH_NAME: u64 = 2;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
/// Fields of `NodeProto`.
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
const NODE_OP_TYPE: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const NODE_DOMAIN: u64 = 7;
/// Fields of `AttributeProto`, and the numbers of its types.
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_FLOAT: u64 = 2;
const ATTRIBUTE_INT: u64 = 3;
const ATTRIBUTE_TYPE: u64 = 20;
const TYPE_FLOAT: u64 = 1;
const TYPE_INT: u64 = 2;
/// Fields of `TensorProto`, and of the entries that say where external data are.
const TENSOR_DIMS: u64 = 1;
const TENSOR_DATA_TYPE: u64 = 2;
const TENSOR_NAME: u64 = 8;
const TENSOR_RAW_DATA: u64 = 9;
const TENSOR_EXTERNAL_DATA: u64 = 13;
const TENSOR_DATA_LOCATION: u64 = 14;
const IN_FILE: u64 = 1;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;
/// Fields of `ValueInfoProto` and what is in it.
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_TYPE_ELEMENT: u64 = 1;
const TENSOR_TYPE_SHAPE: u64 = 2;
const SHAPE_DIMENSION: u64 = 1;
const DIMENSION_VALUE: u64 = 1;
const DIMENSION_NAME: u64 = 2;

/// The version of the format, and of the two sets of operators, that are written.
const IR_VERSION: u64 = 10;
const OPSET: u64 = 21;
/// Operators beyond the standard that ONNX Runtime has.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// Types of numbers in tensors, with their numbers in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32 = 1,
    U8 = 2,
    I32 = 6,
    I64 = 7,
}

/// A dimension of an input or an output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dimension<'a> {
    Fixed(u64),
    Named(&'a str),
}

/// An attribute of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute {
    Int(i64),
    Float(f32),
}

/// A model under construction. Nodes must be added in an order in which each reads only what was made before.
pub(crate) struct ModelBuilder {
    nodes: Vec<u8>,
    initializers: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    /// Domains of operators beyond the standard.
    domains: Vec<&'static str>,
    data_file: String,
}

impl ModelBuilder {
    /// A model whose weights are in a file of this name beside it.
    pub(crate) fn new(data_file: &str) -> Self {
        Self {
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            domains: Vec::new(),
            data_file: data_file.to_owned(),
        }
    }

    /// Adds an input.
    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Dimension<'_>]) {
        put_bytes(&mut self.inputs, GRAPH_INPUT, &value_info(name, element, shape));
    }

    /// Adds an output.
    pub(crate) fn output(&mut self, name: &str, element: Element, shape: &[Dimension<'_>]) {
        put_bytes(&mut self.outputs, GRAPH_OUTPUT, &value_info(name, element, shape));
    }

    /// Adds a node. Its name is that of its first output; an empty name among the inputs or outputs leaves that one out.
    pub(crate) fn node(
        &mut self,
        (domain, op_type): (&'static str, &str),
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) {
        let mut message = Vec::new();
        for input in inputs {
            put_bytes(&mut message, NODE_INPUT, input.as_bytes());
        }
        for output in outputs {
            put_bytes(&mut message, NODE_OUTPUT, output.as_bytes());
        }
        put_bytes(&mut message, NODE_NAME, outputs.first().unwrap_or(&"").as_bytes());
        put_bytes(&mut message, NODE_OP_TYPE, op_type.as_bytes());
        for (name, attribute) in attributes {
            put_bytes(&mut message, NODE_ATTRIBUTE, &attribute_message(name, *attribute));
        }
        if !domain.is_empty() {
            put_bytes(&mut message, NODE_DOMAIN, domain.as_bytes());
            if !self.domains.contains(&domain) {
                self.domains.push(domain);
            }
        }
        put_bytes(&mut self.nodes, GRAPH_NODE, &message);
    }

    /// Adds a tensor whose numbers are in the data file.
    pub(crate) fn weights(&mut self, name: &str, element: Element, shape: &[u64], region: Region) {
        let mut message = tensor_head(name, element, shape);
        for (key, value) in [
            ("location", self.data_file.clone()),
            ("offset", region.offset.to_string()),
            ("length", region.length.to_string()),
        ] {
            let mut entry = Vec::new();
            put_bytes(&mut entry, ENTRY_KEY, key.as_bytes());
            put_bytes(&mut entry, ENTRY_VALUE, value.as_bytes());
            put_bytes(&mut message, TENSOR_EXTERNAL_DATA, &entry);
        }
        put_number(&mut message, TENSOR_DATA_LOCATION, IN_FILE);
        put_bytes(&mut self.initializers, GRAPH_INITIALIZER, &message);
    }

    /// Adds a small tensor of whole numbers, which is in the model itself.
    pub(crate) fn constant(&mut self, name: &str, shape: &[u64], values: &[i64]) {
        let mut message = tensor_head(name, Element::I64, shape);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        put_bytes(&mut message, TENSOR_RAW_DATA, &bytes);
        put_bytes(&mut self.initializers, GRAPH_INITIALIZER, &message);
    }

    /// Adds a number, which is in the model itself.
    pub(crate) fn scalar(&mut self, name: &str, value: f32) {
        let mut message = tensor_head(name, Element::F32, &[]);
        put_bytes(&mut message, TENSOR_RAW_DATA, &value.to_le_bytes());
        put_bytes(&mut self.initializers, GRAPH_INITIALIZER, &message);
    }

    /// The content of the model's file.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut graph = self.nodes;
        put_bytes(&mut graph, GRAPH_NAME, b"fimble");
        graph.extend_from_slice(&self.initializers);
        graph.extend_from_slice(&self.inputs);
        graph.extend_from_slice(&self.outputs);
        let mut model = Vec::with_capacity(graph.len() + 64);
        put_number(&mut model, MODEL_IR_VERSION, IR_VERSION);
        put_bytes(&mut model, MODEL_PRODUCER, b"fimble");
        put_bytes(&mut model, MODEL_GRAPH, &graph);
        for (domain, version) in
            [("", OPSET)].into_iter().chain(self.domains.iter().map(|domain| (*domain, 1)))
        {
            let mut opset = Vec::new();
            put_bytes(&mut opset, OPSET_DOMAIN, domain.as_bytes());
            put_number(&mut opset, OPSET_VERSION, version);
            put_bytes(&mut model, MODEL_OPSET, &opset);
        }
        model
    }
}

fn tensor_head(name: &str, element: Element, shape: &[u64]) -> Vec<u8> {
    let mut message = Vec::new();
    for dimension in shape {
        put_number(&mut message, TENSOR_DIMS, *dimension);
    }
    put_number(&mut message, TENSOR_DATA_TYPE, element as u64);
    put_bytes(&mut message, TENSOR_NAME, name.as_bytes());
    message
}

fn value_info(name: &str, element: Element, shape: &[Dimension<'_>]) -> Vec<u8> {
    let mut dimensions = Vec::new();
    for dimension in shape {
        let mut message = Vec::new();
        match dimension {
            Dimension::Fixed(value) => put_number(&mut message, DIMENSION_VALUE, *value),
            Dimension::Named(name) => put_bytes(&mut message, DIMENSION_NAME, name.as_bytes()),
        }
        put_bytes(&mut dimensions, SHAPE_DIMENSION, &message);
    }
    let mut tensor = Vec::new();
    put_number(&mut tensor, TENSOR_TYPE_ELEMENT, element as u64);
    put_bytes(&mut tensor, TENSOR_TYPE_SHAPE, &dimensions);
    let mut kind = Vec::new();
    put_bytes(&mut kind, TYPE_TENSOR, &tensor);
    let mut message = Vec::new();
    put_bytes(&mut message, VALUE_NAME, name.as_bytes());
    put_bytes(&mut message, VALUE_TYPE, &kind);
    message
}

fn attribute_message(name: &str, attribute: Attribute) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, ATTRIBUTE_NAME, name.as_bytes());
    let kind = match attribute {
        Attribute::Int(value) => {
            put_number(&mut message, ATTRIBUTE_INT, value as u64);
            TYPE_INT
        }
        Attribute::Float(value) => {
            put_float(&mut message, ATTRIBUTE_FLOAT, value);
            TYPE_FLOAT
        }
    };
    put_number(&mut message, ATTRIBUTE_TYPE, kind);
    message
}

/// Writes a field that holds a 32-bit float.
fn put_float(message: &mut Vec<u8>, number: u64, value: f32) {
    // Field numbers of floats are below 16 here, so that the key is one byte.
    message.push((number << 3 | 5) as u8);
    message.extend_from_slice(&value.to_le_bytes());
}
