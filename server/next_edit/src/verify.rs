//! The check of a proposal. Invariant: what passes changes more than blanks, leaves no new syntax error, and takes back nothing
//! that the user just did.

use std::time::Duration;

use fimble_syntax::ParseBudget;

use crate::hunk::common_ends;
use crate::source::Source;
use crate::tokens::places_of;
use crate::{Hunk, NextEdit, Request};

/// Time for the parse of one proposal.
const PARSE_TIME: Duration = Duration::from_millis(20);

/// A shorter text may be deleted in one place and needed in another one.
const MIN_DELETED: usize = 3;

impl Request<'_> {
    /// Whether a place touches the cursor while the user types there.
    pub(crate) fn is_being_typed(&self, source: &Source<'_>, place: &std::ops::Range<usize>) -> bool {
        let is_current =
            self.files.get(self.current).is_some_and(|current| *current.document == *source.document);
        !self.is_at_rest && is_current && place.start <= self.cursor && self.cursor <= place.end
    }
}

/// Whether a proposal may be made.
pub(crate) fn is_sound(request: &Request<'_>, source: &Source<'_>, edit: &NextEdit) -> bool {
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let range = &edit.range;
    let is_text = range.start <= range.end
        && source.content().get(range.clone()).is_some_and(|text| text == edit.old_text);
    if !is_text || solid(&edit.old_text) == solid(&edit.new_text) {
        return false;
    }
    let touching = |hunk: &&Hunk| hunk.range.start <= range.end && range.start <= hunk.range.end;
    for hunk in source.hunks(request.history.hunks()).filter(touching) {
        let is_inside = hunk.range.start < range.end && range.start < hunk.range.end;
        if is_inside || is_revert(source, edit, hunk) || request.is_being_typed(source, &hunk.range) {
            return false;
        }
    }
    let (n_before, n_after) = common_ends(&edit.old_text, &edit.new_text);
    let removed = &edit.old_text[n_before..edit.old_text.len() - n_after];
    let inserted = &edit.new_text[n_before..edit.new_text.len() - n_after];
    let is_refused = |old: &str, new: &str| old == removed && new == inserted;
    if request.history.reverted().any(|reverted| is_refused(&reverted.old, &reverted.new)) {
        return false;
    }
    if request.history.hunks().iter().any(|hunk| is_deleted(hunk, inserted)) {
        return false;
    }
    let budget = ParseBudget { time: Some(PARSE_TIME), cancelled: request.cancelled };
    source
        .tree
        .splice_check(source.text, range.clone(), &edit.new_text, &budget)
        .is_ok_and(|check| !check.adds_errors())
}

/// Whether the text around a hunk would be as it was before.
fn is_revert(source: &Source<'_>, edit: &NextEdit, hunk: &Hunk) -> bool {
    let whole = edit.range.start.min(hunk.range.start)..edit.range.end.max(hunk.range.end);
    let around = |start: usize, end: usize, text: &str| {
        let content = source.content();
        [&content[whole.start..start], text, &content[end..whole.end]].concat()
    };
    let before = around(hunk.range.start, hunk.range.end, &hunk.old);
    around(edit.range.start, edit.range.end, &edit.new_text) == before
}

/// Whether the user deleted a text.
fn is_deleted(hunk: &Hunk, inserted: &str) -> bool {
    let inserted = inserted.trim();
    let has = |text: &str| places_of(text, inserted, 1).is_none_or(|places| !places.is_empty());
    inserted.len() >= MIN_DELETED && has(&hunk.old) && !has(&hunk.new)
}
