//! The parts of a text in another language, and their trees. Invariant: what an incremental parse finds is what a fresh one
//! finds; a part that no edit touched is not parsed again; the nodes of the whole text are visited at most once for each parse,
//! and those inside tags not at all.

use std::ops::ControlFlow;

use fimble_grammars::{Language, QueryKind, by_language_id};
use tree_sitter::{
    Node, QueryCursor, QueryCursorOptions, QueryCursorState, QueryProperty, StreamingIterator, Tree,
};

use crate::ParseStopped;
use crate::layer::Layer;
use crate::parse::{Limits, parse_chunks};
use crate::walk::NodeText;

/// The number of parts of one text that are parsed; of more, the first. The others stay text of the outer language.
const MAX_LAYERS: usize = 256;

/// Nodes that are visited between two looks at the limits.
const NODES_BETWEEN_CHECKS: usize = 1024;

/// The layers inside of a tree, in order. `old` are those of the tree before it, with every edit since.
///
/// # Errors
/// The limits are used up, or a grammar cannot be used on its part.
pub(crate) fn embedded_layers<'a>(
    language: &'static Language,
    tree: &Tree,
    old: &[Layer],
    limits: &Limits<'_>,
    read: &dyn Fn(usize) -> &'a [u8],
) -> Result<Vec<Layer>, ParseStopped> {
    let mut layers = Vec::new();
    for (introduction, part) in parts(language, tree, limits)? {
        let Some(inner) = language_behind(language, introduction, limits, read)? else { continue };
        let range = part.byte_range();
        let before = old.iter().find(|old| {
            old.language == inner && old.range.start <= range.end && range.start <= old.range.end
        });
        if let Some(same) = before.filter(|old| !old.is_touched && old.range == range) {
            layers.push(same.clone());
            continue;
        }
        let tree = parse_chunks(inner, before.map(|old| &old.tree), Some(part.range()), limits, read)?;
        layers.push(Layer { language: inner, tree, range, is_touched: false });
    }
    Ok(layers)
}

/// A node that may be in another language, behind the node that introduces it.
type Part<'tree> = (Node<'tree>, Node<'tree>);

/// The nodes that may be in another language, in order.
fn parts<'tree>(
    language: &Language,
    tree: &'tree Tree,
    limits: &Limits<'_>,
) -> Result<Vec<Part<'tree>>, ParseStopped> {
    let mut parts = Vec::new();
    if language.embedded_nodes().is_empty() {
        return Ok(parts);
    }
    let mut n_visited = 0_usize;
    let mut cursor = tree.walk();
    // The sibling in front of the current node.
    let mut before: Option<Node<'tree>> = None;
    loop {
        n_visited += 1;
        if n_visited.is_multiple_of(NODES_BETWEEN_CHECKS)
            && let Some(stopped) = limits.stopped()
        {
            return Err(stopped);
        }
        let node = cursor.node();
        if let Some(introduction) = before
            && language.embedded_nodes().iter().any(|kind| kind == node.kind())
        {
            parts.push((introduction, node));
            if parts.len() == MAX_LAYERS {
                return Ok(parts);
            }
        }
        // Tags have attributes inside, and no elements.
        if node.is_named() && !node.kind().ends_with("_tag") && cursor.goto_first_child() {
            before = None;
            continue;
        }
        before = Some(node);
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Ok(parts);
            }
            before = Some(cursor.node());
        }
    }
}

/// The language of the part that a node introduces; none if it is one that is not known.
fn language_behind<'a>(
    language: &Language,
    introduction: Node<'_>,
    limits: &Limits<'_>,
    read: &dyn Fn(usize) -> &'a [u8],
) -> Result<Option<&'static Language>, ParseStopped> {
    let query = language.query(QueryKind::Embedded);
    let mut cursor = QueryCursor::new();
    cursor.set_max_start_depth(Some(0));
    let mut stopped = None;
    let mut progress = |_: &QueryCursorState| {
        stopped = limits.stopped();
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = QueryCursorOptions::new().progress_callback(&mut progress);
    let mut matches = cursor.matches_with_options(query, introduction, NodeText(read), options);
    let mut last = None;
    while let Some(found) = matches.next() {
        last = last.max(Some(found.pattern_index));
    }
    drop(matches);
    if let Some(stopped) = stopped {
        return Err(stopped);
    }
    let is_language = |property: &&QueryProperty| &*property.key == "language";
    let settings = last.map_or(&[][..], |pattern| query.property_settings(pattern));
    let named = settings.iter().find(is_language).and_then(|property| property.value.as_deref());
    Ok(named.and_then(by_language_id))
}
