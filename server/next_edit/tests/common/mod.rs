//! An editor for tests: a document whose edits go into a history. Invariant: every edit is applied as the server applies it.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it")]

pub mod cases;

use std::ops::Range;
use std::time::Duration;

use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};
use fimble_next_edit::EditHistory;

/// One open document with the history that its edits go into.
pub struct Editor {
    pub name: String,
    pub document: Document,
    pub history: EditHistory,
    pub now: Duration,
}

impl Editor {
    pub fn new(name: &str, content: &str) -> Self {
        Self {
            name: name.to_owned(),
            document: Document::new(content, 0),
            history: EditHistory::new(),
            now: Duration::ZERO,
        }
    }

    pub fn text(&self) -> Text {
        self.document.text().clone()
    }

    pub fn content(&self) -> String {
        self.document.text().to_string()
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub fn edit(&mut self, range: Range<usize>, text: &str) {
        let position = |offset| self.document.text().position(offset, PositionEncoding::Utf8);
        let range = PositionRange { start: position(range.start), end: position(range.end) };
        self.apply(TextChange::Part { range, text: text.to_owned() });
    }

    pub fn replace_all(&mut self, content: &str) {
        self.apply(TextChange::Whole(Text::new(content)));
    }

    /// Replaces the first place of `old`.
    pub fn replace(&mut self, old: &str, new: &str) {
        let at = self.content().find(old).unwrap_or_else(|| panic!("{old:?} is not in the text"));
        self.edit(at..at + old.len(), new);
    }

    /// Types behind the first place of `after`, one character after the other.
    pub fn type_at(&mut self, after: &str, typed: &str) {
        let mut at = self.content().find(after).unwrap() + after.len();
        for character in typed.chars() {
            self.edit(at..at, &character.to_string());
            at += character.len_utf8();
        }
    }

    fn apply(&mut self, change: TextChange) {
        self.now += Duration::from_millis(100);
        let before = self.text();
        let version = self.document.version() + 1;
        let (history, name, now) = (&mut self.history, &self.name, self.now);
        self.document
            .apply(version, &[change], PositionEncoding::Utf8, |after, edit| {
                history.record(name, &before, &edit, after, now);
            })
            .unwrap();
    }
}
