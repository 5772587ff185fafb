//! What is wrong with a text that is not code. Invariant: looking costs one pass over the text, at the speed of memory, and no
//! copy.

use fimble_document::Text;

/// A line over this length, in bytes, is data and not code: it is neither parsed nor shown to the model.
pub(crate) const MAX_LINE_BYTES: usize = 256 * 1024;

/// Why a document is kept but neither parsed nor completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It holds NUL characters.
    Binary,
    /// A line is longer than `MAX_LINE_BYTES`.
    LongLine,
}

/// Looks for faults in a whole text.
pub(crate) fn inspect(text: &Text) -> Option<Unfit> {
    /// No line inside of a piece is too long: only where pieces meet is there something to count.
    const PIECE: usize = MAX_LINE_BYTES / 4;
    let is_break = |byte: &u8| *byte == b'\n';
    let mut line_bytes = 0;
    let mut found = None;
    for piece in text.chunks().flat_map(|chunk| chunk.as_bytes().chunks(PIECE)) {
        if piece.contains(&0) {
            return Some(Unfit::Binary);
        }
        let first_break = piece.iter().position(is_break);
        if line_bytes + first_break.unwrap_or(piece.len()) > MAX_LINE_BYTES {
            found = Some(Unfit::LongLine);
        }
        line_bytes = match piece.iter().rposition(is_break) {
            Some(last_break) => piece.len() - last_break - 1,
            None => line_bytes + piece.len(),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_found_across_the_pieces_of_a_large_text() {
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        let many_short = "short line\n".repeat(100_000);
        assert_eq!(inspect(&Text::new(&many_short)), None);
        assert_eq!(inspect(&Text::new(&format!("a\n{long}\nb"))), Some(Unfit::LongLine));
        assert_eq!(inspect(&Text::new(&format!("{}\n{}", &long[1..], &long[1..]))), None);
        assert_eq!(inspect(&Text::new(&format!("{many_short}{long}\n{many_short}"))), Some(Unfit::LongLine));
        assert_eq!(inspect(&Text::new(&format!("{many_short}{}\n{many_short}", &long[1..]))), None);
        assert_eq!(inspect(&Text::new(&format!("{long}\n\0"))), Some(Unfit::Binary));
    }
}
