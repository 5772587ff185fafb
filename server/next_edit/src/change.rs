//! One edit, in the tokens of its lines. Invariant: an insertion or a removal of whole lines begins at the start of a line.

use std::ops::Range;

use crate::diff::Diff;
use crate::tokens::{Token, TokenKind};

/// Tokens that an edit may replace or write, at most.
const MAX_RUN: usize = 60;

/// One edit, in the tokens of its lines.
pub(crate) struct Change<'d> {
    diff: &'d Diff<'d>,
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
    pub(crate) is_lines: bool,
}

impl<'d> Change<'d> {
    /// The change of a diff as a whole; none if it is too large.
    pub(crate) fn of(diff: &'d Diff<'d>) -> Option<Self> {
        let (first, last) = (diff.runs.first()?, diff.runs.last()?);
        let (old, new) = (first.old.start..last.old.end, first.new.start..last.new.end);
        if old.len() > MAX_RUN || new.len() > MAX_RUN {
            return None;
        }
        let mut change = Self { diff, old, new, is_lines: false };
        change.align_to_lines();
        Some(change)
    }

    /// The tokens that are written.
    pub(crate) fn new_texts(&self) -> impl Iterator<Item = &str> {
        self.new.clone().map(|index| self.diff.new_at(index))
    }

    /// An insertion or a removal can stand in several places (`a, b` with `, c` or `c, `): whole lines are preferred.
    fn align_to_lines(&mut self) {
        let diff = self.diff;
        let (tokens, range) = match (self.old.is_empty(), self.new.is_empty()) {
            (true, false) => (&diff.new_tokens, self.new.clone()),
            (false, true) => (&diff.old_tokens, self.old.clone()),
            _ => return,
        };
        let text = if self.old.is_empty() { &diff.new } else { &diff.old };
        let is_break = |at: usize| tokens[at].kind == TokenKind::Break;
        let most = self.old.start.min(self.new.start).min(range.len());
        for back in 0..=most {
            if back > 0 && tokens[range.start - back].of(text) != tokens[range.end - back].of(text) {
                return;
            }
            let (start, end) = (range.start - back, range.end - back);
            let begins = start == 0 || is_break(start - 1);
            if begins && is_break(end - 1) {
                self.old = self.old.start - back..self.old.end - back;
                self.new = self.new.start - back..self.new.end - back;
                self.is_lines = true;
                return;
            }
        }
    }

    /// The old tokens before the change, the nearest first: those of its line, or of the line above.
    pub(crate) fn left(&self) -> Vec<&str> {
        let before = (0..self.old.start).rev().map(|index| self.diff.old_at(index));
        let skipped = usize::from(self.is_lines);
        let mut n_breaks = 0;
        before
            .take_while(|text| {
                n_breaks += usize::from(*text == "\n");
                n_breaks <= skipped
            })
            .collect()
    }

    /// The old tokens behind the change up to the end of the line, or of the line below inserted lines.
    pub(crate) fn right(&self) -> Vec<&str> {
        if self.is_lines && !self.old.is_empty() {
            return Vec::new();
        }
        let mut is_ended = self.old.end > self.old.start && self.diff.old_at(self.old.end - 1) == "\n";
        let behind = (self.old.end..self.diff.old_tokens.len()).map(|index| self.diff.old_at(index));
        behind
            .take_while(|text| {
                let was_ended = is_ended;
                is_ended |= *text == "\n";
                !was_ended
            })
            .collect()
    }

    pub(crate) fn old_texts(&self) -> Vec<&str> {
        self.old.clone().map(|index| self.diff.old_at(index)).collect()
    }

    /// The blanks before a new token, and whether they begin a line.
    pub(crate) fn blanks(&self, index: usize) -> (String, bool) {
        let tokens = &self.diff.new_tokens;
        let before: Option<&Token> = index.checked_sub(1).map(|before| &tokens[before]);
        let start = before.map_or(0, |before| before.end);
        let begins_line = before.is_none_or(|before| before.kind == TokenKind::Break);
        (self.diff.new[start..tokens[index].start].to_owned(), begins_line)
    }

    /// The blanks behind what is inserted, if the tokens around it had none between them.
    pub(crate) fn blanks_behind(&self) -> String {
        let old = &self.diff.old_tokens;
        let is_open = self.old.is_empty()
            && !self.is_lines
            && self.old.start > 0
            && old.get(self.old.start).is_some_and(|next| old[self.old.start - 1].end == next.start);
        let new = &self.diff.new_tokens;
        match new.get(self.new.end) {
            Some(next) if is_open => self.diff.new[new[self.new.end - 1].end..next.start].to_owned(),
            _ => String::new(),
        }
    }

    pub(crate) fn raw(&self, index: usize) -> String {
        self.diff.new[self.diff.new_tokens[index].range()].to_owned()
    }

    /// The indentation of the line of the change, or of the line above or below inserted lines.
    pub(crate) fn indentation(&self, is_above: bool) -> String {
        let is_above = is_above && self.is_lines;
        let anchor = if is_above { self.old.start.saturating_sub(2) } else { self.old.start };
        let at = self.diff.old_tokens.get(anchor).map_or(self.diff.old.len(), |token| token.start);
        indentation_at(&self.diff.old, at).to_owned()
    }
}

/// The blanks that begin the line of an offset.
pub(crate) fn indentation_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
