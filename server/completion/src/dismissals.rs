//! The dismissals of one document: places, and the suggestions there. Invariant: at a dismissed place nothing is suggested until
//! the text around it changes; a dismissed text does not come back while the user types it, types something else and undoes that,
//! or deletes; a different suggestion is shown.

use fimble_document::Text;

use crate::Suggestion;
use crate::places::{hash_after, hash_before};

/// Bytes around a place, or above a line, that must be as they were for a dismissal to hold.
const DISMISS_BYTES: usize = 256;

/// Dismissed places, and dismissed texts, that are remembered.
const MAX_DISMISSED: usize = 32;

/// The dismissals of one document; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Dismissals {
    places: Vec<(u64, u64)>,
    texts: Vec<Dismissed>,
}

/// The lines with a suggestion applied.
#[derive(Debug, PartialEq)]
struct Dismissed {
    /// Hash of the text above the first of the lines.
    above: u64,
    /// The lines, from the start of the first one to the end of what was suggested.
    lines: String,
    /// How much of them stood before the cursor.
    n_before: usize,
}

impl Dismissals {
    /// The user does not want these suggestions, which are shown at `offset`, nor any other one there.
    pub(crate) fn add(&mut self, text: &Text, offset: usize, suggestions: &[Suggestion]) {
        let place = place(text, offset);
        self.places.retain(|other| *other != place);
        self.places.insert(0, place);
        self.places.truncate(MAX_DISMISSED);
        for suggestion in suggestions {
            let (start, lines) = lines(text, offset, suggestion);
            let above = hash_before(text, start, DISMISS_BYTES);
            let dismissed = Dismissed { above, lines, n_before: offset.saturating_sub(start) };
            self.texts.retain(|other| *other != dismissed);
            self.texts.insert(0, dismissed);
        }
        self.texts.truncate(MAX_DISMISSED);
    }

    /// Whether a suggestion was dismissed at this place.
    pub(crate) fn is_place(&self, text: &Text, offset: usize) -> bool {
        !self.places.is_empty() && self.places.contains(&place(text, offset))
    }

    /// Whether this suggestion, at `offset`, says what was dismissed.
    pub(crate) fn is_said_by(&self, text: &Text, offset: usize, suggestion: &Suggestion) -> bool {
        self.texts.iter().any(|dismissed| dismissed.is_said_by(text, offset, suggestion))
    }

    /// The user wants this suggestion, which is shown at `offset`, after all.
    pub(crate) fn take_back(&mut self, text: &Text, offset: usize, suggestion: &Suggestion) {
        if !self.places.is_empty() {
            let place = place(text, offset);
            self.places.retain(|other| *other != place);
        }
        self.texts.retain(|dismissed| !dismissed.is_said_by(text, offset, suggestion));
    }
}

impl Dismissed {
    /// Whether this suggestion makes the same of the lines, as far as both go. It does not where it ends before what was
    /// dismissed began, nor where the cursor is behind all of it.
    fn is_said_by(&self, text: &Text, offset: usize, suggestion: &Suggestion) -> bool {
        let (start, said) = lines(text, offset, suggestion);
        let n_typed = offset.saturating_sub(start);
        let line_starts = self.lines.match_indices('\n').map(|(at, _)| at + 1);
        // After typing along suggested lines, the cursor is in a later one of them.
        std::iter::once(0).chain(line_starts).any(|n_above| {
            let rest = self.lines[n_above..].trim_end();
            let said = said.trim_end();
            rest.len() > n_typed
                && n_above + said.len() > self.n_before
                && (rest.starts_with(said) || said.starts_with(rest))
                && start.checked_sub(n_above).is_some_and(|first| {
                    text.slice(first..start) == self.lines[..n_above]
                        && hash_before(text, first, DISMISS_BYTES) == self.above
                })
        })
    }
}

/// Where the line begins that a suggestion changes, and what it would be from there on.
fn lines(text: &Text, offset: usize, suggestion: &Suggestion) -> (usize, String) {
    let from = text.floor_char_boundary(suggestion.replace.start.min(offset));
    let start = text.line_start(text.line_of(from));
    (start, format!("{}{}", text.slice(start..from), suggestion.text))
}

fn place(text: &Text, offset: usize) -> (u64, u64) {
    (hash_before(text, offset, DISMISS_BYTES), hash_after(text, offset, DISMISS_BYTES))
}
