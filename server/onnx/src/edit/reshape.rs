//! Weights that a graph reads in two shapes. Invariant: the second name means the same bytes of the same file; a graph that is
//! not understood as a whole is not changed.
//!
//! Models whose embedding and output layer are one matrix store it once, and reshape it for one of the two. The runtime does that
//! when it loads, and holds the result beside the original: for the largest matrix of the model. Two names for the same bytes of
//! the file cost nothing.

use super::graph::{
    Graph, INITIALIZER, NODE, NODE_ATTRIBUTE, Node, TENSOR_DATA_LOCATION, TENSOR_DATA_TYPE, TENSOR_DIMS,
    TENSOR_NAME, TENSOR_RAW_DATA, name_in,
};
use super::{DATA_IN_FILE, INT64};
use crate::error::EditError;
use crate::wire::{Field, fields, put_bytes, put_number};

/// Field of `AttributeProto` that holds a tensor.
const ATTRIBUTE_TENSOR: u64 = 5;

/// The graph with names instead of reshapes, if it has any that can be replaced.
pub(super) fn with_names_for_reshapes(graph: &Graph<'_>) -> Result<Option<Vec<u8>>, EditError> {
    let mut replaced = Vec::new();
    for node in &graph.nodes {
        if let Some(tensor) = named_anew(graph, node)? {
            replaced.push((node.field, tensor));
        }
    }
    if replaced.is_empty() {
        return Ok(None);
    }
    let mut edited = Vec::new();
    for (index, field) in graph.fields.iter().enumerate() {
        if !replaced.iter().any(|(node, _)| *node == index) {
            edited.extend_from_slice(field.raw);
        }
    }
    for (_, tensor) in &replaced {
        put_bytes(&mut edited, INITIALIZER, tensor);
    }
    Ok(Some(edited))
}

/// The output of a node as an initializer; nothing if it is no reshape of weights that are in a file of their own.
fn named_anew(graph: &Graph<'_>, node: &Node<'_>) -> Result<Option<Vec<u8>>, EditError> {
    let ("", "Reshape", [weights, shape], [output]) =
        (node.domain, node.op_type, &node.inputs[..], &node.outputs[..])
    else {
        return Ok(None);
    };
    // An attribute could give zeros in the shape another meaning.
    let has_attribute = |field: &Field<'_>| {
        fields(message_of(field, NODE)).map(|fields| fields.iter().any(|f| f.number == NODE_ATTRIBUTE))
    };
    if graph.inputs.contains(weights)
        || graph.outputs.contains(output)
        || has_attribute(&graph.fields[node.field])?
    {
        return Ok(None);
    }
    let (Some(tensor), Some(shape)) = (initializer(graph, weights)?, constant(graph, shape)?) else {
        return Ok(None);
    };
    let tensor = fields(tensor)?;
    let is_in_file = tensor.iter().any(|field| field.number_of(TENSOR_DATA_LOCATION) == Some(DATA_IN_FILE));
    let Some(dimensions) = whole_numbers(shape)? else { return Ok(None) };
    let product = |numbers: &[u64]| numbers.iter().try_fold(1_u64, |all, number| all.checked_mul(*number));
    let stored: Vec<_> = tensor.iter().filter_map(|field| field.number_of(TENSOR_DIMS)).collect();
    // Zeros and negative numbers, which mean the dimensions of the weights, are left to the runtime.
    if !is_in_file || dimensions.contains(&0) || product(&dimensions) != product(&stored) {
        return Ok(None);
    }
    let mut message = Vec::new();
    for dimension in dimensions {
        put_number(&mut message, TENSOR_DIMS, dimension);
    }
    put_bytes(&mut message, TENSOR_NAME, output.as_bytes());
    for field in tensor.iter().filter(|field| ![TENSOR_DIMS, TENSOR_NAME].contains(&field.number)) {
        message.extend_from_slice(field.raw);
    }
    Ok(Some(message))
}

fn message_of<'a>(field: &Field<'a>, number: u64) -> &'a [u8] {
    field.bytes_of(number).unwrap_or_default()
}

fn initializer<'a>(graph: &Graph<'a>, name: &str) -> Result<Option<&'a [u8]>, EditError> {
    for tensor in graph.fields.iter().filter_map(|field| field.bytes_of(INITIALIZER)) {
        if name_in(tensor, TENSOR_NAME)? == name {
            return Ok(Some(tensor));
        }
    }
    Ok(None)
}

/// The tensor that a value always is.
fn constant<'a>(graph: &Graph<'a>, name: &str) -> Result<Option<&'a [u8]>, EditError> {
    let Some(node) = graph.producer(name).map(|index| &graph.nodes[index]) else {
        return if graph.inputs.contains(name) { Ok(None) } else { initializer(graph, name) };
    };
    if (node.domain, node.op_type) != ("", "Constant") {
        return Ok(None);
    }
    for attribute in fields(message_of(&graph.fields[node.field], NODE))? {
        for value in fields(message_of(&attribute, NODE_ATTRIBUTE))? {
            if let Some(tensor) = value.bytes_of(ATTRIBUTE_TENSOR) {
                return Ok(Some(tensor));
            }
        }
    }
    Ok(None)
}

/// The numbers of a tensor of INT64 that holds them itself; nothing if one is negative.
fn whole_numbers(tensor: &[u8]) -> Result<Option<Vec<u64>>, EditError> {
    let fields = fields(tensor)?;
    let is_int64 = fields.iter().any(|field| field.number_of(TENSOR_DATA_TYPE) == Some(INT64));
    let bytes = fields.iter().find_map(|field| field.bytes_of(TENSOR_RAW_DATA));
    let Some((numbers, [])) = bytes.filter(|_| is_int64).map(<[u8]>::as_chunks) else { return Ok(None) };
    Ok(numbers.iter().map(|number| u64::try_from(i64::from_le_bytes(*number)).ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::graph::{INPUT, NODE_INPUT, NODE_OP_TYPE, NODE_OUTPUT, OUTPUT, VALUE_NAME};
    use super::super::{MODEL_GRAPH, name_reshaped_weights, with_graph};
    use super::*;

    const WEIGHTS: &str = "w";
    const RESHAPED: &str = "w reshaped";
    const SHAPE: &str = "shape";

    fn named(field: u64, name: &str) -> Vec<u8> {
        let mut message = Vec::new();
        put_bytes(&mut message, field, name.as_bytes());
        message
    }

    fn tensor(name: &str, dimensions: &[u64], rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = Vec::new();
        for dimension in dimensions {
            put_number(&mut message, TENSOR_DIMS, *dimension);
        }
        put_number(&mut message, TENSOR_DATA_TYPE, INT64);
        put_bytes(&mut message, TENSOR_NAME, name.as_bytes());
        rest(&mut message);
        message
    }

    fn node(op_type: &str, inputs: &[&str], output: &str) -> Vec<u8> {
        let mut message = named(NODE_OP_TYPE, op_type);
        inputs.iter().for_each(|input| put_bytes(&mut message, NODE_INPUT, input.as_bytes()));
        put_bytes(&mut message, NODE_OUTPUT, output.as_bytes());
        message
    }

    fn shape_of(numbers: &[i64]) -> Vec<u8> {
        let bytes: Vec<_> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        tensor(SHAPE, &[numbers.len() as u64], |message| put_bytes(message, TENSOR_RAW_DATA, &bytes))
    }

    /// A node that makes the shape out of nothing, as exports have it.
    fn constant_node(numbers: &[i64]) -> Vec<u8> {
        let mut attribute = named(1, "value");
        put_bytes(&mut attribute, ATTRIBUTE_TENSOR, &shape_of(numbers));
        // The kind of attribute that is a tensor.
        put_number(&mut attribute, 20, 4);
        let mut message = node("Constant", &[], SHAPE);
        put_bytes(&mut message, NODE_ATTRIBUTE, &attribute);
        message
    }

    fn in_file(message: &mut Vec<u8>) {
        put_bytes(message, 13, b"where it is");
        put_number(message, TENSOR_DATA_LOCATION, DATA_IN_FILE);
    }

    /// A graph of weights [4, 6] that are reshaped, with these further parts.
    fn graph_of(parts: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut graph = Vec::new();
        for (number, message) in parts {
            put_bytes(&mut graph, *number, message);
        }
        graph
    }

    fn parts(shape: &[i64]) -> Vec<(u64, Vec<u8>)> {
        vec![
            (NODE, constant_node(shape)),
            (NODE, node("Reshape", &[WEIGHTS, SHAPE], RESHAPED)),
            (NODE, node("Gather", &[RESHAPED, "x"], "y")),
            (INITIALIZER, tensor(WEIGHTS, &[4, 6], in_file)),
            (OUTPUT, named(VALUE_NAME, "y")),
        ]
    }

    fn edited(parts: &[(u64, Vec<u8>)]) -> Option<Vec<u8>> {
        with_names_for_reshapes(&Graph::read(&graph_of(parts)).expect("a graph")).expect("it can be read")
    }

    #[test]
    fn a_reshape_of_weights_becomes_a_second_name_for_them() {
        let edited = edited(&parts(&[8, 3])).expect("it is edited");
        let graph = Graph::read(&edited).expect("a graph");
        assert!(graph.nodes.iter().all(|node| node.op_type != "Reshape"));
        let found = initializer(&graph, RESHAPED).expect("it is read").expect("it is there");
        let expected = tensor(RESHAPED, &[8, 3], in_file);
        let sorted = |message: &[u8]| {
            let mut raw: Vec<_> = fields(message).unwrap().iter().map(|field| field.raw.to_vec()).collect();
            raw.sort();
            raw
        };
        assert_eq!(sorted(found), sorted(&expected));
        assert!(initializer(&graph, WEIGHTS).expect("it is read").is_some());
        // The shape can be an initializer too.
        let mut others = parts(&[8, 3]);
        others[0] = (INITIALIZER, shape_of(&[8, 3]));
        assert!(self::edited(&others).is_some());
    }

    #[test]
    fn what_is_no_mere_second_name_stays() {
        for shape in [&[-1, 3][..], &[0, 6], &[8, 4], &[]] {
            assert_eq!(edited(&parts(shape)), None, "{shape:?}");
        }
        let mut inline = parts(&[8, 3]);
        inline[3].1 = tensor(WEIGHTS, &[4, 6], |_| {});
        let mut with_attribute = parts(&[8, 3]);
        put_bytes(&mut with_attribute[1].1, NODE_ATTRIBUTE, &named(1, "allowzero"));
        let mut is_output = parts(&[8, 3]);
        is_output.push((OUTPUT, named(VALUE_NAME, RESHAPED)));
        let mut is_input = parts(&[8, 3]);
        is_input.push((INPUT, named(VALUE_NAME, WEIGHTS)));
        let mut computed = parts(&[8, 3]);
        computed[0].1 = node("Identity", &["x"], SHAPE);
        for parts in [inline, with_attribute, is_output, is_input, computed] {
            assert_eq!(edited(&parts), None);
        }
    }

    /// The fixture with a reshape of one of its weights, into the shape that they have.
    fn with_reshape() -> Vec<u8> {
        const NAME: &str = "lm_head.MatMul.weight";
        let content = std::fs::read(fixture().join("model.onnx")).expect("the fixture is there");
        let model = fields(&content).expect("it is read");
        let graph = Graph::read(model.iter().find_map(|field| field.bytes_of(MODEL_GRAPH)).expect("a graph"));
        let graph = graph.expect("it is read");
        let weights = initializer(&graph, NAME).expect("it is read").expect("it is there");
        let dimensions = fields(weights).expect("it is read");
        let dimensions = dimensions.iter().filter_map(|field| field.number_of(TENSOR_DIMS));
        let shape: Vec<_> =
            dimensions.map(|dimension| i64::try_from(dimension).expect("it is small")).collect();
        let mut edited = Vec::new();
        put_bytes(&mut edited, NODE, &constant_node(&shape));
        put_bytes(&mut edited, NODE, &node("Reshape", &[NAME, SHAPE], RESHAPED));
        for field in &graph.fields {
            let Some(message) = field.bytes_of(NODE) else {
                edited.extend_from_slice(field.raw);
                continue;
            };
            let mut copy = Vec::new();
            for part in fields(message).expect("it is read") {
                match part.bytes_of(NODE_INPUT) {
                    Some(input) if input == NAME.as_bytes() => {
                        put_bytes(&mut copy, NODE_INPUT, RESHAPED.as_bytes())
                    }
                    _ => copy.extend_from_slice(part.raw),
                }
            }
            put_bytes(&mut edited, NODE, &copy);
        }
        with_graph(&model, &edited)
    }

    fn fixture() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/llama-genai")
    }

    /// The engine's tests load this file before and after the edit.
    #[test]
    fn the_fixture_is_what_is_made_here() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/onnx/reshaped.onnx");
        assert!(std::fs::read(path).expect("it is there") == with_reshape());
        let after = name_reshaped_weights(&with_reshape()).expect("it is read").expect("it is edited");
        assert_eq!(name_reshaped_weights(&after), Ok(None));
    }

    proptest! {
        #[test]
        fn a_file_with_changed_bytes_is_edited_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut content = with_reshape();
            let length = content.len();
            for (at, byte) in changes {
                content[at.index(length)] = byte;
            }
            if let Ok(Some(edited)) = name_reshaped_weights(&content) {
                prop_assert!(edited.len() > length / 2);
            }
        }
    }
}
