//! The syntax check of a suggestion at its place. Invariant: the document itself is not touched; the parse is incremental, so
//! that it costs what the suggestion costs and not what the file does.

use std::ops::Range;

use fimble_document::{Point, Text, TextEdit};

use crate::{ParseBudget, ParseStopped, SyntaxTree};

/// The effect of an insertion on the syntax of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpliceCheck {
    /// Places that do not fit the grammar, in the text as it is.
    pub errors_before: usize,
    /// The same, with the insertion. They are counted in the whole text: a bracket that is opened here is missed far
    /// below.
    pub errors_after: usize,
}

impl SpliceCheck {
    /// Whether the insertion makes the text worse than it was. Where something is missing already (`let a = ;`), an
    /// insertion that lacks something else instead comes out even.
    #[must_use]
    pub fn adds_errors(&self) -> bool {
        self.errors_after > self.errors_before
    }
}

impl SyntaxTree {
    /// Parses the text as it would be with `replace` replaced by `insertion`. The range is clamped.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn splice_check(
        &self,
        text: &Text,
        replace: Range<usize>,
        insertion: &str,
        budget: &ParseBudget<'_>,
    ) -> Result<SpliceCheck, ParseStopped> {
        let splice = Splice::new(text, replace, insertion);
        let mut edited = self.clone();
        edited.edit(&splice.edit(self));
        let read = |offset| splice.chunk_from(offset);
        let spliced = Self::parse_read(self.language(), Some(&edited), budget, &read)?;
        Ok(SpliceCheck { errors_before: self.n_errors(), errors_after: spliced.n_errors() })
    }
}

/// A text with an insertion, read in place.
struct Splice<'a> {
    text: &'a Text,
    replace: Range<usize>,
    insertion: &'a str,
}

impl<'a> Splice<'a> {
    fn new(text: &'a Text, replace: Range<usize>, insertion: &'a str) -> Self {
        let end = text.floor_char_boundary(replace.end);
        let start = text.floor_char_boundary(replace.start).min(end);
        Self { text, replace: start..end, insertion }
    }

    fn edit(&self, tree: &SyntaxTree) -> TextEdit {
        let start_point = point_near(tree, self.text, self.replace.start);
        TextEdit {
            start: self.replace.start,
            old_end: self.replace.end,
            new_end: self.replace.start + self.insertion.len(),
            start_point,
            old_end_point: start_point.after(&self.text.slice(self.replace.clone())),
            new_end_point: start_point.after(self.insertion),
        }
    }

    fn chunk_from(&self, offset: usize) -> &'a [u8] {
        let insertion_end = self.replace.start + self.insertion.len();
        if offset < self.replace.start {
            let chunk = self.text.chunk_from(offset);
            &chunk[..chunk.len().min(self.replace.start - offset)]
        } else if offset < insertion_end {
            &self.insertion.as_bytes()[offset - self.replace.start..]
        } else {
            self.text.chunk_from(offset - insertion_end + self.replace.end)
        }
    }
}

/// The point of an offset, counted from the nearest node instead of from the start of the text.
fn point_near(tree: &SyntaxTree, text: &Text, offset: usize) -> Point {
    let node = tree.at(offset).tree().root_node().descendant_for_byte_range(offset.saturating_sub(1), offset);
    let (known_offset, known) = node
        .map(|node| (node.start_byte(), node.start_position()))
        .filter(|(start, _)| *start <= offset)
        .unwrap_or_default();
    Point { row: known.row, column: known.column }.after(&text.slice(known_offset..offset))
}
