//! Finding the projection that makes logits out of hidden states. Invariant: between it and the logits each position is
//! computed for itself, from itself and from constants, so that leaving positions out changes none of the others. Only where
//! hidden states are quantized at run time, with one scale for all positions, does it change the rounding.

use super::graph::{Graph, Node};
use crate::error::EditError;

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

/// The result of [`find`].
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
                // Scale and zero point are one number each: they follow from the positions that are left.
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
    /// Computes each number from the one at the same position.
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

#[cfg(test)]
mod tests {
    use super::super::graph::{INITIALIZER, INPUT, NODE, NODE_INPUT, NODE_OP_TYPE, NODE_OUTPUT, OUTPUT};
    use super::super::graph::{TENSOR_NAME, VALUE_NAME};
    use super::*;
    use crate::wire::put_bytes;

    /// A graph with the input `x`, the initializer `w`, the output `logits` and these nodes, each "outputs = Op inputs".
    fn graph_of(nodes: &[&str]) -> Vec<u8> {
        let mut graph = Vec::new();
        let named = |field, name: &str| {
            let mut message = Vec::new();
            put_bytes(&mut message, field, name.as_bytes());
            message
        };
        put_bytes(&mut graph, INPUT, &named(VALUE_NAME, "x"));
        put_bytes(&mut graph, INITIALIZER, &named(TENSOR_NAME, "w"));
        put_bytes(&mut graph, OUTPUT, &named(VALUE_NAME, LOGITS));
        for node in nodes {
            let (outputs, call) = node.split_once(" = ").expect("a node");
            let mut call = call.split(' ');
            let mut message = named(NODE_OP_TYPE, call.next().expect("an operator"));
            for input in call {
                put_bytes(&mut message, NODE_INPUT, input.as_bytes());
            }
            for output in outputs.split(' ') {
                put_bytes(&mut message, NODE_OUTPUT, output.as_bytes());
            }
            put_bytes(&mut graph, NODE, &message);
        }
        graph
    }

    const LOGITS: &str = "logits";

    #[test]
    fn the_projection_is_found_behind_what_works_on_each_number() {
        for (nodes, hidden, shortened) in [
            (&["logits = MatMul x w"][..], "x", vec!["logits"]),
            (
                &["m = MatMul x w", "d = Div m w", "t = Tanh d", "logits = Mul t w"],
                "x",
                vec!["logits", "t", "d", "m"],
            ),
            (&["v = Transpose w", "m = MatMul x v", "logits = Add w m"], "x", vec!["logits", "m"]),
            (
                &[
                    "q scale zero = DynamicQuantizeLinear x",
                    "m = MatMulInteger q w zero w",
                    "c = Cast m",
                    "s = Mul scale w",
                    "logits = Mul c s",
                ],
                "x",
                vec!["logits", "c", "m", "q"],
            ),
        ] {
            let message = graph_of(nodes);
            let graph = Graph::read(&message).expect("a graph");
            match find(&graph, LOGITS) {
                Ok(Found::Whole(found)) => {
                    assert_eq!((found.hidden, found.shortened), (hidden, shortened), "{nodes:?}");
                }
                other => panic!("{other:?} for {nodes:?}"),
            }
        }
    }

    #[test]
    fn a_projection_of_chosen_positions_is_told_apart() {
        for nodes in [["h = Slice x w", "logits = MatMul h w"], ["h = MatMul x w", "logits = Gather h w"]] {
            let message = graph_of(&nodes);
            let graph = Graph::read(&message).expect("a graph");
            assert!(matches!(find(&graph, LOGITS), Ok(Found::Pruned(_))), "{nodes:?}");
        }
    }

    #[test]
    fn what_would_change_other_values_is_refused() {
        for (nodes, reason) in [
            (&["logits = MatMul x x"][..], "depend on the prompt"),
            (&["m = MatMul x w", "logits = Mul m x"], "joins two values"),
            (&["m = MatMul x w", "other = Cast m", "logits = Tanh m"], "used twice"),
            (&["logits = Cast w"], "constant"),
            (&["logits = Gemm x w"], "no known projection"),
            (&["logits = MatMulInteger x w"], "not quantized"),
            (&["y = Cast x"], "no node makes"),
        ] {
            let message = graph_of(nodes);
            let graph = Graph::read(&message).expect("a graph");
            match find(&graph, LOGITS) {
                Err(EditError::Unsupported(found)) => assert!(found.contains(reason), "{found}"),
                other => panic!("{other:?} instead of {reason}"),
            }
        }
        let message = graph_of(&["a = Cast logits", "logits = Cast a"]);
        assert!(find(&Graph::read(&message).expect("a graph"), LOGITS).is_err());
    }
}
