//! Limits of a text that the editors' plug-ins set: a time, and a least indentation. Invariant: a text that reaches one ends at the
//! end of a line.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// The limits of one text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Time from the first token on, which ends a text that has a whole line.
    time: Option<Duration>,
    /// Blanks that each line but the first begins with.
    indentation: usize,
}

/// How far a text is.
pub(super) struct Progress {
    limits: Limits,
    began: Option<Instant>,
    text: String,
}

impl Limits {
    pub(super) fn new(milliseconds: Option<i64>, indentation: Option<i64>) -> Self {
        let time = milliseconds.and_then(|time| u64::try_from(time).ok()).filter(|time| *time > 0);
        let indentation = indentation.and_then(|blanks| usize::try_from(blanks).ok()).unwrap_or_default();
        Self { time: time.map(Duration::from_millis), indentation }
    }

    pub(super) fn begin(self) -> Progress {
        Progress { limits: self, began: None, text: String::new() }
    }

    /// The part of a text that is within the limits.
    pub(super) fn cut(self, text: &str) -> &str {
        &text[..self.end(text).unwrap_or(text.len())]
    }

    /// Where the first line begins that is indented too little, if its indentation is complete.
    fn end(self, text: &str) -> Option<usize> {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        starts
            .filter(|start| {
                let line = text[*start..].split('\n').next().unwrap_or_default();
                let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
                blanks < self.indentation && blanks < line.len()
            })
            .map(|start| start - 1)
            .next()
    }
}

impl Progress {
    /// Takes a piece; ends the text if a limit is reached.
    pub(super) fn push(&mut self, piece: &str) -> ControlFlow<()> {
        let began = *self.began.get_or_insert_with(Instant::now);
        self.text.push_str(piece);
        let is_late =
            self.limits.time.is_some_and(|time| began.elapsed() >= time) && self.text.contains('\n');
        if is_late || self.limits.end(&self.text).is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_in_front_of_the_first_line_with_too_little_indentation() {
        let limits = Limits::new(None, Some(4));
        for (text, expected) in [
            ("a\n    b\n\n    c", "a\n    b\n\n    c"),
            ("a\n    b\n  c\n", "a\n    b"),
            ("a\n  ", "a\n  "),
            ("a\nb", "a"),
            ("a", "a"),
        ] {
            assert_eq!(limits.cut(text), expected, "{text:?}");
            assert_eq!(limits.begin().push(text).is_break(), text != expected, "{text:?}");
        }
        assert_eq!(Limits::new(Some(-1), None).cut("a\nb"), "a\nb");
    }
}
