//! Finding the projection that makes logits out of hidden states. Must hold: between it and the logits each position is
//! computed for itself, from itself and from constants, so that leaving positions out changes none of the others.

use super::EditError;
use super::graph::{Graph, Node};

/// Where positions can be left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Projection<'a> {
    /// The node whose first input is the hidden states [batch, positions, width].
    pub(super) node: usize,
    /// That input.
    pub(super) hidden: &'a str,
    /// The values that get fewer positions, from the logits back to the node's own outputs.
    pub(super) shortened: Vec<&'a str>,
}

/// What [`find`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// The projection of all positions.
    Whole(Projection<'a>),
    /// A projection of chosen positions.
    Pruned(String),
}

/// Looks for the projection that ends in this output.
pub(super) fn find<'a>(graph: &Graph<'a>, logits: &'a str) -> Result<Found<'a>, EditError> {
    let mut value = logits;
    let mut shortened = Vec::new();
    // Each step goes to another node, or the graph has a circle.
    for _ in 0..=graph.nodes.len() {
        let Some(index) = graph.producer(value) else {
            return Err(unsupported(format!("no node makes the value {value:?} that its logits come from")));
        };
        let node = &graph.nodes[index];
        let n_uses = graph.n_readers(value) + usize::from(graph.outputs.contains(value));
        if n_uses > 1 {
            return Err(unsupported(format!("the value {value:?} on the way to its logits is used twice")));
        }
        shortened.push(value);
        match Kind::of(node) {
            Kind::Elementwise => value = only_variable(graph, node)?,
            Kind::Projection => {
                constant_weights(graph, node, &|_| false)?;
                return Ok(complete(graph, index, shortened));
            }
            Kind::QuantizedProjection => {
                let quantized = first_input(node)?;
                let quantizer = graph.producer(quantized);
                let Some(quantizer) =
                    quantizer.filter(|index| graph.nodes[*index].op_type == "DynamicQuantizeLinear")
                else {
                    return Err(unsupported(format!(
                        "the hidden states of its projection {} are not quantized on the way",
                        node.describe()
                    )));
                };
                // Scale and zero point are one number each for all positions that are left.
                let scales = graph.nodes[quantizer].outputs.get(1..).unwrap_or_default();
                constant_weights(graph, node, &|name| scales.contains(&name))?;
                if graph.n_readers(quantized) > 1 {
                    return Err(unsupported("its quantized hidden states are used twice".to_owned()));
                }
                shortened.push(quantized);
                return Ok(complete(graph, quantizer, shortened));
            }
            Kind::Selection => return Ok(Found::Pruned(node.describe())),
            Kind::Other => {
                return Err(unsupported(format!(
                    "its logits come from the operator {}, which is no known projection",
                    node.describe()
                )));
            }
        }
    }
    Err(EditError::Damaged("its nodes form a circle".to_owned()))
}

fn complete<'a>(graph: &Graph<'a>, node: usize, shortened: Vec<&'a str>) -> Found<'a> {
    let hidden = graph.nodes[node].inputs.first().copied().unwrap_or_default();
    match graph.producer(hidden).map(|index| &graph.nodes[index]) {
        Some(chooser) if Kind::of(chooser) == Kind::Selection => Found::Pruned(chooser.describe()),
        _ => Found::Whole(Projection { node, hidden, shortened }),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Computes each number from the one in its place.
    Elementwise,
    /// Multiplies its first input, [.., positions, width], by weights.
    Projection,
    /// The same with a first input of whole numbers.
    QuantizedProjection,
    /// Takes some of the positions.
    Selection,
    Other,
}

impl Kind {
    fn of(node: &Node<'_>) -> Self {
        match (node.domain, node.op_type) {
            ("", "Cast" | "Identity" | "Tanh" | "Add" | "Sub" | "Mul" | "Div") => Self::Elementwise,
            ("", "MatMul")
            | ("com.microsoft", "MatMulNBits" | "MatMulBnb4" | "MatMulFpQ4" | "DynamicQuantizeMatMul") => {
                Self::Projection
            }
            ("", "MatMulInteger") | ("com.microsoft", "MatMulIntegerToFloat") => Self::QuantizedProjection,
            ("", "Slice" | "Gather" | "GatherND" | "GatherElements") => Self::Selection,
            _ => Self::Other,
        }
    }
}

fn first_input<'a>(node: &Node<'a>) -> Result<&'a str, EditError> {
    let first = node.inputs.first().filter(|name| !name.is_empty());
    first.copied().ok_or_else(|| EditError::Damaged(format!("{} has no input", node.describe())))
}

/// The one input of an elementwise node that positions come through. The others are constants, or scales of a
/// quantization, each one number.
fn only_variable<'a>(graph: &Graph<'a>, node: &Node<'a>) -> Result<&'a str, EditError> {
    let is_scale = |name: &str| {
        graph.producer(name).is_some_and(|index| {
            let quantizer = &graph.nodes[index];
            quantizer.op_type == "DynamicQuantizeLinear" && quantizer.outputs.first() != Some(&name)
        })
    };
    let mut variables = node.inputs.iter().filter(|name| !graph.is_constant(name, &is_scale));
    match (variables.next(), variables.next()) {
        (Some(variable), None) => Ok(variable),
        (None, _) => Err(unsupported("its logits are constant".to_owned())),
        _ => Err(unsupported(format!(
            "{} on the way to its logits joins two values that depend on the prompt",
            node.describe()
        ))),
    }
}

/// Checks that everything but the first input is constant.
fn constant_weights(
    graph: &Graph<'_>,
    node: &Node<'_>,
    is_free: &dyn Fn(&str) -> bool,
) -> Result<(), EditError> {
    first_input(node)?;
    match node.inputs[1..].iter().find(|name| !graph.is_constant(name, is_free)) {
        None => Ok(()),
        Some(weights) => Err(unsupported(format!(
            "the weights {weights:?} of its projection {} depend on the prompt",
            node.describe()
        ))),
    }
}

fn unsupported(reason: String) -> EditError {
    EditError::Unsupported(reason)
}
