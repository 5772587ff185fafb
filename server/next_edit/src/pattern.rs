//! The common form of two edits: what is constant, and what varies. Invariant: a pattern begins and ends with constant tokens; each
//! varying part of the new text is one of the old text.

use std::ops::Range;

use crate::diff::Diff;
use crate::tokens::{Token, TokenKind, is_name};

/// Tokens of a part that varies, at most.
pub(crate) const MAX_HOLE: usize = 12;

/// Tokens that an edit may replace or write, at most.
const MAX_RUN: usize = 60;

/// A token that is the same in both edits, or a part that varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Hole,
}

/// A piece of the new text, with the blanks in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) blanks: String,
    pub(crate) part: PiecePart,
    /// Whether it begins a line: its blanks are an indentation.
    pub(crate) begins_line: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PiecePart {
    Text(String),
    /// The text of a hole, counted from the start of the pattern.
    Hole(usize),
}

/// What a part that varies begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Number,
    Name,
    Other,
}

impl Class {
    pub(crate) fn of(text: &str) -> Self {
        match text.chars().next() {
            Some(first) if first.is_numeric() => Self::Number,
            Some(first) if first.is_alphabetic() || first == '_' => Self::Name,
            _ => Self::Other,
        }
    }
}

/// Two edits that agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The old tokens and those around them.
    pub(crate) parts: Vec<Part>,
    /// Which of the parts are replaced; empty for an insertion in front of the part there.
    pub(crate) run: Range<usize>,
    /// The text instead.
    pub(crate) new: Vec<Piece>,
    /// The blanks behind an insertion where there were none.
    pub(crate) blanks_behind: String,
    /// What each hole begins with, where that is the same in both edits.
    pub(crate) classes: Vec<Option<Class>>,
    /// Whether whole lines are inserted or removed.
    pub(crate) is_lines: bool,
    /// Indentation of the line that the edit was made in.
    pub(crate) indentation: String,
}

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
    fn left(&self) -> Vec<&str> {
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

    /// The old tokens behind the change up to the end of the line.
    fn right(&self) -> Vec<&str> {
        if self.is_lines {
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

    fn old_texts(&self) -> Vec<&str> {
        self.old.clone().map(|index| self.diff.old_at(index)).collect()
    }

    /// The blanks before a new token, and whether they begin a line.
    fn blanks(&self, index: usize) -> (String, bool) {
        let tokens = &self.diff.new_tokens;
        let before: Option<&Token> = index.checked_sub(1).map(|before| &tokens[before]);
        let start = before.map_or(0, |before| before.end);
        let begins_line = before.is_none_or(|before| before.kind == TokenKind::Break);
        (self.diff.new[start..tokens[index].start].to_owned(), begins_line)
    }

    /// The blanks behind what is inserted, if the tokens around it had none between them.
    fn blanks_behind(&self) -> String {
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

    fn raw(&self, index: usize) -> String {
        self.diff.new[self.diff.new_tokens[index].range()].to_owned()
    }

    /// The indentation of the line of the change, or of the line above inserted lines.
    fn indentation(&self) -> String {
        let anchor = if self.is_lines { self.old.start.saturating_sub(2) } else { self.old.start };
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

/// The common form of two changes; none if they do not agree.
pub(crate) fn pattern(a: &Change<'_>, b: &Change<'_>) -> Option<Pattern> {
    if a.is_lines != b.is_lines {
        return None;
    }
    let mut left = aligned(&a.left(), &b.left(), Direction::Back);
    let (run, true) = aligned(&a.old_texts(), &b.old_texts(), Direction::Whole) else { return None };
    let mut right = aligned(&a.right(), &b.right(), Direction::On);
    // Lines are inserted below a line of which all is known.
    if a.is_lines && a.old.is_empty() && !left.1 {
        return None;
    }
    // Around a removed line, nothing counts.
    if a.is_lines && a.new.is_empty() {
        left.0.clear();
    }
    for context in [&mut left.0, &mut right.0] {
        while context.last().is_some_and(|(part, ..)| *part == Part::Hole) {
            context.pop();
        }
    }
    left.0.reverse();
    let n_left = left.0.len();
    let run_range = n_left..n_left + run.len();
    let all: Vec<Aligned> = left.0.into_iter().chain(run).chain(right.0).collect();
    let holes: Vec<(&[String], &[String])> =
        all.iter().filter(|(part, ..)| *part == Part::Hole).map(|(_, a, b)| (&a[..], &b[..])).collect();
    let new = new_pieces(a, b, &holes)?;
    let parts: Vec<Part> = all.iter().map(|(part, ..)| part.clone()).collect();
    let class = |(a, b): &(&[String], &[String])| {
        let (a, b) = (Class::of(a.first()?), Class::of(b.first()?));
        (a == b).then_some(a)
    };
    let classes = holes.iter().map(class).collect();
    let indentation = a.indentation();
    let found = Pattern {
        parts,
        run: run_range,
        new,
        blanks_behind: a.blanks_behind(),
        classes,
        is_lines: a.is_lines,
        indentation,
    };
    found.is_anchored().then_some(found)
}

/// A part with its texts in both edits.
type Aligned = (Part, Vec<String>, Vec<String>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Tokens come nearest first, against the reading order.
    Back,
    /// Tokens come in reading order.
    On,
    /// As before, and all of them have to be aligned.
    Whole,
}

/// Aligns two sequences of tokens as far as they agree. Also returns whether that is to the end of both.
fn aligned(a: &[&str], b: &[&str], direction: Direction) -> (Vec<Aligned>, bool) {
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    let owned = |texts: &[&str]| -> Vec<String> {
        let texts = texts.iter().map(|text| (*text).to_owned());
        if direction == Direction::Back { texts.rev().collect() } else { texts.collect() }
    };
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            found.push((Part::Text(a[i].to_owned()), Vec::new(), Vec::new()));
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let Some((x, y)) = resynchronised(&a[i..], &b[j..], direction) else { break };
        found.push((Part::Hole, owned(&a[i..i + x]), owned(&b[j..j + y])));
        (i, j) = (i + x, j + y);
    }
    (found, i == a.len() && j == b.len())
}

/// The shortest parts that differ, after which both sequences go on with the same token.
fn resynchronised(a: &[&str], b: &[&str], direction: Direction) -> Option<(usize, usize)> {
    let fits = |x: usize, y: usize| {
        let goes_on = match (a.get(x), b.get(y)) {
            (Some(a), Some(b)) => a == b,
            (None, None) => direction == Direction::Whole,
            _ => false,
        };
        let is_back = direction == Direction::Back;
        goes_on && is_hole(&a[..x], is_back) && is_hole(&b[..y], is_back)
    };
    (2..=2 * MAX_HOLE).find_map(|total| {
        let least = total.saturating_sub(MAX_HOLE.min(b.len())).max(1);
        (least..=(total - 1).min(MAX_HOLE).min(a.len())).map(|x| (x, total - x)).find(|(x, y)| fits(*x, *y))
    })
}

/// Whether tokens can be what varies: not empty, on one line, and with balanced brackets.
pub(crate) fn is_hole(texts: &[&str], is_back: bool) -> bool {
    let mut depth = 0_i32;
    let ordered: Box<dyn Iterator<Item = &&str>> =
        if is_back { Box::new(texts.iter().rev()) } else { Box::new(texts.iter()) };
    for text in ordered {
        match *text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "\n" => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !texts.is_empty() && texts.len() <= MAX_HOLE
}

/// The new text in terms of holes; none if it has a part that varies in another way.
fn new_pieces(a: &Change<'_>, b: &Change<'_>, holes: &[(&[String], &[String])]) -> Option<Vec<Piece>> {
    let (texts_a, texts_b): (Vec<&str>, Vec<&str>) = (a.new_texts().collect(), b.new_texts().collect());
    let (mut i, mut j) = (0, 0);
    let mut pieces = Vec::new();
    while i < texts_a.len() || j < texts_b.len() {
        let (blanks, begins_line) = a.blanks(a.new.start + i);
        let begins = |texts: &[&str], hole: &[String]| {
            texts.len() >= hole.len() && texts.iter().zip(hole).all(|(text, hole)| text == hole)
        };
        let hole = holes.iter().position(|(hole_a, hole_b)| {
            begins(&texts_a[i.min(texts_a.len())..], hole_a)
                && begins(&texts_b[j.min(texts_b.len())..], hole_b)
        });
        let is_same = i < texts_a.len() && j < texts_b.len() && texts_a[i] == texts_b[j];
        let part = match hole {
            Some(hole) => {
                (i, j) = (i + holes[hole].0.len(), j + holes[hole].1.len());
                PiecePart::Hole(hole)
            }
            None if is_same => {
                (i, j) = (i + 1, j + 1);
                PiecePart::Text(a.raw(a.new.start + i - 1))
            }
            None => return None,
        };
        pieces.push(Piece { blanks, part, begins_line });
    }
    Some(pieces)
}

impl Pattern {
    /// The constant words by which places are found.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) if is_name(text) && text.chars().count() > 1 => Some(text.as_str()),
            _ => None,
        })
    }

    /// The constant words among what is replaced.
    pub(crate) fn n_words_in_run(&self) -> usize {
        let texts = self.parts[self.run.clone()].iter();
        texts.filter(|part| matches!(part, Part::Text(text) if is_name(text))).count()
    }

    /// The name that becomes another name, if that is all.
    pub(crate) fn renamed(&self) -> Option<(&str, &str)> {
        match (&self.parts[self.run.clone()], &self.new[..]) {
            ([Part::Text(old)], [Piece { part: PiecePart::Text(new), .. }]) => {
                (is_name(old) && is_name(new)).then_some((old, new))
            }
            _ => None,
        }
    }

    /// Whether it says where it applies: it has a word, and the ends of what is replaced are known.
    fn is_anchored(&self) -> bool {
        let is_text = |part: Option<&Part>| matches!(part, Some(Part::Text(_)));
        let before = self.run.start.checked_sub(1).and_then(|before| self.parts.get(before));
        let behind = self.parts.get(self.run.end);
        let has_ends = if self.run.is_empty() {
            is_text(before) || (is_text(behind) && !self.is_lines)
        } else {
            let (first, last) = (self.parts.get(self.run.start), self.parts.get(self.run.end - 1));
            (is_text(first) || is_text(before)) && (is_text(last) || is_text(behind))
        };
        has_ends && self.words().next().is_some()
    }

    /// The pattern with fewer parts around what is replaced; none if nothing is left out, or too much would be.
    pub(crate) fn narrowed(&self, n_left: usize, n_right: usize) -> Option<Self> {
        let mut start = self.run.start - n_left.min(self.run.start);
        let mut end = (self.run.end + n_right).min(self.parts.len());
        while start < self.run.start && self.parts[start] == Part::Hole {
            start += 1;
        }
        while end > self.run.end && self.parts[end - 1] == Part::Hole {
            end -= 1;
        }
        if start == 0 && end == self.parts.len() {
            return None;
        }
        let n_holes = |parts: &[Part]| parts.iter().filter(|part| **part == Part::Hole).count();
        let (n_before, n_kept) = (n_holes(&self.parts[..start]), n_holes(&self.parts[start..end]));
        let mut new = self.new.clone();
        for piece in &mut new {
            if let PiecePart::Hole(hole) = &mut piece.part {
                *hole = hole.checked_sub(n_before).filter(|hole| *hole < n_kept)?;
            }
        }
        let narrowed = Self {
            parts: self.parts[start..end].to_vec(),
            run: self.run.start - start..self.run.end - start,
            new,
            blanks_behind: self.blanks_behind.clone(),
            classes: self.classes[n_before..n_before + n_kept].to_vec(),
            is_lines: self.is_lines,
            indentation: self.indentation.clone(),
        };
        narrowed.is_anchored().then_some(narrowed)
    }

    /// What the pattern looks like where the edit was made already.
    pub(crate) fn applied(&self) -> Vec<Part> {
        let new = self.new.iter().map(|piece| match &piece.part {
            PiecePart::Text(text) if text.trim().is_empty() => Part::Text("\n".to_owned()),
            PiecePart::Text(text) => Part::Text(text.clone()),
            PiecePart::Hole(_) => Part::Hole,
        });
        let before = self.parts[..self.run.start].iter().cloned();
        before.chain(new).chain(self.parts[self.run.end..].iter().cloned()).collect()
    }
}
