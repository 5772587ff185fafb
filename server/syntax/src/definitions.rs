//! The definitions of a file, and the signature lines of a definition: its lines without the bodies of functions. Invariant: the
//! cost is bounded by the file's size and by the time of a query; signature lines are lines of the text, in their order.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::QueryKind;
use tree_sitter::Node;

use crate::layer::Layer;
use crate::walk::{QueryScope, QueryTime};

/// A name that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name, in bytes.
    pub name: Range<usize>,
    /// All of it, from the start of its first line.
    pub range: Range<usize>,
    /// The range between its brackets, or below its header; none for a variable or a field.
    pub body: Option<Range<usize>>,
    /// Whether it is a function or a method, whose body says how and not what.
    pub is_function: bool,
    /// In how many other definitions it stands.
    pub depth: usize,
}

/// Definitions of one file, at most.
const MAX_DEFINITIONS: usize = 4096;

impl Layer {
    /// The definitions in the order of their places, outer ones before inner ones.
    pub(crate) fn definitions(&self, text: &Text, time: &QueryTime) -> Vec<Definition> {
        let mut found: Vec<Definition> = Vec::new();
        let scope = || QueryScope { node: self.tree().root_node(), range: 0..text.len(), max_depth: None };
        self.for_each_match(QueryKind::Scopes, text, scope(), time, |captures| {
            let capture =
                |wanted: &str| captures.iter().find(|(name, _)| *name == wanted).map(|(_, node)| *node);
            if let (Some(node), Some(name)) = (capture("scope"), capture("scope.name")) {
                found.push(definition(text, node, name, capture("scope.body")));
            }
            found.len() < MAX_DEFINITIONS
        });
        self.for_each_match(QueryKind::Identifiers, text, scope(), time, |captures| {
            for (_, node) in captures.iter().filter(|(name, _)| *name == "definition") {
                let is_known = |known: &Definition| known.name == node.byte_range();
                if !found.iter().rev().take(64).any(is_known) {
                    found.push(of_line(text, *node));
                }
            }
            found.len() < MAX_DEFINITIONS
        });
        found.sort_by_key(|definition| (definition.range.start, usize::MAX - definition.range.end));
        found.dedup_by(|later, earlier| later.name == earlier.name);
        let mut open: Vec<Range<usize>> = Vec::new();
        for definition in &mut found {
            open.retain(|outer| outer.end >= definition.range.end && outer.end > definition.name.start);
            definition.depth = open.len();
            if definition.body.is_some() {
                open.push(definition.range.clone());
            }
        }
        found
    }
}

/// The lines of a definition without the bodies of the functions in it, `max_lines` at most. `all` is what
/// [`crate::SyntaxTree::definitions`] found.
#[must_use]
pub fn signature_lines(text: &Text, definition: &Definition, all: &[Definition], max_lines: usize) -> String {
    let left_out: Vec<Range<usize>> = all
        .iter()
        .filter(|inner| inner.is_function && definition.range.start <= inner.range.start)
        .filter(|inner| inner.range.end <= definition.range.end)
        .filter_map(|inner| whole_lines(text, inner.body.as_ref()?))
        .collect();
    let first = text.line_of(definition.range.start);
    let last = text.line_of(definition.range.end.saturating_sub(1).max(definition.range.start));
    let mut lines = String::new();
    let mut n_lines = 0;
    for line in first..=last {
        let start = text.line_start(line);
        if left_out.iter().any(|body| body.contains(&start)) {
            continue;
        }
        let content = text.slice(start..text.line_end(line));
        if content.trim().is_empty() {
            continue;
        }
        lines.push_str(content.trim_end());
        lines.push('\n');
        n_lines += 1;
        if n_lines == max_lines {
            break;
        }
    }
    lines
}

/// The whole lines of a body, without that of its header and that of its closing bracket.
fn whole_lines(text: &Text, body: &Range<usize>) -> Option<Range<usize>> {
    let first = text.slice(body.clone());
    let lead = first.len() - first.trim_start_matches([' ', '\t']).len();
    let start = body.start + lead;
    // A body that begins its own line has no bracket before it.
    let begins_line = text.slice(text.line_start(text.line_of(body.start))..body.start).trim().is_empty();
    let start = match begins_line {
        true => text.line_start(text.line_of(start)),
        false => text.line_start(text.line_of(start) + 1),
    };
    let end_line = text.line_of(body.end);
    let ends_line = text.slice(text.line_start(end_line)..body.end).trim().is_empty();
    let end = if ends_line { text.line_start(end_line) } else { text.line_end(end_line) };
    (start < end).then_some(start..end)
}

fn definition(text: &Text, node: Node<'_>, name: Node<'_>, body: Option<Node<'_>>) -> Definition {
    const FUNCTIONS: [&str; 5] = ["function", "method", "constructor", "func", "lambda"];
    let kind = node.kind();
    let is_function = FUNCTIONS.iter().any(|word| kind.contains(word))
        || matches!(kind, "variable_declarator" | "pair" | "constructor_declaration" | "init_declaration");
    Definition {
        name: name.byte_range(),
        range: text.line_start(text.line_of(node.start_byte()))..node.end_byte(),
        body: body.map(|body| crate::scopes::inside_brackets(text, body)),
        is_function,
        depth: 0,
    }
}

/// A variable or a field: its line.
fn of_line(text: &Text, name: Node<'_>) -> Definition {
    let line = text.line_of(name.start_byte());
    Definition {
        name: name.byte_range(),
        range: text.line_start(line)..text.line_end(line),
        body: None,
        is_function: false,
        depth: 0,
    }
}
