//! A graph of ONNX as names: which node makes a value, what a node reads, what is constant. Invariant: everything is borrowed
//! from the file, and weights are skipped, not read.
//!
//! Source of the field numbers: onnx.proto of the ONNX project.

use std::collections::{HashMap, HashSet};

use crate::error::EditError;
use crate::wire::{Field, fields, text};

/// Fields of `GraphProto`.
pub(super) const NODE: u64 = 1;
pub(super) const INITIALIZER: u64 = 5;
pub(super) const INPUT: u64 = 11;
pub(super) const OUTPUT: u64 = 12;
pub(super) const VALUE_INFO: u64 = 13;
const SPARSE_INITIALIZER: u64 = 15;
/// Fields of `NodeProto`.
pub(super) const NODE_INPUT: u64 = 1;
pub(super) const NODE_OUTPUT: u64 = 2;
pub(super) const NODE_NAME: u64 = 3;
pub(super) const NODE_OP_TYPE: u64 = 4;
pub(super) const NODE_ATTRIBUTE: u64 = 5;
const NODE_DOMAIN: u64 = 7;
/// Fields of `TensorProto`.
pub(super) const TENSOR_DIMS: u64 = 1;
pub(super) const TENSOR_DATA_TYPE: u64 = 2;
pub(super) const TENSOR_NAME: u64 = 8;
pub(super) const TENSOR_RAW_DATA: u64 = 9;
pub(super) const TENSOR_DATA_LOCATION: u64 = 14;
/// The first field of `ValueInfoProto`, its name, and of `SparseTensorProto`, its values.
pub(super) const VALUE_NAME: u64 = 1;
const SPARSE_VALUES: u64 = 1;

/// One node.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Its place among the fields of the graph.
    pub(super) field: usize,
    pub(super) name: &'a str,
    pub(super) op_type: &'a str,
    /// Empty for the operators of ONNX itself.
    pub(super) domain: &'a str,
    /// Names; empty where an optional input is left out.
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
}

impl Node<'_> {
    /// The operator, for people.
    pub(super) fn describe(&self) -> String {
        let domain = if self.domain.is_empty() { String::new() } else { format!("{}.", self.domain) };
        format!("{domain}{} (node {:?})", self.op_type, self.name)
    }
}

/// One graph.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) nodes: Vec<Node<'a>>,
    /// The inputs, also those that are initializers.
    pub(super) inputs: HashSet<&'a str>,
    pub(super) outputs: HashSet<&'a str>,
    initializers: HashSet<&'a str>,
    /// The node that makes a value.
    producers: HashMap<&'a str, usize>,
}

impl<'a> Graph<'a> {
    /// Reads a `GraphProto`.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, EditError> {
        let mut graph = Self {
            fields: fields(message)?,
            nodes: Vec::new(),
            inputs: HashSet::new(),
            outputs: HashSet::new(),
            initializers: HashSet::new(),
            producers: HashMap::new(),
        };
        for (index, field) in graph.fields.iter().enumerate() {
            if let Some(bytes) = field.bytes_of(NODE) {
                let node = read_node(bytes, index)?;
                let made = node.outputs.iter().filter(|name| !name.is_empty());
                graph.producers.extend(made.map(|name| (*name, graph.nodes.len())));
                graph.nodes.push(node);
            } else if let Some(bytes) = field.bytes_of(INITIALIZER) {
                graph.initializers.insert(name_in(bytes, TENSOR_NAME)?);
            } else if let Some(bytes) = field.bytes_of(SPARSE_INITIALIZER) {
                for values in fields(bytes)?.iter().filter_map(|field| field.bytes_of(SPARSE_VALUES)) {
                    graph.initializers.insert(name_in(values, TENSOR_NAME)?);
                }
            } else if let Some(bytes) = field.bytes_of(INPUT) {
                graph.inputs.insert(name_in(bytes, VALUE_NAME)?);
            } else if let Some(bytes) = field.bytes_of(OUTPUT) {
                graph.outputs.insert(name_in(bytes, VALUE_NAME)?);
            }
        }
        Ok(graph)
    }

    /// The node that makes a value.
    pub(super) fn producer(&self, value: &str) -> Option<usize> {
        self.producers.get(value).copied()
    }

    /// How many inputs of nodes read a value.
    pub(super) fn n_readers(&self, value: &str) -> usize {
        self.nodes.iter().flat_map(|node| &node.inputs).filter(|input| **input == value).count()
    }

    /// Whether any value has a name that starts so.
    pub(super) fn has_name_starting(&self, prefix: &str) -> bool {
        let given = self.inputs.iter().chain(&self.initializers);
        given.chain(self.producers.keys()).any(|name| name.starts_with(prefix))
    }

    /// Whether a value follows from initializers alone, or from them and the values of which `is_free` holds.
    pub(super) fn is_constant(&self, value: &str, is_free: &dyn Fn(&str) -> bool) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            if value.is_empty() || self.initializers.contains(value) || is_free(value) || !seen.insert(value)
            {
                continue;
            }
            let Some(node) = self.producer(value).map(|index| &self.nodes[index]) else { return false };
            // Their bodies may read any value of the graph.
            if matches!(node.op_type, "If" | "Loop" | "Scan") {
                return false;
            }
            open.extend(&node.inputs);
        }
        true
    }
}

fn read_node(message: &[u8], field: usize) -> Result<Node<'_>, EditError> {
    let mut node = Node { field, name: "", op_type: "", domain: "", inputs: Vec::new(), outputs: Vec::new() };
    for field in fields(message)? {
        if let Some(bytes) = field.bytes_of(NODE_INPUT) {
            node.inputs.push(text(bytes)?);
        } else if let Some(bytes) = field.bytes_of(NODE_OUTPUT) {
            node.outputs.push(text(bytes)?);
        } else if let Some(bytes) = field.bytes_of(NODE_NAME) {
            node.name = text(bytes)?;
        } else if let Some(bytes) = field.bytes_of(NODE_OP_TYPE) {
            node.op_type = text(bytes)?;
        } else if let Some(bytes) = field.bytes_of(NODE_DOMAIN) {
            node.domain = domain_of(text(bytes)?);
        }
    }
    Ok(node)
}

/// The one name of a domain: that of ONNX itself has two.
pub(super) fn domain_of(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// The text in a field of a message; empty if it is not there.
pub(super) fn name_in(message: &[u8], number: u64) -> Result<&str, EditError> {
    let found = fields(message)?.iter().find_map(|field| field.bytes_of(number));
    found.map_or(Ok(""), text)
}
