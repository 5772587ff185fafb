//! What was replaced by what, in the hunks of the history. Invariant: equal replacements are one, with the last change first.

use std::ops::Range;

use crate::Request;
use crate::diff::{Diff, Run};
use crate::pattern::is_common;
use crate::source::Source;
use crate::tokens::{TokenKind, is_name};

/// Hunks that are looked at, the last ones.
const MAX_HUNKS: usize = 24;

/// Changes of one hunk that are looked at. One with more was written anew.
const MAX_RUNS: usize = 8;

/// Tokens that are replaced or written.
const MAX_TOKENS: usize = 24;

/// Tokens on one side among which a word is looked for that says where the change belongs.
const MAX_ANCHOR: usize = 3;

/// Tokens beside a change that are compared.
pub(crate) const MAX_BESIDE: usize = 6;

/// One place where it was replaced.
pub(crate) struct Example<'s, 'a> {
    pub(crate) source: &'s Source<'a>,
    /// The new tokens in the present text.
    pub(crate) place: Range<usize>,
    /// The old tokens of its line beside it, the nearest first; a line break ends them.
    pub(crate) left: Vec<String>,
    pub(crate) right: Vec<String>,
    /// What the other changes of its hunk replaced.
    pub(crate) beside: Vec<Vec<String>>,
    /// The number of hunks that are newer.
    pub(crate) age: usize,
}

/// Tokens that became others.
pub(crate) struct Replaced<'s, 'a> {
    /// The old tokens.
    pub(crate) old: Vec<String>,
    /// The new tokens.
    pub(crate) new: Vec<String>,
    /// The tokens before and behind the old ones that belong to what is looked for.
    pub(crate) anchor: (usize, usize),
    /// The new text, with the blanks at its ends where it is inserted or nothing is left.
    pub(crate) text: String,
    pub(crate) examples: Vec<Example<'s, 'a>>,
}

impl Replaced<'_, '_> {
    /// Whether a name became another one.
    pub(crate) fn is_name(&self) -> bool {
        matches!((&self.old[..], &self.new[..]), ([old], [new]) if is_name(old) && is_name(new))
    }

    /// The tokens that are looked for: the old ones and their anchor.
    pub(crate) fn sought(&self) -> Vec<&str> {
        let last = &self.examples[0];
        let left = last.left[..self.anchor.0].iter().rev();
        let right = last.right[..self.anchor.1].iter();
        left.chain(&self.old).chain(right).map(String::as_str).collect()
    }
}

/// Whether a token says where a change belongs.
pub(crate) fn is_own_word(text: &str) -> bool {
    is_name(text) && text.chars().count() > 1 && !is_common(text)
}

/// What was replaced, the last changes first.
pub(crate) fn replaced<'s, 'a>(request: &Request<'_>, sources: &'s [Source<'a>]) -> Vec<Replaced<'s, 'a>> {
    let mut found: Vec<Replaced<'s, 'a>> = Vec::new();
    let hunks = request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(MAX_HUNKS);
    for (age, hunk) in hunks.enumerate() {
        let Some(source) = sources.iter().find(|source| source.document == hunk.document) else { continue };
        let diff = Diff::new(hunk, source.text);
        if diff.runs.len() > MAX_RUNS {
            continue;
        }
        for run in &diff.runs {
            for replaced in of_run(source, &diff, run, age) {
                // Where the change was taken back elsewhere, it is none.
                let is_back =
                    |other: &Replaced<'_, '_>| other.old == replaced.new && other.new == replaced.old;
                if found.iter().any(is_back) || is_being_typed(request, &replaced) {
                    continue;
                }
                match found.iter_mut().find(|other| is_same(other, &replaced)) {
                    Some(other) => other.examples.extend(replaced.examples),
                    None => found.push(replaced),
                }
            }
        }
    }
    found
}

fn is_being_typed(request: &Request<'_>, replaced: &Replaced<'_, '_>) -> bool {
    replaced.examples.iter().any(|example| request.is_being_typed(example.source, &example.place))
}

fn is_same(a: &Replaced<'_, '_>, b: &Replaced<'_, '_>) -> bool {
    (&a.old, &a.new, a.anchor) == (&b.old, &b.new, b.anchor) && a.sought() == b.sought()
}

/// The replacement of one change, once for each anchor that it may have.
fn of_run<'s, 'a>(source: &'s Source<'a>, diff: &Diff<'_>, run: &Run, age: usize) -> Vec<Replaced<'s, 'a>> {
    let old: Vec<String> = run.old.clone().map(|index| diff.old_at(index).to_owned()).collect();
    let new: Vec<String> = run.new.clone().map(|index| diff.new_at(index).to_owned()).collect();
    let is_long = old.len() > MAX_TOKENS || new.len() > MAX_TOKENS;
    let has_word = || old.iter().chain(&new).any(|text| is_name(text));
    if is_long || !has_word() || old.iter().chain(&new).any(|text| text == "\n") {
        return Vec::new();
    }
    let left = beside(diff, (0..run.old.start).rev());
    let right = beside(diff, run.old.end..diff.old_tokens.len());
    let word =
        |side: &[String]| side.iter().take(MAX_ANCHOR).position(|text| is_own_word(text)).map(|at| at + 1);
    let next = |side: &[String]| usize::from(side.first().is_some_and(|text| text != "\n"));
    let anchors = if old.iter().any(|text| is_own_word(text)) {
        vec![(0, 0)]
    } else {
        let before = word(&left).map(|n| (n, next(&right)));
        let behind = word(&right).map(|n| (next(&left), n));
        let mut anchors: Vec<(usize, usize)> = before.into_iter().chain(behind).collect();
        anchors.dedup();
        anchors
    };
    let Some(text) = new_text(diff, run, &left, &right) else { return Vec::new() };
    let place = match (run.new.start, run.new.end) {
        (start, end) if start < end => diff.place(start).start..diff.place(end - 1).end,
        (0, _) => return Vec::new(),
        (start, _) => diff.place(start - 1).end..diff.place(start - 1).end,
    };
    let others = diff.runs.iter().filter(|other| *other != run);
    let beside_run: Vec<Vec<String>> =
        others.map(|other| other.old.clone().map(|index| diff.old_at(index).to_owned()).collect()).collect();
    let with_anchor = |anchor| Replaced {
        old: old.clone(),
        new: new.clone(),
        anchor,
        text: text.clone(),
        examples: vec![Example {
            source,
            place: place.clone(),
            left: left.clone(),
            right: right.clone(),
            beside: beside_run.clone(),
            age,
        }],
    };
    anchors.into_iter().map(with_anchor).collect()
}

fn beside(diff: &Diff<'_>, indices: impl Iterator<Item = usize>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for index in indices.take(MAX_BESIDE) {
        found.push(diff.old_at(index).to_owned());
        if diff.old_tokens[index].kind == TokenKind::Break {
            return found;
        }
    }
    if found.len() < MAX_BESIDE {
        found.push("\n".to_owned());
    }
    found
}

/// The text of the new tokens. With the blanks up to the tokens beside them where there are no old or no new ones.
fn new_text(diff: &Diff<'_>, run: &Run, left: &[String], right: &[String]) -> Option<String> {
    let tokens = &diff.new_tokens;
    let is_gap = run.old.is_empty() || run.new.is_empty();
    let has = |side: &[String]| side.first().is_some_and(|text| text != "\n");
    let start = match has(left) {
        true if is_gap => tokens.get(run.new.start.checked_sub(1)?)?.end,
        _ => tokens.get(run.new.start)?.start,
    };
    let end = match has(right) {
        true if is_gap => tokens.get(run.new.end)?.start,
        _ => tokens.get(run.new.end.checked_sub(1)?)?.end,
    };
    diff.new.get(start..end).map(str::to_owned)
}
