//! One open buffer. Invariant: the text equals the client's as long as [`SyncState::InSync`] says so; once a change did
//! not fit, the document answers nothing until the client sends the full text again.

use std::fmt;

use crate::{Point, PositionEncoding, Text, TextChange, TextEdit};

/// Whether the text can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// The text is the client's.
    InSync,
    /// A change did not fit; waiting for a full text.
    OutOfSync,
}

/// Why a change did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The version did not grow.
    StaleVersion {
        /// Version of the document.
        current: i32,
        /// Version of the change.
        received: i32,
    },
    /// The range starts after the last line: the client's text is not ours.
    OutsideText {
        /// Line of the range's start.
        line: u32,
        /// Lines that there are.
        n_lines: usize,
    },
    /// The range ends before it starts.
    ReversedRange,
    /// An earlier change did not fit and this one is not the full text.
    AlreadyOutOfSync,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleVersion { current, received } => {
                write!(f, "version {received} came after version {current}")
            }
            Self::OutsideText { line, n_lines } => write!(f, "line {line} of a text of {n_lines} lines"),
            Self::ReversedRange => f.write_str("the range ends before it starts"),
            Self::AlreadyOutOfSync => f.write_str("an earlier change did not fit; waiting for the full text"),
        }
    }
}

impl std::error::Error for ChangeError {}

/// Text, version and trustworthiness of one open buffer.
#[derive(Clone, Debug)]
pub struct Document {
    text: Text,
    version: i32,
    sync: SyncState,
}

impl Document {
    /// A buffer as opened.
    #[must_use]
    pub fn new(text: impl Into<Text>, version: i32) -> Self {
        Self { text: text.into(), version, sync: SyncState::InSync }
    }

    /// The text. Not to be used for answers when out of sync.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Version of the last change that was received.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Whether the text can be trusted.
    #[must_use]
    pub fn sync_state(&self) -> SyncState {
        self.sync
    }

    /// Marks the text as not the client's any more, for a change that never reached [`Document::apply`]. The next full
    /// text brings it back in sync.
    pub fn mark_out_of_sync(&mut self) {
        self.sync = SyncState::OutOfSync;
    }

    /// Applies the changes of one notification in order and calls `on_edit` for each that took effect.
    ///
    /// # Errors
    /// The first change that does not fit; the document is out of sync from then on, until a change without a range (the
    /// full text) arrives, which is always accepted if its version is newer or the document was out of sync.
    pub fn apply(
        &mut self,
        version: i32,
        changes: &[TextChange],
        encoding: PositionEncoding,
        mut on_edit: impl FnMut(&Text, TextEdit),
    ) -> Result<(), ChangeError> {
        let last_whole = changes.iter().rposition(TextChange::is_whole);
        let (n_superseded, heals) = (last_whole.unwrap_or(0), last_whole.is_some());
        if self.sync == SyncState::OutOfSync && !heals {
            self.version = self.version.max(version);
            return Err(ChangeError::AlreadyOutOfSync);
        }
        if version <= self.version && !heals {
            self.sync = SyncState::OutOfSync;
            return Err(ChangeError::StaleVersion { current: self.version, received: version });
        }
        self.version = version;
        self.sync = SyncState::InSync;
        for change in &changes[n_superseded..] {
            match self.apply_one(change, encoding) {
                Ok(edit) => on_edit(&self.text, edit),
                Err(error) => {
                    self.sync = SyncState::OutOfSync;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn apply_one(
        &mut self,
        change: &TextChange,
        encoding: PositionEncoding,
    ) -> Result<TextEdit, ChangeError> {
        let (range, text) = match change {
            TextChange::Part { range, text } => (range, text),
            TextChange::Whole(text) => return Ok(self.exchange(text.clone())),
        };
        if range.end < range.start {
            return Err(ChangeError::ReversedRange);
        }
        // The line after the last one is how some clients say "the end of the text".
        let n_lines = self.text.n_lines();
        if range.start.line as usize > n_lines {
            return Err(ChangeError::OutsideText { line: range.start.line, n_lines });
        }
        let range = self.text.offset(range.start, encoding)..self.text.offset(range.end, encoding);
        let start_point = self.text.point(range.start);
        let old_end_point = start_point.after(&self.text.slice(range.clone()));
        self.text.replace(range.clone(), text);
        Ok(TextEdit {
            start: range.start,
            old_end: range.end,
            new_end: range.start + text.len(),
            start_point,
            old_end_point,
            new_end_point: start_point.after(text),
        })
    }

    /// Replaces the whole text by another one. Neither is read.
    fn exchange(&mut self, text: Text) -> TextEdit {
        let old = std::mem::replace(&mut self.text, text);
        TextEdit {
            start: 0,
            old_end: old.len(),
            new_end: self.text.len(),
            start_point: Point::default(),
            old_end_point: old.point(old.len()),
            new_end_point: self.text.point(self.text.len()),
        }
    }
}
