//! What a hunk changed, in tokens of whole lines. Invariant: runs are in order and apart; each differs at its ends; `new` is the
//! present text from `start` on.

use std::ops::Range;

use fimble_document::Text;

use crate::Hunk;
use crate::tokens::{Token, tokens};

/// Tokens of the differing part of a hunk that are compared with each other; larger parts are one run.
const MAX_COMPARED: usize = 160;

/// Lines above and below a hunk that belong to its diff.
const CONTEXT_LINES: usize = 2;

/// Tokens that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Indices of old tokens.
    pub(crate) old: Range<usize>,
    /// Indices of new tokens.
    pub(crate) new: Range<usize>,
}

/// The lines of a hunk, before and after.
pub(crate) struct Diff<'h> {
    pub(crate) hunk: &'h Hunk,
    pub(crate) old: String,
    pub(crate) new: String,
    pub(crate) old_tokens: Vec<Token>,
    pub(crate) new_tokens: Vec<Token>,
    /// Offset of `new` in the present text.
    pub(crate) start: usize,
    pub(crate) runs: Vec<Run>,
}

impl<'h> Diff<'h> {
    pub(crate) fn new(hunk: &'h Hunk, text: &Text) -> Self {
        let first = text.line_of(hunk.range.start).saturating_sub(CONTEXT_LINES);
        let start = text.line_start(first);
        let last = text.line_of(hunk.range.end) + CONTEXT_LINES;
        let end = text.line_start(last + 1);
        let new = text.slice(start..end).into_owned();
        let mut old = new.clone();
        old.replace_range(hunk.range.start - start..hunk.range.end - start, &hunk.old);
        let (old_tokens, new_tokens) = (tokens(&old), tokens(&new));
        let runs = runs(&old, &old_tokens, &new, &new_tokens);
        Self { hunk, old, new, old_tokens, new_tokens, start, runs }
    }

    /// The text of an old token.
    pub(crate) fn old_at(&self, index: usize) -> &str {
        self.old_tokens[index].of(&self.old)
    }

    /// The text of a new token.
    pub(crate) fn new_at(&self, index: usize) -> &str {
        self.new_tokens[index].of(&self.new)
    }

    /// The range of a new token in the present text.
    pub(crate) fn place(&self, index: usize) -> Range<usize> {
        let token = self.new_tokens[index];
        self.start + token.start..self.start + token.end
    }
}

fn runs(old: &str, old_tokens: &[Token], new: &str, new_tokens: &[Token]) -> Vec<Run> {
    let is_equal = |i: usize, j: usize| {
        old_tokens[i].kind == new_tokens[j].kind && old_tokens[i].of(old) == new_tokens[j].of(new)
    };
    let (n_old, n_new) = (old_tokens.len(), new_tokens.len());
    let before = (0..n_old.min(n_new)).take_while(|i| is_equal(*i, *i)).count();
    let most = n_old.min(n_new) - before;
    let after = (0..most).take_while(|i| is_equal(n_old - 1 - i, n_new - 1 - i)).count();
    let (n_old, n_new) = (n_old - after, n_new - after);
    if n_old == before && n_new == before {
        return Vec::new();
    }
    if n_old == before || n_new == before || n_old.max(n_new) - before > MAX_COMPARED {
        return vec![Run { old: before..n_old, new: before..n_new }];
    }
    // Longest common subsequences of the rests, from the end.
    let (rows, columns) = (n_old - before, n_new - before);
    let width = columns + 1;
    let mut lengths = vec![0_u16; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            lengths[i * width + j] = if is_equal(before + i, before + j) {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut open: Option<(usize, usize)> = None;
    while i < rows || j < columns {
        if i < rows && j < columns && is_equal(before + i, before + j) {
            close(&mut found, &mut open, before, i, j);
            (i, j) = (i + 1, j + 1);
            continue;
        }
        open = open.or(Some((i, j)));
        let skips_old =
            j == columns || (i < rows && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]);
        if skips_old { i += 1 } else { j += 1 }
    }
    close(&mut found, &mut open, before, rows, columns);
    found
}

fn close(found: &mut Vec<Run>, open: &mut Option<(usize, usize)>, before: usize, i: usize, j: usize) {
    if let Some((old, new)) = open.take() {
        found.push(Run { old: before + old..before + i, new: before + new..before + j });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_differing_tokens_are_runs() {
        for (old, new, expected) in [
            ("f(a)", "f(a, b)", vec![("", ", b")]),
            ("total = total + 1", "sum = sum + 1", vec![("total", "sum"), ("total", "sum")]),
            ("a b", "a  b", vec![]),
            ("x.first", "x.last()", vec![("first", "last()")]),
            ("a\nb\n", "a\nc\nb\n", vec![("", "c\n")]),
        ] {
            let (old_tokens, new_tokens) = (tokens(old), tokens(new));
            let text = |text: &str, tokens: &[Token]| match tokens {
                [] => String::new(),
                [first, .., last] => text[first.start..last.end].to_owned(),
                [only] => text[only.range()].to_owned(),
            };
            let found: Vec<(String, String)> = runs(old, &old_tokens, new, &new_tokens)
                .into_iter()
                .map(|run| (text(old, &old_tokens[run.old]), text(new, &new_tokens[run.new])))
                .collect();
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, expected, "{old} {new}");
        }
    }
}
