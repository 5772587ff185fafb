//! The edit that stores keys and values in 8 bits. Invariant: the caches of all attention nodes that can do that are changed, or the edit
//! is refused.
//!
//! Only `GroupQueryAttention` reads and writes such a cache. Source of its inputs and attributes: the operators of ONNX Runtime,
//! domain `com.microsoft`, version 1.

use std::collections::{BTreeMap, HashMap};

use super::graph::{
    Graph, INITIALIZER, INPUT, NODE, NODE_ATTRIBUTE, NODE_INPUT, OUTPUT, TENSOR_DATA_TYPE, TENSOR_DIMS,
    TENSOR_NAME, TENSOR_RAW_DATA, VALUE_INFO, VALUE_NAME, name_in,
};
use super::{TENSOR_TYPE_ELEMENT, TYPE_TENSOR, VALUE_TYPE, replace_first};
use crate::build::MICROSOFT;
use crate::error::EditError;
use crate::wire::{fields, put_bytes, put_number};

/// The operator, and the places of its inputs and outputs.
const ATTENTION: &str = "GroupQueryAttention";
const PAST: [usize; 2] = [3, 4];
const COSINES: usize = 7;
const SCALES: [usize; 2] = [12, 13];
const PRESENT: [usize; 2] = [1, 2];
/// Fields of `AttributeProto`, and the numbers of its types.
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_INT: u64 = 3;
const ATTRIBUTE_TEXT: u64 = 4;
const ATTRIBUTE_TYPE: u64 = 20;
const TYPE_INT: u64 = 2;
const TYPE_TEXT: u64 = 3;
/// Numbers of element types.
const FLOAT: u64 = 1;
const INT8: u64 = 3;
/// Attributes that say how a cache is stored.
const STORAGE: [&str; 3] = ["k_quant_type", "v_quant_type", "kv_cache_bit_width"];

/// The part of each key that is rotated by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Whether the two numbers of a pair are neighbours; else they are half of the rotated part apart.
    pub interleaved: bool,
    /// Rotated numbers at the beginning of each key; none if the graph does not say, which may be all of them.
    pub n_rotated: Option<usize>,
}

/// The caches of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCache {
    /// The input that holds the keys.
    pub keys: String,
    /// The input that holds the values.
    pub values: String,
    /// How the keys are rotated.
    pub rotation: Rotation,
}

/// One node of attention.
struct Attention {
    node: usize,
    cache: LayerCache,
}

/// The caches of a graph that can be stored in 8 bits.
///
/// # Errors
/// [`EditError`]; the reason why its caches must stay as they are.
pub(super) fn layers(graph: &Graph<'_>) -> Result<Vec<LayerCache>, EditError> {
    Ok(attentions(graph)?.into_iter().map(|attention| attention.cache).collect())
}

/// The graph with its caches in 8 bits. `scales` has one for each channel of each head, by the name of the input.
pub(super) fn quantised(
    graph: &Graph<'_>,
    scales: &BTreeMap<String, Vec<f32>>,
) -> Result<Vec<u8>, EditError> {
    let mut changed = Vec::new();
    let mut edited_nodes = HashMap::new();
    let mut tensors = Vec::new();
    for Attention { node, cache } in attentions(graph)? {
        let node = &graph.nodes[node];
        changed.extend(PAST.map(|at| node.inputs[at]));
        changed.extend(PRESENT.map(|at| node.outputs[at]));
        let mut names = Vec::new();
        for input in [&cache.keys, &cache.values] {
            let numbers = scales.get(input).ok_or_else(|| {
                EditError::Unsupported(format!("there are no scales for its input {input}"))
            })?;
            let name = format!("{input}.scale");
            if graph.has_name_starting(&name) {
                return Err(EditError::Unsupported(format!("it uses the name {name} for something else")));
            }
            tensors.push(scale_tensor(&name, numbers));
            names.push(name);
        }
        let message = graph.fields[node.field].bytes_of(NODE).unwrap_or_default();
        edited_nodes.insert(node.field, with_scales(message, node.inputs.len(), &names)?);
    }
    let mut edited = Vec::new();
    for (index, field) in graph.fields.iter().enumerate() {
        if let Some(node) = edited_nodes.get(&index) {
            put_bytes(&mut edited, NODE, node);
        } else if let Some((number, value)) =
            [INPUT, OUTPUT].into_iter().find_map(|number| Some((number, field.bytes_of(number)?)))
            && changed.contains(&name_in(value, VALUE_NAME)?)
        {
            put_bytes(&mut edited, number, &with_element(value, INT8)?);
        } else if let Some(value) = field.bytes_of(VALUE_INFO)
            && changed.contains(&name_in(value, VALUE_NAME)?)
        {
            // It repeats the type of an input or output.
        } else {
            edited.extend_from_slice(field.raw);
        }
    }
    for tensor in &tensors {
        put_bytes(&mut edited, INITIALIZER, tensor);
    }
    Ok(edited)
}

fn attentions(graph: &Graph<'_>) -> Result<Vec<Attention>, EditError> {
    let unsupported = |reason: String| Err(EditError::Unsupported(reason));
    let mut found = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if (node.domain, node.op_type) != (MICROSOFT, ATTENTION) {
            continue;
        }
        let pasts = PAST.map(|at| node.inputs.get(at).copied().unwrap_or_default());
        let presents = PRESENT.map(|at| node.outputs.get(at).copied().unwrap_or_default());
        if !pasts.iter().all(|name| graph.inputs.contains(name))
            || !presents.iter().all(|name| graph.outputs.contains(name))
            || pasts.iter().any(|name| graph.n_readers(name) != 1)
            || presents.iter().any(|name| graph.n_readers(name) != 0)
        {
            return unsupported(format!("{} shares its cache with other nodes", node.describe()));
        }
        let attributes = Attributes::read(graph.fields[node.field].bytes_of(NODE).unwrap_or_default())?;
        let has_scales = SCALES.iter().any(|at| node.inputs.get(*at).is_some_and(|name| !name.is_empty()));
        if has_scales || attributes.is_quantised() {
            return unsupported(format!("the cache of {} is quantised already", node.describe()));
        }
        let rotates = attributes.number("do_rotary") == Some(1);
        let table = node.inputs.get(COSINES).copied().filter(|name| rotates && !name.is_empty());
        let width = table.map(|name| row_length(graph, name)).transpose()?.flatten();
        let rotation = Rotation {
            interleaved: rotates && attributes.number("rotary_interleaved") == Some(1),
            n_rotated: width.map(|width| 2 * width),
        };
        let [keys, values] = pasts.map(str::to_owned);
        found.push(Attention { node: index, cache: LayerCache { keys, values, rotation } });
    }
    if found.is_empty() {
        return unsupported(format!(
            "its attention is no {ATTENTION}, which alone stores keys and values in 8 bits"
        ));
    }
    Ok(found)
}

/// The last dimension of an initializer, if it has one.
fn row_length(graph: &Graph<'_>, name: &str) -> Result<Option<usize>, EditError> {
    for tensor in graph.fields.iter().filter_map(|field| field.bytes_of(INITIALIZER)) {
        if name_in(tensor, TENSOR_NAME)? == name {
            let fields = fields(tensor)?;
            // Some programs write the dimensions as one packed field, which says nothing here.
            let last = fields.iter().filter_map(|field| field.number_of(TENSOR_DIMS)).next_back();
            return Ok(last.and_then(|length| usize::try_from(length).ok()));
        }
    }
    Ok(None)
}

/// The attributes of a node that are whole numbers or texts.
struct Attributes<'a> {
    numbers: HashMap<&'a str, u64>,
    texts: HashMap<&'a str, &'a [u8]>,
}

impl<'a> Attributes<'a> {
    fn read(node: &'a [u8]) -> Result<Self, EditError> {
        let mut attributes = Self { numbers: HashMap::new(), texts: HashMap::new() };
        for message in fields(node)?.iter().filter_map(|field| field.bytes_of(NODE_ATTRIBUTE)) {
            let name = name_in(message, ATTRIBUTE_NAME)?;
            for field in fields(message)? {
                if let Some(number) = field.number_of(ATTRIBUTE_INT) {
                    attributes.numbers.insert(name, number);
                } else if let Some(text) = field.bytes_of(ATTRIBUTE_TEXT) {
                    attributes.texts.insert(name, text);
                }
            }
        }
        Ok(attributes)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    fn is_quantised(&self) -> bool {
        STORAGE.iter().any(|name| self.texts.get(name).is_some_and(|text| *text != b"NONE"))
    }
}

/// A node that reads these scales.
fn with_scales(node: &[u8], n_inputs: usize, names: &[String]) -> Result<Vec<u8>, EditError> {
    let mut edited = Vec::new();
    for field in fields(node)? {
        let replaced = match (field.bytes_of(NODE_INPUT), field.bytes_of(NODE_ATTRIBUTE)) {
            (Some(_), _) => true,
            (_, Some(attribute)) => STORAGE.contains(&name_in(attribute, ATTRIBUTE_NAME)?),
            _ => false,
        };
        if !replaced {
            edited.extend_from_slice(field.raw);
        }
    }
    let node_fields = fields(node)?;
    let mut inputs: Vec<&[u8]> = node_fields.iter().filter_map(|field| field.bytes_of(NODE_INPUT)).collect();
    inputs.resize(n_inputs.max(SCALES[1] + 1), b"");
    for (at, name) in SCALES.into_iter().zip(names) {
        inputs[at] = name.as_bytes();
    }
    for input in inputs {
        put_bytes(&mut edited, NODE_INPUT, input);
    }
    let [keys, values, bits] = STORAGE;
    for name in [keys, values] {
        put_bytes(
            &mut edited,
            NODE_ATTRIBUTE,
            &attribute(name, |message| {
                put_bytes(message, ATTRIBUTE_TEXT, b"PER_CHANNEL");
                TYPE_TEXT
            }),
        );
    }
    put_bytes(
        &mut edited,
        NODE_ATTRIBUTE,
        &attribute(bits, |message| {
            put_number(message, ATTRIBUTE_INT, 8);
            TYPE_INT
        }),
    );
    Ok(edited)
}

fn attribute(name: &str, put_value: impl FnOnce(&mut Vec<u8>) -> u64) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, ATTRIBUTE_NAME, name.as_bytes());
    let kind = put_value(&mut message);
    put_number(&mut message, ATTRIBUTE_TYPE, kind);
    message
}

/// An input or output with elements of another type.
fn with_element(value: &[u8], element: u64) -> Result<Vec<u8>, EditError> {
    replace_first(value, VALUE_TYPE, |kind| {
        replace_first(kind, TYPE_TENSOR, |tensor| {
            let mut edited = Vec::new();
            put_number(&mut edited, TENSOR_TYPE_ELEMENT, element);
            for field in fields(tensor)?.iter().filter(|field| field.number != TENSOR_TYPE_ELEMENT) {
                edited.extend_from_slice(field.raw);
            }
            Ok(edited)
        })
    })
}

fn scale_tensor(name: &str, scales: &[f32]) -> Vec<u8> {
    let mut message = Vec::new();
    put_number(&mut message, TENSOR_DIMS, scales.len() as u64);
    put_number(&mut message, TENSOR_DATA_TYPE, FLOAT);
    put_bytes(&mut message, TENSOR_NAME, name.as_bytes());
    let bytes: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    put_bytes(&mut message, TENSOR_RAW_DATA, &bytes);
    message
}
