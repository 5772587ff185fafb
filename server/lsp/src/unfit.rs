//! What is wrong with a text that is not code. Must hold: looking costs one pass over the text and no copy.

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
    let mut line_bytes = 0;
    let mut found = None;
    for chunk in text.chunks() {
        if chunk.as_bytes().contains(&0) {
            return Some(Unfit::Binary);
        }
        for (index, piece) in chunk.as_bytes().split(|byte| *byte == b'\n').enumerate() {
            line_bytes = if index == 0 { line_bytes + piece.len() } else { piece.len() };
            if line_bytes > MAX_LINE_BYTES {
                found = Some(Unfit::LongLine);
            }
        }
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
        assert_eq!(inspect(&Text::new(&format!("{long}\n\0"))), Some(Unfit::Binary));
    }
}
