//! Whether the cursor is in code, in a comment or in a string. Invariant: the result is what the user expects while typing: after
//! a closing quote comes code again, at the end of a line comment the comment continues.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::{Language, QueryKind};
use tree_sitter::Node;

use crate::layer::Layer;
use crate::walk::{QueryTime, line_before, path_to};

/// The kind of text at the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// Anything that is neither of the others; prose and markup, too.
    Code,
    /// A comment.
    Comment,
    /// A string or character literal.
    String,
}

impl Layer {
    /// The kind of text at the cursor. Code inside a string (`${here}`) is code. An offset past the end means the end.
    pub(crate) fn region(&self, text: &Text, offset: usize) -> Region {
        let offset = text.floor_char_boundary(offset);
        if let Some((_, region)) = self.innermost_region(text, offset, &QueryTime::start()) {
            return region;
        }
        // Unclosed strings and comments are errors to the parser; then the line itself has to say.
        let line = text.line_start(text.line_of(offset))..offset;
        if self.is_broken(line) {
            scan_line(self.language(), &line_before(text, offset))
        } else {
            Region::Code
        }
    }

    /// Whether there is an error in a range, or around it.
    fn is_broken(&self, range: Range<usize>) -> bool {
        if !self.has_errors() {
            return false;
        }
        let path = path_to(self.tree(), range.clone());
        if path.iter().any(Node::is_error) {
            return true;
        }
        let Some(around) = path.last() else { return true };
        let mut cursor = around.walk();
        if cursor.goto_first_child_for_byte(range.start).is_none() {
            return around.has_error();
        }
        loop {
            if cursor.node().start_byte() > range.end {
                return false;
            }
            if cursor.node().has_error() {
                return true;
            }
            if !cursor.goto_next_sibling() {
                return false;
            }
        }
    }

    /// The smallest region that the tree knows around the cursor, with its range.
    pub(crate) fn innermost_region(
        &self,
        text: &Text,
        offset: usize,
        time: &QueryTime,
    ) -> Option<(Range<usize>, Region)> {
        let before = offset.checked_sub(1)?..offset;
        let mut innermost: Option<(Range<usize>, Region)> = None;
        self.for_each_match_around(QueryKind::Regions, text, before, time, |_, captures| {
            for (name, node) in captures {
                let region = match *name {
                    "comment" => Region::Comment,
                    "string" => Region::String,
                    "code" => Region::Code,
                    // For a predicate.
                    _ => continue,
                };
                let range = content_range(text, *node);
                let smaller = innermost.as_ref().is_none_or(|(other, _)| range.len() <= other.len());
                let inside = range.start < offset
                    && (offset < range.end
                        || (offset == range.end && goes_on(self.language(), text, *node, region)));
                if smaller && inside {
                    innermost = Some((range, region));
                }
            }
        });
        innermost
    }
}

/// The bytes of a node without the line break that some grammars count in.
fn content_range(text: &Text, node: Node<'_>) -> Range<usize> {
    let mut end = node.end_byte();
    for character in text.chars_before(end).take(2) {
        if end <= node.start_byte() || !matches!(character, '\n' | '\r') {
            break;
        }
        end -= 1;
    }
    node.start_byte()..end
}

/// Whether what is typed right behind a region still belongs to it.
fn goes_on(language: &Language, text: &Text, node: Node<'_>, region: Region) -> bool {
    let range = content_range(text, node);
    let last = text.chars_before(range.end).next();
    match region {
        Region::Comment => {
            let start = text.slice(range.start..(range.start + 8).min(range.end));
            let ends_with_line = language
                .line_comment()
                .is_some_and(|marker| start.trim_start().starts_with(marker))
                && language.block_comment().is_none_or(|(opener, _)| !start.trim_start().starts_with(opener));
            let closed = language.block_comment().is_some_and(|(_, closer)| {
                let tail = text.slice(range.end.saturating_sub(closer.len()).max(range.start)..range.end);
                tail == closer
            });
            ends_with_line || !closed
        }
        // A closing delimiter that the parser made up is not there.
        Region::String => {
            last_leaf(node).is_missing()
                || range.len() < 2
                || last.is_some_and(|c| c.is_alphanumeric() || c.is_whitespace())
        }
        Region::Code => !matches!(last, Some('}' | ')' | ']')),
    }
}

pub(crate) fn last_leaf(node: Node<'_>) -> Node<'_> {
    let mut leaf = node;
    while let Some(last) = u32::try_from(leaf.child_count()).ok().and_then(|n| leaf.child(n.checked_sub(1)?))
    {
        leaf = last;
    }
    leaf
}

/// The kind of text at the end of a line, judged by its quotes and comment markers alone.
fn scan_line(language: &Language, line: &str) -> Region {
    let mut open_quote = None;
    let mut in_block_comment = false;
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let mut n_bytes = character.len_utf8();
        let block_comment = language.block_comment();
        if in_block_comment {
            if let Some((_, closer)) = block_comment
                && rest.starts_with(closer)
            {
                in_block_comment = false;
                n_bytes = closer.len();
            }
        } else if let Some(quote) = open_quote {
            if character == '\\' {
                n_bytes += rest[n_bytes..].chars().next().map_or(0, char::len_utf8);
            } else if character == quote {
                open_quote = None;
            }
        } else if let Some((opener, _)) = block_comment
            && rest.starts_with(opener)
        {
            in_block_comment = true;
            n_bytes = opener.len();
        } else if language.line_comment().is_some_and(|marker| rest.starts_with(marker)) {
            return Region::Comment;
        } else if language.quotes().contains(character) {
            open_quote = Some(character);
        }
        rest = &rest[n_bytes..];
    }
    match (in_block_comment, open_quote) {
        (true, _) => Region::Comment,
        (false, Some(_)) => Region::String,
        (false, None) => Region::Code,
    }
}
