//! Places where something is missing that the code does not show: a model that fills in the middle may write it. Invariant: what
//! fills a hole is one expression on one line; the edit is checked like any other.

use std::sync::Arc;

use crate::source::{Source, sources};
use crate::verify::is_sound;
use crate::{NextEdit, NextEditKind, Request, signature};

/// Holes that are returned.
const MAX_HOLES: usize = 4;
/// A longer filling is more than one argument.
const MAX_BYTES: usize = 60;

/// A place where a text is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// The document.
    pub document: Arc<str>,
    /// Byte offset of the insertion in the present text.
    pub offset: usize,
    /// What is inserted before the missing text.
    pub before: String,
    /// What is inserted behind it.
    pub behind: String,
    /// The lines of the changed definition: they say what is missing.
    pub definition: String,
    /// The document of these lines.
    pub defined_in: Arc<str>,
    /// How likely it is that something is missing here, from 0 to 1.
    pub confidence: f32,
}

/// The holes that the history leads to, the surest first, and of equal ones the nearest to the cursor in its document. To be
/// asked where [`crate::propose`] finds nothing.
#[must_use]
pub fn holes(request: &Request<'_>) -> Vec<Hole> {
    let sources = sources(request);
    if (request.cancelled)() || request.history.hunks().is_empty() || sources.is_empty() {
        return Vec::new();
    }
    let mut found = signature::holes(request, &sources);
    let current = request.files.get(request.current).map(|file| file.document);
    let distance = |hole: &Hole| match current {
        Some(current) if current == &*hole.document => hole.offset.abs_diff(request.cursor),
        _ => usize::MAX,
    };
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| distance(a).cmp(&distance(b))));
    found.truncate(MAX_HOLES);
    found
}

impl Hole {
    /// The part of what a model wrote behind [`Hole::before`] that fills the hole: up to a comma or a bracket that is not its own.
    #[must_use]
    pub fn filling<'t>(&self, written: &'t str) -> &'t str {
        let mut depth = 0_usize;
        let mut quote = None;
        for (at, character) in written.char_indices() {
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'' | '`') => quote = Some(character),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') if depth > 0 => depth -= 1,
                (None, ')' | ']' | '}' | '\n') => return &written[..at],
                (None, ',' | ';') if depth == 0 => return &written[..at],
                _ => {}
            }
        }
        written
    }

    /// The edit that fills the hole with a text of this probability. None if the text is no single expression, and if the edit
    /// should not be made.
    #[must_use]
    pub fn fill(&self, request: &Request<'_>, text: &str, probability: f32) -> Option<NextEdit> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_BYTES || text.contains('\n') || !is_one_item(text) {
            return None;
        }
        let sources = sources(request);
        let source: &Source<'_> = sources.iter().find(|source| source.document == self.document)?;
        let edit = source.edit(
            self.offset..self.offset,
            [&self.before, text, &self.behind].concat(),
            NextEditKind::Signature,
            self.confidence * probability,
            1,
        );
        is_sound(request, source, &edit).then_some(edit)
    }
}

/// Whether a text is one item of a list: its brackets are in pairs, and no comma is outside of them.
fn is_one_item(text: &str) -> bool {
    let list = format!("({text})");
    crate::calls::list_at(&list, 0, false)
        .is_some_and(|found| found.items.len() == 1 && found.close + 1 == list.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filling_ends_at_a_comma_or_bracket_that_is_not_its_own() {
        let hole = Hole {
            document: Arc::from("a"),
            offset: 0,
            before: ", ".to_owned(),
            behind: String::new(),
            definition: String::new(),
            defined_in: Arc::from("a"),
            confidence: 1.0,
        };
        for (written, expected) in [
            ("unit)\n", "unit"),
            ("f(a, b), c)", "f(a, b)"),
            ("\"a, )\")", "\"a, )\""),
            ("[1, 2][0]) + 3", "[1, 2][0]"),
            ("x", "x"),
            (")", ""),
        ] {
            assert_eq!(hole.filling(written), expected, "{written}");
        }
        assert!(is_one_item("f(a, b)") && !is_one_item("a, b") && !is_one_item("a)") && !is_one_item("(a"));
    }
}
