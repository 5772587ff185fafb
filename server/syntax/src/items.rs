//! Imports, items and names in a range. Invariant: the cost is bounded by the range asked about, not by the text.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::QueryKind;
use tree_sitter::Node;

use crate::layer::Layer;
use crate::walk::{QueryScope, QueryTime, previous_non_blank};

/// Imports further down than this are not looked for, in bytes.
const IMPORTS_END: usize = 128 * 1024;

/// How deep an import may stand: inside an include guard, but not inside a function.
const IMPORTS_DEPTH: u32 = 2;

/// The number of imports that are returned; of more, the first.
const MAX_IMPORTS: usize = 256;

/// The number of comments in front of an item that belong to it.
const MAX_ATTACHED: usize = 64;

impl Layer {
    /// The whole lines of imports that end before `before`, in order, without their last line break. What stands in
    /// functions or beyond the first 128 KiB is left out.
    pub(crate) fn imports(&self, text: &Text, before: usize, time: &QueryTime) -> Vec<Range<usize>> {
        let mut imports: Vec<Range<usize>> = Vec::new();
        let range = 0..before.min(IMPORTS_END).min(text.len());
        let scope = QueryScope { node: self.tree().root_node(), range, max_depth: Some(IMPORTS_DEPTH) };
        self.for_each_match(QueryKind::Imports, text, scope, time, |captures| {
            for (_, node) in captures.iter().filter(|(name, _)| *name == "import") {
                let end = previous_non_blank(text, node.end_byte()).unwrap_or(node.end_byte());
                let line_start = text.line_start(text.line_of(node.start_byte()));
                let line_end = text.line_end(text.line_of(end));
                if line_end < before {
                    imports.push(line_start..line_end);
                }
            }
            imports.len() < MAX_IMPORTS
        });
        imports.sort_by_key(|range| (range.start, range.end));
        imports.dedup_by(|next, kept| {
            let overlap = next.start < kept.end;
            if overlap {
                kept.end = kept.end.max(next.end);
            }
            overlap
        });
        imports
    }

    /// Start of the first line in `offset..limit` where an item begins (a function, a class, a section, a statement of
    /// the outer levels), with the comments right above it.
    pub(crate) fn item_start_at_or_after(
        &self,
        offset: usize,
        limit: usize,
        time: &QueryTime,
    ) -> Option<usize> {
        if offset >= limit {
            return None;
        }
        let mut first: Option<Node<'_>> = None;
        let scope = QueryScope { node: self.tree().root_node(), range: offset..limit, max_depth: None };
        // No pattern for scopes and items looks at the text.
        self.for_each_match(QueryKind::Scopes, &Text::default(), scope, time, |captures| {
            for (_, node) in captures.iter().filter(|(name, _)| *name == "item") {
                let in_range = line_start(*node) >= offset && node.start_byte() < limit;
                let earlier = first.is_none_or(|first| node.start_byte() < first.start_byte());
                if in_range && earlier && begins_line(*node) {
                    first = Some(*node);
                }
            }
            // Matches come in the order of their starts, but for those that are known only at their end.
            first.is_none_or(|first| captures.iter().all(|(_, node)| node.start_byte() <= first.end_byte()))
        });
        first.map(|item| line_start(with_comments_above(item, offset)))
    }

    /// The names in a range, in order.
    pub(crate) fn identifiers(
        &self,
        text: &Text,
        range: Range<usize>,
        time: &QueryTime,
    ) -> Vec<Range<usize>> {
        let mut identifiers: Vec<Range<usize>> = Vec::new();
        let scope = QueryScope { node: self.tree().root_node(), range: range.clone(), max_depth: None };
        self.for_each_match(QueryKind::Identifiers, text, scope, time, |captures| {
            for (_, node) in captures.iter().filter(|(name, _)| *name == "identifier") {
                if range.start <= node.start_byte() && node.end_byte() <= range.end {
                    identifiers.push(node.byte_range());
                }
            }
            true
        });
        identifiers.sort_by_key(|range| (range.start, range.end));
        identifiers.dedup();
        identifiers
    }
}

fn line_start(node: Node<'_>) -> usize {
    node.start_byte() - node.start_position().column
}

/// Whether nothing but blanks stands before the node on its line.
fn begins_line(node: Node<'_>) -> bool {
    let row = node.start_position().row;
    let mut outer = node;
    loop {
        if let Some(before) = outer.prev_sibling() {
            let end = before.end_position();
            // A node that takes its line break along ends in column 0 of the next line.
            return end.row < row || end.column == 0;
        }
        match outer.parent() {
            Some(parent) if parent.start_byte() == node.start_byte() => outer = parent,
            Some(parent) => return parent.start_position().row < row,
            None => return true,
        }
    }
}

/// The first of the comments directly above an item and not before `offset`, or the item.
fn with_comments_above(item: Node<'_>, offset: usize) -> Node<'_> {
    let mut first = item;
    for _ in 0..MAX_ATTACHED {
        let Some(above) = first.prev_sibling().filter(Node::is_extra) else { break };
        let adjacent = above.end_position().row + 1 >= first.start_position().row;
        if !adjacent || line_start(above) < offset || !begins_line(above) {
            break;
        }
        first = above;
    }
    first
}
