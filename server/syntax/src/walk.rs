//! Steps over trees and texts that several files need. Invariant: no recursion, for trees may be as deep as the text is
//! long; nothing visits the whole of a large text.

use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use fimble_document::Text;
use fimble_grammars::QueryKind;
use tree_sitter::{
    Node, QueryCursor, QueryCursorOptions, QueryCursorState, StreamingIterator, TextProvider, Tree,
};

use crate::layer::Layer;

/// Spaces and empty lines that are looked over at most, in characters: a guard against files of nothing else.
const MAX_BLANKS: usize = 8 * 1024;

/// Number of ERROR and MISSING nodes. Subtrees without any are not entered. A cursor does not see hidden nodes (a missing
/// line break of Python is one), so that a node with an error but without one to be seen counts as one.
pub(crate) fn count_errors(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut n_errors = 0;
    // For each node from the root down to the current one: how many were counted before it.
    let mut counted_before = Vec::new();
    loop {
        let node = cursor.node();
        counted_before.push(n_errors);
        n_errors += usize::from(node.is_error() || node.is_missing());
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        loop {
            let is_uncounted = counted_before.pop() == Some(n_errors);
            n_errors += usize::from(is_uncounted && cursor.node().has_error());
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return n_errors;
            }
        }
    }
}

/// The nodes that contain a range, outermost first. Going down once is linear where asking each node for its parent is not:
/// that starts from the root every time.
pub(crate) fn path_to(tree: &Tree, range: Range<usize>) -> Vec<Node<'_>> {
    let mut cursor = tree.walk();
    let mut path = vec![cursor.node()];
    while cursor.goto_first_child_for_byte(range.start).is_some() {
        let node = cursor.node();
        if node.start_byte() > range.start || node.end_byte() < range.end {
            break;
        }
        path.push(node);
    }
    path
}

/// The number of nodes around a place that a query searches: the innermost.
const MAX_ANCESTORS: usize = 512;

/// Longest time for all queries of one question. Some milliseconds are usual in large files; an error node with a hundred thousand
/// brackets in a row would take minutes. What was found until then counts.
const QUERY_TIME: Duration = Duration::from_millis(250);

/// The time that all queries of one question to a tree have together, however many nodes and layers they search. Only searching
/// counts: the first question to a language also compiles its queries.
#[derive(Debug)]
pub(crate) struct QueryTime {
    left: Cell<Duration>,
}

impl QueryTime {
    /// The time of a new question.
    pub(crate) fn start() -> Self {
        Self { left: Cell::new(QUERY_TIME) }
    }
}

/// The nodes that a query searches.
pub(crate) struct QueryScope<'tree> {
    /// The start.
    pub(crate) node: Node<'tree>,
    /// Bytes that a match has to touch.
    pub(crate) range: Range<usize>,
    /// How far below `node` a match may start; none is any depth.
    pub(crate) max_depth: Option<u32>,
}

impl Layer {
    /// Runs a query and passes the captures of each match as (name, node). `visit` returns false to end it. Nothing more is found
    /// once the time is over.
    pub(crate) fn for_each_match<'tree>(
        &self,
        kind: QueryKind,
        text: &Text,
        scope: QueryScope<'tree>,
        time: &QueryTime,
        mut visit: impl FnMut(&[(&str, Node<'tree>)]) -> bool,
    ) {
        if time.left.get().is_zero() {
            return;
        }
        let query = self.language().query(kind);
        let names = query.capture_names();
        let start = Instant::now();
        let mut progress = |_: &QueryCursorState| {
            if start.elapsed() < time.left.get() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let mut cursor = QueryCursor::new();
        cursor.set_byte_range(scope.range).set_max_start_depth(scope.max_depth);
        let options = QueryCursorOptions::new().progress_callback(&mut progress);
        let read = |offset| text.chunk_from(offset);
        let mut matches = cursor.matches_with_options(query, scope.node, NodeText(&read), options);
        let mut captures = Vec::new();
        while let Some(found) = matches.next() {
            captures.clear();
            captures
                .extend(found.captures.iter().map(|capture| (names[capture.index as usize], capture.node)));
            if !visit(&captures) {
                break;
            }
        }
        time.left.set(time.left.get().saturating_sub(start.elapsed()));
    }

    /// Runs a query on each node that contains a range, the innermost first, and on nothing else: from the root it would
    /// go through all siblings of each. A match may reach further down than its first node.
    pub(crate) fn for_each_match_around<'tree>(
        &'tree self,
        kind: QueryKind,
        text: &Text,
        range: Range<usize>,
        time: &QueryTime,
        mut visit: impl FnMut(Node<'tree>, &[(&str, Node<'tree>)]),
    ) {
        let path = path_to(self.tree(), range);
        for &node in path.iter().rev().filter(|node| node.is_named()).take(MAX_ANCESTORS) {
            // The root is the whole text, which is neither a scope nor a comment.
            if node.id() == path[0].id() {
                continue;
            }
            let scope = QueryScope { node, range: node.byte_range(), max_depth: Some(0) };
            self.for_each_match(kind, text, scope, time, |captures| {
                visit(node, captures);
                true
            });
        }
    }
}

/// The text of nodes, for the predicates of queries; read from a byte offset on, an empty chunk meaning the end.
pub(crate) struct NodeText<'r, 'a>(pub(crate) &'r dyn Fn(usize) -> &'a [u8]);

impl TextProvider<Vec<u8>> for NodeText<'_, '_> {
    type I = std::iter::Once<Vec<u8>>;

    fn text(&mut self, node: Node<'_>) -> Self::I {
        let mut bytes = Vec::new();
        let mut offset = node.start_byte();
        while offset < node.end_byte() {
            let chunk = (self.0)(offset);
            if chunk.is_empty() {
                break;
            }
            bytes.extend_from_slice(&chunk[..chunk.len().min(node.end_byte() - offset)]);
            offset += chunk.len();
        }
        std::iter::once(bytes)
    }
}

/// End of the last character before `offset` that is not blank.
pub(crate) fn previous_non_blank(text: &Text, offset: usize) -> Option<usize> {
    let offset = text.floor_char_boundary(offset);
    let mut end = offset;
    for character in text.chars_before(offset).take(MAX_BLANKS) {
        if !character.is_whitespace() {
            return Some(end);
        }
        end -= character.len_utf8();
    }
    None
}

/// Start of the first character from `offset` on that is not blank.
pub(crate) fn next_non_blank(text: &Text, offset: usize) -> Option<usize> {
    let mut start = text.floor_char_boundary(offset);
    for character in text.chars_from(start).take(MAX_BLANKS) {
        if !character.is_whitespace() {
            return Some(start);
        }
        start += character.len_utf8();
    }
    None
}

/// Longest indentation that is measured, in characters.
const MAX_INDENTATION: usize = 1024;

/// Width of the blanks that a line begins with, up to `limit` (a byte offset). A tab counts as four: what matters is only
/// which of two lines stands further right, in files that mix both as little as in others.
pub(crate) fn indentation(text: &Text, line: usize, limit: usize) -> usize {
    let start = text.line_start(line);
    // Blanks are one byte each, so that offsets can be counted along.
    (start..limit)
        .zip(text.chars_from(start).take(MAX_INDENTATION))
        .map_while(|(_, character)| match character {
            ' ' => Some(1),
            '\t' => Some(4),
            _ => None,
        })
        .sum()
}

/// Longest part of a line that is read, in bytes: lines of generated files can be as long as the file.
const MAX_LINE_BYTES: usize = 2 * 1024;

/// The last bytes of a line before `end`, at most [`MAX_LINE_BYTES`].
pub(crate) fn line_before(text: &Text, end: usize) -> String {
    let start = text.line_start(text.line_of(end));
    let end = text.floor_char_boundary(end);
    text.slice(start.max(end.saturating_sub(MAX_LINE_BYTES))..end).into_owned()
}

/// The first bytes of a line from `start` on, at most [`MAX_LINE_BYTES`], without the line break.
pub(crate) fn line_after(text: &Text, start: usize) -> String {
    let end = text.line_end(text.line_of(start));
    text.slice(start..end.min(start.saturating_add(MAX_LINE_BYTES))).into_owned()
}

#[cfg(test)]
mod tests {
    use fimble_grammars::by_language_id;

    use super::*;
    use crate::{ParseBudget, SyntaxTree};

    #[test]
    fn nothing_is_found_once_the_time_of_a_question_is_over() {
        let text = Text::new("let a = b;\n");
        let language = by_language_id("javascript").expect("it is compiled in");
        let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).expect("it is parsed");
        let over = QueryTime { left: Cell::new(Duration::ZERO) };
        assert!(tree.at(0).identifiers(&text, 0..text.len(), &over).is_empty());
        let found = tree.at(0).identifiers(&text, 0..text.len(), &QueryTime::start());
        assert_eq!(found, [4..5, 8..9]);
    }
}
