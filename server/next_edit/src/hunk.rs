//! One change of the history. Invariant: `range` and `new` agree with the present text; `old` and `new` differ at their first and
//! last characters.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A stretch of a document that differs from what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The document.
    pub document: Arc<str>,
    /// Where `new` is in the present text; later edits move it.
    pub range: Range<usize>,
    /// The text before.
    pub old: String,
    /// The text now.
    pub new: String,
    /// When the first of its edits was made, on the caller's monotonic clock.
    pub first_change: Duration,
    /// When the last of its edits was made.
    pub last_change: Duration,
}

impl Hunk {
    /// Whether only blanks and line breaks differ. Such a change says nothing about other places.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let solid = |text: &'_ str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        solid(&self.old) == solid(&self.new)
    }

    /// Whether an offset is in its text or at one of its ends.
    #[must_use]
    pub fn touches(&self, offset: usize) -> bool {
        self.range.start <= offset && offset <= self.range.end
    }

    pub(crate) fn n_bytes(&self) -> usize {
        self.old.len() + self.new.len()
    }
}

/// A change that the user took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverted {
    /// The document.
    pub document: Arc<str>,
    /// The text before the change, which is there again; whole words.
    pub old: String,
    /// The text that the user did not want.
    pub new: String,
}

/// Length of the common beginning and of the common end behind it, in bytes and on character boundaries.
pub(crate) fn common_ends(old: &str, new: &str) -> (usize, usize) {
    let before = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (&old[before..], &new[before..]);
    let after =
        old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_ends_do_not_overlap() {
        for (old, new, expected) in [
            ("abc", "abc", (3, 0)),
            ("aa", "aaa", (2, 0)),
            ("", "x", (0, 0)),
            ("a-b", "a+b", (1, 1)),
            ("äö", "äü", (2, 0)),
            ("xé", "yé", (0, 2)),
        ] {
            assert_eq!(common_ends(old, new), expected, "{old} {new}");
        }
    }
}
