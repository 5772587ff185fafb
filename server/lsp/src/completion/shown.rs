//! The suggestion that was shown last, and how its acceptance is recognised in an edit. Invariant: each suggestion counts as accepted
//! once at most, whether the client runs its command, only edits the text (Helix), or does both; typing along with a suggestion is
//! no acceptance.

use std::ops::Range;

use fimble_completion::Suggestion;
use fimble_document::{PositionEncoding, Text, TextChange};

use crate::completion::place::Place;
use crate::trace::{RequestTrace, TraceMethod};

/// A suggestion with all that an answer is made from.
pub(crate) struct Shown<'a> {
    pub(crate) suggestion: &'a Suggestion,
    /// Others that may be chosen instead.
    pub(crate) others: &'a [Suggestion],
    pub(crate) text: &'a Text,
    pub(crate) offset: usize,
    pub(crate) encoding: PositionEncoding,
    pub(crate) language_id: &'a str,
    /// Whether the client renders Markdown beside its menu.
    pub(crate) renders_markdown: bool,
    /// Whether the client may be asked to insert items of its menu as they are.
    pub(crate) inserts_as_is: bool,
    pub(crate) trace: &'a RequestTrace,
}

impl Shown<'_> {
    /// What is replaced. The protocol wants it on one line.
    pub(crate) fn replaced(&self) -> Range<usize> {
        self.replaced_by(self.suggestion)
    }

    /// The same for one of the others.
    pub(crate) fn replaced_by(&self, suggestion: &Suggestion) -> Range<usize> {
        let line_end = self.text.line_end(self.text.line_of(self.offset));
        let start = suggestion.replace.start.min(self.offset);
        start..suggestion.replace.end.min(line_end).max(start)
    }
}

/// Characters that a change must bring to count as acceptance: a single one is as likely typed.
const MIN_ACCEPTED: usize = 2;

/// A suggestion that was sent.
pub(crate) struct ShownSuggestion {
    /// Number of the request.
    pub(crate) id: u64,
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) offset: usize,
    /// Length of the document's text then.
    n_bytes: usize,
    replaced: Range<usize>,
    text: String,
    /// Whether the model was still writing.
    pub(crate) is_partial: bool,
    /// How likely it is right.
    confidence: f32,
    /// The method that asked.
    pub(crate) method: TraceMethod,
    /// Whether the first line alone was offered, too.
    has_first_line: bool,
}

impl ShownSuggestion {
    pub(crate) fn new(shown: &Shown<'_>, place: &Place, is_partial: bool) -> Self {
        Self {
            id: shown.trace.id,
            document: place.document,
            revision: place.revision,
            offset: place.offset,
            n_bytes: shown.text.len(),
            replaced: shown.replaced(),
            text: shown.suggestion.text.clone(),
            is_partial,
            confidence: shown.suggestion.confidence,
            method: shown.trace.method,
            has_first_line: shown.trace.method == TraceMethod::Completion,
        }
    }

    /// Whether another suggestion for the same place is better: this one with more behind it, or one that is likelier to be
    /// right.
    pub(crate) fn is_worse_than(&self, other: &Suggestion) -> bool {
        let continues = other.text.len() > self.text.len() && other.text.starts_with(&self.text);
        continues || (!self.text.starts_with(&other.text) && other.confidence > self.confidence)
    }

    /// Whether these changes brought the suggestion into the text, which now is `text`. What was typed between showing and
    /// accepting does not matter: it belongs to the suggestion or is replaced by it.
    pub(crate) fn was_accepted(&self, changes: &[TextChange], text: &Text) -> bool {
        let first_line = self.text.lines().next().filter(|_| self.has_first_line);
        std::iter::once(self.text.as_str()).chain(first_line).any(|accepted| {
            let brings = |change: &TextChange| match change {
                TextChange::Part { text, .. } => {
                    text.len() >= accepted.len() && text.chars().nth(MIN_ACCEPTED - 1).is_some()
                }
                TextChange::Whole(_) => false,
            };
            let end = self.replaced.start + accepted.len();
            changes.iter().any(brings)
                && text.len() == self.n_bytes - self.replaced.len() + accepted.len()
                && text.slice(self.replaced.start..end) == accepted
        })
    }
}
