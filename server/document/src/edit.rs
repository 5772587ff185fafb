//! Changes: as a client sends them, and as they took effect in bytes.

use crate::{PositionRange, Text};

/// Row and byte column as tree-sitter counts them: a row ends at `\n` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Row, from 0.
    pub row: usize,
    /// Bytes since the start of the row.
    pub column: usize,
}

impl Point {
    /// The point reached after walking over `text`.
    #[must_use]
    pub fn after(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let n_rows = bytes.iter().filter(|byte| **byte == b'\n').count();
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            None => Self { row: self.row, column: self.column + bytes.len() },
            Some(last) => Self { row: self.row + n_rows, column: bytes.len() - last - 1 },
        }
    }
}

/// One change as a client sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextChange {
    /// A part is replaced.
    Part {
        /// The range that is replaced.
        range: PositionRange,
        /// The text that replaces it.
        text: String,
    },
    /// The whole text is another one. It is made where the change is read, because that takes long for a large one.
    Whole(Text),
}

impl TextChange {
    /// Whether nothing of the text before matters.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

/// One change as it took effect: the bytes `start..old_end` of the old text became `start..new_end` of the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextEdit {
    /// First byte that may differ.
    pub start: usize,
    /// End of the replaced bytes in the old text.
    pub old_end: usize,
    /// End of the new bytes in the new text.
    pub new_end: usize,
    /// `start` as a point.
    pub start_point: Point,
    /// `old_end` as a point of the old text.
    pub old_end_point: Point,
    /// `new_end` as a point of the new text.
    pub new_end_point: Point,
}
