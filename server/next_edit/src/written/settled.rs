//! Where an answer that writes a block anew can end early: one change is complete, and the lines behind it are the old ones
//! again. Invariant: what is left out of an answer is the rest of the block as it is.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines that must be the old ones again, one of them with text.
const LINES_AGAIN: usize = 2;

/// An answer as far as it came.
#[derive(Clone, Debug, Default)]
pub struct SettledAnswer {
    answer: String,
}

impl SettledAnswer {
    /// An empty answer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece. Returns the whole new block once the rest of it is known.
    pub fn push(&mut self, piece: &str, block: &str) -> Option<String> {
        self.answer.push_str(piece);
        if piece.contains('\n') { self.settled(block) } else { None }
    }

    /// The answer so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.answer
    }

    fn settled(&self, block: &str) -> Option<String> {
        let whole = &self.answer[..self.answer.rfind('\n')? + 1];
        let new: Vec<&str> = whole.split_inclusive('\n').collect();
        let old: Vec<&str> = block.split_inclusive('\n').collect();
        let operations = capture_diff_slices(Algorithm::Myers, &old, &new);
        let is_changed = operations.iter().any(|operation| {
            matches!(operation, DiffOp::Insert { .. } | DiffOp::Replace { .. })
                || matches!(operation, DiffOp::Delete { new_index, .. } if *new_index < new.len())
        });
        // The old lines that the answer ends with; those behind them are not written yet.
        let end = operations.iter().find_map(|operation| match operation {
            DiffOp::Equal { old_index, new_index, len } if new_index + len == new.len() => {
                (*len >= LINES_AGAIN).then_some(old_index + len)
            }
            _ => None,
        })?;
        let again = &old[end - LINES_AGAIN..end];
        let n_places = old.windows(LINES_AGAIN).filter(|lines| *lines == again).count();
        // Lines that stand at two places do not say at which the answer is.
        if !is_changed || n_places > 1 || again.iter().all(|line| line.trim().is_empty()) {
            return None;
        }
        Some(format!("{whole}{}", old[end..].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "a\nb\nc\nd\ne\n";

    #[test]
    fn an_answer_ends_when_the_old_lines_are_there_again() {
        for (answer, expected) in [
            ("a\nB\nc\nd\n", Some("a\nB\nc\nd\ne\n")),
            // A line was added, or left out.
            ("a\nx\nb\nc\n", Some("a\nx\nb\nc\nd\ne\n")),
            ("a\nc\nd\n", Some("a\nc\nd\ne\n")),
            ("a\nX\nd\ne\n", Some("a\nX\nd\ne\n")),
            // Nothing changed yet, the change is not complete, or one line again may be chance.
            ("a\nb\nc\n", None),
            ("a\nB\nc", None),
            ("a\nB\nc\n", None),
            ("a\nB\nC\n", None),
        ] {
            let mut settled = SettledAnswer::new();
            let ends: Vec<_> =
                answer.split_inclusive('\n').filter_map(|piece| settled.push(piece, BLOCK)).collect();
            assert_eq!(ends.first().map(String::as_str), expected, "{answer}");
        }
    }

    #[test]
    fn lines_that_stand_twice_settle_nothing() {
        let mut settled = SettledAnswer::new();
        let block = "a\nb\n}\n\nc\n}\n\n";
        assert_eq!(settled.push("a\nX\n}\n\n", block), None);
        assert_eq!(settled.push("Y\n}\n\n", block), None);
        assert_eq!(settled.text(), "a\nX\n}\n\nY\n}\n\n");
    }
}
