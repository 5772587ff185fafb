//! The scopes that enclose the cursor. Invariant: a body that is still being written encloses, too: in languages without closing
//! brackets a blank line belongs to the block it is indented for, and where the tree is broken the headers above are
//! found by their indentation.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::{BlockStyle, QueryKind};
use tree_sitter::Node;

use crate::blocks::opens_block;
use crate::layer::Layer;
use crate::region::last_leaf;
use crate::walk::{QueryTime, indentation, line_after, next_non_blank, path_to, previous_non_blank};

/// Something that encloses the cursor: a function, a class, a section, the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// All of it, in bytes.
    pub range: Range<usize>,
    /// From the start of its first line to the end of what introduces it; an opening bracket belongs to it.
    pub header: Range<usize>,
    /// The range that it encloses, without brackets; none where nothing has been written yet.
    pub body: Option<Range<usize>>,
    /// Its name.
    pub name: Option<Range<usize>>,
}

/// The number of scopes that are returned; of more, the innermost.
const MAX_SCOPES: usize = 64;

/// The number of lines above the cursor that are read where the tree has errors.
const MAX_LINES_ABOVE: usize = 400;

/// The nodes of one scope, as the matches of several patterns name them.
struct Found<'tree> {
    scope: Node<'tree>,
    body: Option<Node<'tree>>,
    name: Option<Node<'tree>>,
    header: Option<Node<'tree>>,
}

impl Layer {
    /// The scopes around a cursor, the outermost first.
    pub(crate) fn enclosing_scopes(&self, text: &Text, offset: usize) -> Vec<Scope> {
        let offset = text.floor_char_boundary(offset);
        let anchor = previous_non_blank(text, offset).unwrap_or(offset);
        let mut found = self.scopes_around(text, anchor);
        found.retain(|found| self.encloses(text, found, anchor, offset));
        let mut scopes: Vec<Scope> = found.iter().map(|found| scope(text, found)).collect();
        if self.has_errors() {
            self.add_broken_scopes(text, offset, &mut scopes);
        }
        scopes.sort_by_key(|scope| (scope.range.start, usize::MAX - scope.range.end));
        // `const f = () => {}` is a scope as a whole and another one behind its `=`.
        scopes.dedup_by(|inner, outer| inner.body.is_some() && inner.body == outer.body);
        scopes.drain(..scopes.len().saturating_sub(MAX_SCOPES));
        scopes
    }

    /// The scopes that the character before `anchor` is in.
    fn scopes_around<'tree>(&'tree self, text: &Text, anchor: usize) -> Vec<Found<'tree>> {
        let mut found: Vec<Found<'tree>> = Vec::new();
        let range = anchor.saturating_sub(1)..anchor;
        self.for_each_match_around(QueryKind::Scopes, text, range, &QueryTime::start(), |node, captures| {
            let capture =
                |wanted: &str| captures.iter().find(|(name, _)| *name == wanted).map(|(_, node)| *node);
            if capture("scope").is_none_or(|scope| scope.id() != node.id()) {
                return;
            }
            // Several patterns may match the same node: each adds what it knows.
            if found.last().is_none_or(|last| last.scope.id() != node.id()) {
                found.push(Found { scope: node, body: None, name: None, header: None });
            }
            if let Some(entry) = found.last_mut() {
                entry.body = entry.body.or_else(|| capture("scope.body"));
                entry.name = entry.name.or_else(|| capture("scope.name"));
                entry.header = entry.header.or_else(|| capture("scope.header"));
            }
        });
        found
    }

    /// Whether what is typed at `offset` goes into the scope. `anchor` is the end of the last thing before it.
    fn encloses(&self, text: &Text, found: &Found<'_>, anchor: usize, offset: usize) -> bool {
        let scope = found.scope;
        if scope.start_byte() >= offset {
            return false;
        }
        let style = self.language().block_style();
        if offset < scope.end_byte() && style != BlockStyle::Indentation {
            return true;
        }
        // Grammars differ in whether the blanks after the last statement are part of it.
        let ends_before = scope.end_byte() <= offset && scope.end_byte() < anchor;
        if ends_before {
            return false;
        }
        match style {
            BlockStyle::Headings => true,
            BlockStyle::Indentation => {
                let line = text.line_of(offset);
                let on_blank_line = anchor < text.line_start(line);
                let written_on = offset < scope.end_byte()
                    && next_non_blank(text, offset).is_some_and(|next| next < scope.end_byte());
                let header_line = text.line_of(scope.start_byte());
                written_on
                    || !on_blank_line
                    || indentation(text, line, offset) > indentation(text, header_line, usize::MAX)
            }
            BlockStyle::Braces | BlockStyle::Keywords | BlockStyle::Tags => {
                // Still open: the closing bracket or word is one that the parser made up, or is not there.
                let last = last_leaf(scope);
                let end = text.slice(last.byte_range());
                found.body.is_some()
                    && (last.is_missing()
                        || !self
                            .language()
                            .block_closers()
                            .iter()
                            .any(|closer| end.ends_with(closer.as_str())))
                    && style != BlockStyle::Tags
            }
        }
    }

    /// Adds headers above the cursor in a broken part of the tree, where no scope was recognised.
    fn add_broken_scopes(&self, text: &Text, offset: usize, scopes: &mut Vec<Scope>) {
        let cursor_line = text.line_of(offset);
        let blank = next_non_blank(text, text.line_start(cursor_line))
            .is_none_or(|start| start >= text.line_end(cursor_line));
        let limit = if blank { offset } else { usize::MAX };
        let mut width = indentation(text, cursor_line, limit);
        for line in (cursor_line.saturating_sub(MAX_LINES_ABOVE)..cursor_line).rev() {
            if width == 0 {
                return;
            }
            let start = text.line_start(line);
            // The text above the layer is in another language.
            if start < self.range.start {
                return;
            }
            let content = line_after(text, start);
            let header_end = start + content.trim_end().len();
            let line_width = indentation(text, line, usize::MAX);
            if content.trim().is_empty() || line_width >= width {
                continue;
            }
            width = line_width;
            let known = scopes.iter().any(|scope| scope.header.start <= start && start < scope.header.end);
            if known || !opens_block(self.language(), &content) {
                continue;
            }
            let around = path_to(self.tree(), header_end.saturating_sub(1)..header_end);
            if around.iter().any(Node::is_error) {
                // A bracket on a line of its own belongs to the line above.
                let alone = content.trim().len() == 1;
                let above = previous_non_blank(text, start).filter(|_| alone);
                let start = above.map_or(start, |end| text.line_start(text.line_of(end - 1)));
                scopes.push(Scope {
                    range: start..offset,
                    header: start..header_end,
                    body: Some(header_end..offset),
                    name: None,
                });
            }
        }
    }
}

fn scope(text: &Text, found: &Found<'_>) -> Scope {
    let range = found.scope.byte_range();
    let start = text.line_start(text.line_of(range.start));
    let body = found.body.map(|body| inside_brackets(text, body));
    let (header_end, body) = match (found.header, body) {
        (Some(header), _) => {
            let end = previous_non_blank(text, header.end_byte()).unwrap_or(header.end_byte());
            (end, (end < range.end).then_some(end..range.end))
        }
        (None, Some(body)) => (header_end(text, &body, found.body).max(start), Some(body)),
        // Nothing marks the header (`[table]`, `def name`): it is the first line.
        (None, None) => {
            let end = text.line_end(text.line_of(range.start)).min(range.end);
            (end, (end < range.end).then_some(end..range.end))
        }
    };
    Scope { header: start..header_end, body, name: found.name.map(|name| name.byte_range()), range }
}

/// The end of the header in front of a body: at its bracket, else at what the grammar has before the body. Comments between
/// the two belong to neither.
fn header_end(text: &Text, body: &Range<usize>, node: Option<Node<'_>>) -> usize {
    let in_brackets = node.is_some_and(|node| node.start_byte() < body.start);
    let before = node.filter(|_| !in_brackets).and_then(|node| {
        std::iter::successors(node.prev_sibling(), Node::prev_sibling).find(|sibling| !sibling.is_extra())
    });
    let end = before.map_or(body.start, |before| before.end_byte());
    previous_non_blank(text, end).unwrap_or(end)
}

/// The range of a body without the brackets it begins and ends with.
pub(crate) fn inside_brackets(text: &Text, body: Node<'_>) -> Range<usize> {
    let mut range = body.byte_range();
    let Some(opener) = text.chars_from(range.start).next().filter(|c| matches!(c, '{' | '[' | '(')) else {
        return range;
    };
    let closer = match opener {
        '{' => '}',
        '[' => ']',
        _ => ')',
    };
    range.start += 1;
    if !range.is_empty() && text.chars_before(range.end).next() == Some(closer) {
        range.end -= 1;
    }
    range
}
