//! The edits of a workspace, as hunks. Invariant: hunks of one document are apart from each other; each agrees with the present
//! text; as long as no limit was reached, undoing all hunks of a document gives its text at the first edit. Number and size of
//! hunks are bounded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use fimble_document::{Text, TextEdit};

use crate::hunk::common_ends;
use crate::tokens::is_word_character;
use crate::{Hunk, Reverted};

/// Hunks that are kept; of more, the last.
const MAX_HUNKS: usize = 256;

/// Bytes of all hunks together, old and new text.
const MAX_BYTES: usize = 128 * 1024;

/// A larger change, such as that of a formatter or a checkout, is no hunk: it says nothing about what the user does.
const MAX_HUNK_BYTES: usize = 8 * 1024;

/// Changes that were taken back and are remembered.
const MAX_REVERTED: usize = 64;

/// Edits on one line that follow each other within this time are one hunk.
const GROUP_TIME: Duration = Duration::from_secs(2);

/// The edits of all open documents of one workspace. The caller leaves out documents with secrets.
#[derive(Clone, Debug, Default)]
pub struct EditHistory {
    /// In the order of their last changes.
    hunks: Vec<Hunk>,
    reverted: VecDeque<Reverted>,
}

impl EditHistory {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an edit that turned `before` into `after`. `at` is a monotonic time. To be called for every edit of a document, in
    /// order, until [`EditHistory::forget`].
    pub fn record(&mut self, document: &str, before: &Text, edit: &TextEdit, after: &Text, at: Duration) {
        let Some(Change { replaced, new_end }) = Change::trimmed(before, edit, after) else { return };
        let mut whole = replaced.clone();
        let mut touched = self.take_touched(document, before, &mut whole, at);
        touched.sort_by_key(|hunk| hunk.range.start);
        self.move_behind(document, &replaced, new_end);
        let n_old = whole.len() + touched.iter().map(Hunk::n_bytes).sum::<usize>();
        let new_range = whole.start..(whole.end - replaced.end) + new_end;
        if n_old > MAX_HUNK_BYTES || new_range.len() > MAX_HUNK_BYTES {
            return;
        }
        let mut old = String::new();
        let mut copied = whole.start;
        for hunk in &touched {
            old.push_str(&before.slice(copied..hunk.range.start));
            old.push_str(&hunk.old);
            copied = hunk.range.end;
        }
        old.push_str(&before.slice(copied..whole.end));
        let new = after.slice(new_range.clone()).into_owned();
        let (n_before, n_after) = common_ends(&old, &new);
        if old == new {
            self.reverted.extend(touched.into_iter().map(|hunk| reverted(hunk, before)));
            self.reverted.drain(..self.reverted.len().saturating_sub(MAX_REVERTED));
            return;
        }
        self.hunks.push(Hunk {
            document: Arc::from(document),
            range: new_range.start + n_before..new_range.end - n_after,
            old: old[n_before..old.len() - n_after].to_owned(),
            new: new[n_before..new.len() - n_after].to_owned(),
            first_change: touched.iter().map(|hunk| hunk.first_change).min().unwrap_or(at),
            last_change: at,
        });
        self.limit();
    }

    /// Removes everything about a document: it was closed, or its text is not known any more.
    pub fn forget(&mut self, document: &str) {
        self.hunks.retain(|hunk| *hunk.document != *document);
        self.reverted.retain(|reverted| *reverted.document != *document);
    }

    /// The hunks of all documents, in the order of their last changes, the oldest first.
    #[must_use]
    pub fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The changes that were taken back, the oldest first.
    pub fn reverted(&self) -> impl Iterator<Item = &Reverted> {
        self.reverted.iter()
    }

    /// The present text of a document with all its hunks undone: the text before the user began to edit.
    #[must_use]
    pub fn original(&self, document: &str, text: &Text) -> String {
        let mut hunks: Vec<&Hunk> = self.hunks.iter().filter(|hunk| *hunk.document == *document).collect();
        hunks.sort_by_key(|hunk| hunk.range.start);
        let mut original = String::with_capacity(text.len());
        let mut copied = 0;
        for hunk in hunks {
            original.push_str(&text.slice(copied..hunk.range.start));
            original.push_str(&hunk.old);
            copied = hunk.range.end;
        }
        original.push_str(&text.slice(copied..text.len()));
        original
    }

    /// Removes and returns the hunks that become one with a change, and extends the change to all of them.
    fn take_touched(
        &mut self,
        document: &str,
        before: &Text,
        whole: &mut Range<usize>,
        at: Duration,
    ) -> Vec<Hunk> {
        let line = before.line_of(whole.start);
        let line = before.line_start(line)..before.line_end(line);
        let is_on_line = whole.end <= line.end;
        let is_grouped = |hunk: &Hunk| {
            let is_recent = at.saturating_sub(hunk.last_change) <= GROUP_TIME;
            is_on_line && is_recent && line.start <= hunk.range.start && hunk.range.end <= line.end
        };
        let mut touched = Vec::new();
        loop {
            let is_touched = |hunk: &Hunk| hunk.range.start <= whole.end && whole.start <= hunk.range.end;
            let found = self
                .hunks
                .iter()
                .position(|hunk| *hunk.document == *document && (is_touched(hunk) || is_grouped(hunk)));
            let Some(found) = found else { return touched };
            let hunk = self.hunks.remove(found);
            *whole = whole.start.min(hunk.range.start)..whole.end.max(hunk.range.end);
            touched.push(hunk);
        }
    }

    fn move_behind(&mut self, document: &str, replaced: &Range<usize>, new_end: usize) {
        for hunk in self.hunks.iter_mut().filter(|hunk| *hunk.document == *document) {
            if hunk.range.start >= replaced.end {
                let moved = |offset: usize| offset - replaced.end + new_end;
                hunk.range = moved(hunk.range.start)..moved(hunk.range.end);
            }
        }
    }

    fn limit(&mut self) {
        let mut n_bytes: usize = self.hunks.iter().map(Hunk::n_bytes).sum();
        let mut n_left_out = self.hunks.len().saturating_sub(MAX_HUNKS);
        n_bytes -= self.hunks[..n_left_out].iter().map(Hunk::n_bytes).sum::<usize>();
        while n_bytes > MAX_BYTES {
            n_bytes -= self.hunks[n_left_out].n_bytes();
            n_left_out += 1;
        }
        self.hunks.drain(..n_left_out);
    }
}

/// A hunk that is taken back, widened to whole words of the text before that.
fn reverted(hunk: Hunk, before: &Text) -> Reverted {
    let is_word = |c: &char| is_word_character(*c);
    let start: String = before.chars_before(hunk.range.start).take_while(is_word).collect();
    let start: String = start.chars().rev().collect();
    let end: String = before.chars_from(hunk.range.end).take_while(is_word).collect();
    Reverted {
        document: hunk.document,
        old: [&start, &*hunk.old, &end].concat(),
        new: [&start, &*hunk.new, &end].concat(),
    }
}

/// An edit without what is the same before and after it.
struct Change {
    /// In the text before.
    replaced: Range<usize>,
    /// End of the new bytes in the text after.
    new_end: usize,
}

impl Change {
    fn trimmed(before: &Text, edit: &TextEdit, after: &Text) -> Option<Self> {
        let old = before.slice(edit.start..edit.old_end);
        let new = after.slice(edit.start..edit.new_end);
        if old == new {
            return None;
        }
        let (n_before, n_after) = common_ends(&old, &new);
        Some(Self {
            replaced: edit.start + n_before..edit.old_end - n_after,
            new_end: edit.new_end - n_after,
        })
    }
}
