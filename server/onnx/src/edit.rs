//! Edits of ONNX files: logits only for the positions that are asked for, one copy of weights that are read in two shapes
//! ([`name_reshaped_weights`]), and a cache in 8 bits ([`quantise_cache`]). Invariant: everything that is not changed
//! stays byte by byte, also what a later version of ONNX may add; without the new input the model computes what it
//! computed before; weights in files of their own are not touched.
//!
//! Exports for text generation multiply the hidden states of all positions by the largest matrix of the model, and
//! completing reads one row of the result. The edit puts a slice before that projection. How many of the last positions
//! pass is said by an input of the name and the meaning that optimum gave it. It has a default, so that programs which do
//! not know it get all positions.

use std::collections::BTreeMap;

mod cache;
mod graph;
mod projection;
mod reshape;

pub use cache::{LayerCache, Rotation};

pub use crate::error::EditError;
use crate::wire::{self, fields, put_bytes, put_number};
use graph::{
    Graph, INITIALIZER, INPUT, NODE, NODE_INPUT, NODE_NAME, NODE_OP_TYPE, NODE_OUTPUT, OUTPUT,
    TENSOR_DATA_TYPE, TENSOR_DIMS, TENSOR_NAME, TENSOR_RAW_DATA, VALUE_INFO, VALUE_NAME, domain_of, name_in,
};
use projection::{Found, Projection, find};

/// The input that says for how many of the last positions logits are wanted; 0 are all. The name is optimum's.
pub const LOGITS_TO_KEEP: &str = "num_logits_to_keep";

/// The output that the edit is about, as both exporters call it.
pub(crate) const LOGITS: &str = "logits";
/// Fields of `ModelProto`, of its `OperatorSetIdProto`, and of what says an output's shape.
const MODEL_IR_VERSION: u64 = 1;
const MODEL_GRAPH: u64 = 7;
const MODEL_OPSET: u64 = 8;
const OPSET_DOMAIN: u64 = 1;
const OPSET_VERSION: u64 = 2;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_TYPE_ELEMENT: u64 = 1;
const TENSOR_TYPE_SHAPE: u64 = 2;
const SHAPE_DIMENSION: u64 = 1;
const DIMENSION_VALUE: u64 = 1;
const DIMENSION_NAME: u64 = 2;
/// The number of `INT64` among the element types.
const INT64: u64 = 7;
/// Where a tensor says that its data are in a file of their own.
const DATA_IN_FILE: u64 = 1;
/// The first version of the format in which an initializer may be the default of an input.
const LEAST_IR_VERSION: u64 = 4;
/// The first operators in which `Slice` reads its bounds from inputs.
const LEAST_OPSET: u64 = 10;
/// Where "all of the last positions" starts: before any model's first one. It fits 32 bits, which some devices compute in.
const BEFORE_ALL: i64 = -(i32::MAX as i64);
/// The axis of positions, counted from the end, as a matrix product does.
const POSITIONS: i64 = -2;

/// The result of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The content of the edited file.
    Made(Vec<u8>),
    /// The file already computes logits only where they are needed; why it is thought to, for people.
    NotNeeded(String),
}

/// Edits the content of an ONNX file, so that it computes logits for the last `num_logits_to_keep` positions only; for all
/// with 0, which is the default. Needs memory for one more copy of the content.
///
/// # Errors
/// [`EditError`]; the model is then to be used as it is.
pub fn keep_last_logits(model: &[u8]) -> Result<Edit, EditError> {
    let model_fields = fields(model)?;
    let graph = the_graph(&model_fields)?;
    if graph.inputs.contains(LOGITS_TO_KEEP) {
        return Ok(Edit::NotNeeded(format!("it has the input {LOGITS_TO_KEEP}")));
    }
    check_versions(&model_fields, &graph)?;
    if graph.has_name_starting(LOGITS_TO_KEEP) {
        return Err(EditError::Unsupported(format!(
            "it uses names like {LOGITS_TO_KEEP} for something else"
        )));
    }
    let outputs = graph.fields.iter().filter_map(|field| field.bytes_of(OUTPUT));
    let Some(output) = outputs.map(Output::read).find(|output| !matches!(output, Ok(None))) else {
        return Err(EditError::Unsupported(format!("it has no output {LOGITS}")));
    };
    match output?.map(|output| output.dimensions).as_deref() {
        Some([_, Some(1), _]) => {
            return Ok(Edit::NotNeeded("it computes logits for one position".to_owned()));
        }
        Some([_, None, _]) => {}
        _ => {
            return Err(EditError::Unsupported(format!(
                "the shape of its output {LOGITS} is not [batch, positions, vocabulary] with any number of positions"
            )));
        }
    }
    let projection = match find(&graph, LOGITS)? {
        Found::Whole(projection) => projection,
        Found::Pruned(by) => return Ok(Edit::NotNeeded(format!("{by} chooses the positions"))),
    };
    let edited = edit_graph(&graph, &projection)?;
    Ok(Edit::Made(with_graph(&model_fields, &edited)))
}

/// Edits the content of an ONNX file, so that weights in a file of their own that the graph reshapes get a second name, of
/// the other shape, for the same bytes. Returns nothing if there are none. Needs memory for one more copy of the content.
///
/// # Errors
/// [`EditError::Damaged`]; whatever else is not understood stays as it is.
pub fn name_reshaped_weights(model: &[u8]) -> Result<Option<Vec<u8>>, EditError> {
    let model_fields = fields(model)?;
    let edited = reshape::with_names_for_reshapes(&the_graph(&model_fields)?)?;
    Ok(edited.map(|graph| with_graph(&model_fields, &graph)))
}

/// The caches of the layers of an ONNX file, if they can be stored in 8 bits.
///
/// # Errors
/// [`EditError`]; the reason why they must stay as they are.
pub fn layer_caches(model: &[u8]) -> Result<Vec<LayerCache>, EditError> {
    cache::layers(&the_graph(&fields(model)?)?)
}

/// Edits the content of an ONNX file, so that it stores keys and values in 8 bits. `scales` has the scale of each channel of each head,
/// by the name of the input that holds the past. Needs memory for one more copy of the content.
///
/// # Errors
/// [`EditError`]; the model is then to be used as it is.
pub fn quantise_cache(model: &[u8], scales: &BTreeMap<String, Vec<f32>>) -> Result<Vec<u8>, EditError> {
    let model_fields = fields(model)?;
    let edited = cache::quantised(&the_graph(&model_fields)?, scales)?;
    Ok(with_graph(&model_fields, &edited))
}

/// The one graph of a model.
fn the_graph<'a>(model: &[wire::Field<'a>]) -> Result<Graph<'a>, EditError> {
    let mut graphs = model.iter().filter_map(|field| field.bytes_of(MODEL_GRAPH));
    match (graphs.next(), graphs.next()) {
        (Some(graph), None) => Graph::read(graph),
        _ => Err(EditError::Damaged("it does not hold one graph".to_owned())),
    }
}

/// The content of a file with another graph.
fn with_graph(model: &[wire::Field<'_>], graph: &[u8]) -> Vec<u8> {
    let others: usize =
        model.iter().filter(|field| field.number != MODEL_GRAPH).map(|field| field.raw.len()).sum();
    let mut content = Vec::with_capacity(others + graph.len() + 16);
    for field in model {
        if field.bytes_of(MODEL_GRAPH).is_some() {
            put_bytes(&mut content, MODEL_GRAPH, graph);
        } else {
            content.extend_from_slice(field.raw);
        }
    }
    content
}

fn check_versions(model: &[wire::Field<'_>], graph: &Graph<'_>) -> Result<(), EditError> {
    let ir_version = model.iter().find_map(|field| field.number_of(MODEL_IR_VERSION)).unwrap_or(0);
    let mut opset = 0;
    let mut domains = Vec::new();
    for import in model.iter().filter_map(|field| field.bytes_of(MODEL_OPSET)) {
        let domain = domain_of(name_in(import, OPSET_DOMAIN)?);
        if domain.is_empty() {
            opset = fields(import)?.iter().find_map(|field| field.number_of(OPSET_VERSION)).unwrap_or(0);
        }
        domains.push(domain);
    }
    // The versions stand last in many files: without one of them the end is missing.
    if let Some(node) = graph.nodes.iter().find(|node| !domains.contains(&node.domain)) {
        return Err(EditError::Damaged(format!("it does not say of which version {} is", node.describe())));
    }
    if ir_version < LEAST_IR_VERSION || opset < LEAST_OPSET {
        return Err(EditError::Unsupported(format!(
            "it is of version {ir_version} of the format with operators of version {opset}, and at least \
             {LEAST_IR_VERSION} and {LEAST_OPSET} are needed"
        )));
    }
    Ok(())
}

/// The output of logits.
struct Output {
    /// Each dimension, where it is fixed.
    dimensions: Vec<Option<u64>>,
}

impl Output {
    /// Reads a `ValueInfoProto`; nothing if it is of another output.
    fn read(value: &[u8]) -> Result<Option<Self>, EditError> {
        if name_in(value, VALUE_NAME)? != LOGITS {
            return Ok(None);
        }
        let mut dimensions = Vec::new();
        for kind in fields(value)?.iter().filter_map(|field| field.bytes_of(VALUE_TYPE)) {
            for tensor in fields(kind)?.iter().filter_map(|field| field.bytes_of(TYPE_TENSOR)) {
                for shape in fields(tensor)?.iter().filter_map(|field| field.bytes_of(TENSOR_TYPE_SHAPE)) {
                    for dimension in fields(shape)?.iter().filter_map(|field| field.bytes_of(SHAPE_DIMENSION))
                    {
                        let mut fields = fields(dimension)?.into_iter();
                        dimensions.push(fields.find_map(|field| field.number_of(DIMENSION_VALUE)));
                    }
                }
            }
        }
        Ok(Some(Self { dimensions }))
    }
}

/// The graph with a slice before its projection.
fn edit_graph(graph: &Graph<'_>, projection: &Projection<'_>) -> Result<Vec<u8>, EditError> {
    let kept = local_name("kept");
    let node_field = graph.nodes[projection.node].field;
    let mut edited = Vec::new();
    for (index, field) in graph.fields.iter().enumerate() {
        if index == node_field {
            for node in slice_nodes(projection.hidden, &kept) {
                put_bytes(&mut edited, NODE, &node);
            }
            let node = field.bytes_of(NODE).unwrap_or_default();
            put_bytes(&mut edited, NODE, &with_first_input(node, &kept)?);
        } else if let Some(value) = field.bytes_of(VALUE_INFO) {
            // Shapes that are noted for what now has fewer positions are no longer true, and nothing needs them.
            if !projection.shortened.contains(&name_in(value, VALUE_NAME)?) {
                edited.extend_from_slice(field.raw);
            }
        } else if let Some(value) = field.bytes_of(OUTPUT) {
            if name_in(value, VALUE_NAME)? == LOGITS {
                put_bytes(&mut edited, OUTPUT, &with_own_positions(value)?);
            } else {
                edited.extend_from_slice(field.raw);
            }
        } else {
            edited.extend_from_slice(field.raw);
        }
    }
    for (name, dimensions, value) in [
        (LOGITS_TO_KEEP.to_owned(), &[][..], 0),
        (local_name("zero"), &[1], 0),
        (local_name("before_all"), &[1], BEFORE_ALL),
        (local_name("end"), &[1], i64::MAX),
        (local_name("axis"), &[1], POSITIONS),
    ] {
        put_bytes(&mut edited, INITIALIZER, &int64_tensor(&name, dimensions, value));
    }
    put_bytes(&mut edited, INPUT, &scalar_input(LOGITS_TO_KEEP));
    Ok(edited)
}

/// A name for a value or node of the edit.
fn local_name(name: &str) -> String {
    format!("{LOGITS_TO_KEEP}/{name}")
}

/// The nodes that leave of `hidden` what is to be kept: the slice from -n on, or from before the first position if n is 0.
fn slice_nodes(hidden: &str, kept: &str) -> [Vec<u8>; 4] {
    let [all, zero, from_end, before_all, start, end, axis] =
        ["all", "zero", "from_end", "before_all", "start", "end", "axis"].map(local_name);
    [
        node("Equal", &[LOGITS_TO_KEEP, &zero], &all),
        node("Neg", &[LOGITS_TO_KEEP], &from_end),
        node("Where", &[&all, &before_all, &from_end], &start),
        node("Slice", &[hidden, &start, &end, &axis], kept),
    ]
}

fn node(op_type: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for input in inputs {
        put_bytes(&mut message, NODE_INPUT, input.as_bytes());
    }
    put_bytes(&mut message, NODE_OUTPUT, output.as_bytes());
    put_bytes(&mut message, NODE_NAME, local_name(op_type).as_bytes());
    put_bytes(&mut message, NODE_OP_TYPE, op_type.as_bytes());
    message
}

/// A node that reads another value first.
fn with_first_input(node: &[u8], input: &str) -> Result<Vec<u8>, EditError> {
    replace_first(node, NODE_INPUT, |_| Ok(input.as_bytes().to_vec()))
}

/// An output whose number of positions is called differently than those of other values: the runtime may take dimensions
/// of one name for equal when it plans memory.
fn with_own_positions(output: &[u8]) -> Result<Vec<u8>, EditError> {
    replace_first(output, VALUE_TYPE, |kind| {
        replace_first(kind, TYPE_TENSOR, |tensor| {
            replace_first(tensor, TENSOR_TYPE_SHAPE, |shape| {
                let mut edited = Vec::new();
                let mut index = 0;
                for field in fields(shape)? {
                    if field.bytes_of(SHAPE_DIMENSION).is_some() {
                        index += 1;
                        if index == 2 {
                            let mut dimension = Vec::new();
                            put_bytes(&mut dimension, DIMENSION_NAME, b"num_logits");
                            put_bytes(&mut edited, SHAPE_DIMENSION, &dimension);
                            continue;
                        }
                    }
                    edited.extend_from_slice(field.raw);
                }
                Ok(edited)
            })
        })
    })
}

/// A message in which the first field of this number has another content.
fn replace_first(
    message: &[u8],
    number: u64,
    replace: impl Fn(&[u8]) -> Result<Vec<u8>, EditError>,
) -> Result<Vec<u8>, EditError> {
    let mut edited = Vec::new();
    let mut is_first = true;
    for field in fields(message)? {
        match field.bytes_of(number) {
            Some(content) if is_first => {
                put_bytes(&mut edited, number, &replace(content)?);
                is_first = false;
            }
            _ => edited.extend_from_slice(field.raw),
        }
    }
    Ok(edited)
}

fn int64_tensor(name: &str, dimensions: &[u64], value: i64) -> Vec<u8> {
    let mut message = Vec::new();
    for dimension in dimensions {
        put_number(&mut message, TENSOR_DIMS, *dimension);
    }
    put_number(&mut message, TENSOR_DATA_TYPE, INT64);
    put_bytes(&mut message, TENSOR_NAME, name.as_bytes());
    put_bytes(&mut message, TENSOR_RAW_DATA, &value.to_le_bytes());
    message
}

fn scalar_input(name: &str) -> Vec<u8> {
    let mut tensor = Vec::new();
    put_number(&mut tensor, TENSOR_TYPE_ELEMENT, INT64);
    // A shape without dimensions, which is not the same as no shape.
    put_bytes(&mut tensor, TENSOR_TYPE_SHAPE, &[]);
    let mut kind = Vec::new();
    put_bytes(&mut kind, TYPE_TENSOR, &tensor);
    let mut message = Vec::new();
    put_bytes(&mut message, VALUE_NAME, name.as_bytes());
    put_bytes(&mut message, VALUE_TYPE, &kind);
    message
}
