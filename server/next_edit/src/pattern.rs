//! The common form of two edits: what is constant, and what varies. Invariant: a pattern begins and ends with constant tokens; each
//! varying part of the new text is one of the old text.

use std::ops::Range;

use crate::align::{Aligned, Class, Direction, Part, aligned};
use crate::change::Change;
use crate::tokens::is_name;

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
    /// Whether each hole is one token in both edits.
    pub(crate) is_single: Vec<bool>,
    /// Whether whole lines are inserted or removed.
    pub(crate) is_lines: bool,
    /// Indentation of the line that the edit was made in: of the line above inserted lines, or below if that is not in the pattern.
    pub(crate) indentation: String,
}

/// Words that are everywhere.
const COMMON: [&str; 40] = [
    "this",
    "self",
    "cls",
    "super",
    "null",
    "None",
    "nil",
    "nullptr",
    "undefined",
    "true",
    "false",
    "True",
    "False",
    "return",
    "const",
    "let",
    "var",
    "mut",
    "int",
    "void",
    "public",
    "private",
    "protected",
    "static",
    "final",
    "function",
    "def",
    "fn",
    "func",
    "if",
    "else",
    "for",
    "in",
    "of",
    "new",
    "pub",
    "async",
    "await",
    "type",
    "string",
];

/// Whether a word is everywhere.
pub(crate) fn is_common(word: &str) -> bool {
    COMMON.contains(&word)
}

/// How sure a pattern of inserted lines is without one of the lines around them.
const MIN_WORDS_OF_LINE: usize = 2;

/// The common form of two changes; none if they do not agree.
pub(crate) fn pattern(a: &Change<'_>, b: &Change<'_>) -> Option<Pattern> {
    if a.is_lines != b.is_lines {
        return None;
    }
    let mut left = aligned(&a.left(), &b.left(), Direction::Back);
    let (run, true) = aligned(&a.old_texts(), &b.old_texts(), Direction::Whole) else { return None };
    let mut right = aligned(&a.right(), &b.right(), Direction::On);
    // Around a removed line, nothing counts.
    if a.is_lines && a.new.is_empty() {
        left.0.clear();
    }
    // Of one of the lines around inserted lines, all has to be known.
    if a.is_lines && !left.1 {
        left.0.clear();
        if !right.1 && a.old.is_empty() {
            return None;
        }
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
    let is_single = holes.iter().map(|(a, b)| a.len() == 1 && b.len() == 1).collect();
    let indentation = a.indentation(n_left > 0);
    let found = Pattern {
        parts,
        run: run_range,
        new,
        blanks_behind: a.blanks_behind(),
        classes,
        is_single,
        is_lines: a.is_lines,
        indentation,
    };
    found.is_anchored().then_some(found)
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

    /// The constant words that say more than a keyword.
    pub(crate) fn own_words(&self) -> impl Iterator<Item = &str> {
        self.words().filter(|word| !COMMON.contains(word))
    }

    /// Whether the new text has a word; one that is everywhere may not count.
    pub(crate) fn has_new_word(&self, counts_common: bool) -> bool {
        let is_word = |text: &str| is_name(text) && (counts_common || !COMMON.contains(&text));
        self.new.iter().any(|piece| matches!(&piece.part, PiecePart::Text(text) if is_word(text)))
    }

    /// Which holes are in the new text.
    pub(crate) fn is_used(&self, hole: usize) -> bool {
        self.new.iter().any(|piece| piece.part == PiecePart::Hole(hole))
    }

    /// The constant words among what is replaced.
    pub(crate) fn n_words_in_run(&self) -> usize {
        let texts = self.parts[self.run.clone()].iter();
        texts.filter(|part| matches!(part, Part::Text(text) if is_name(text))).count()
    }

    /// The constant names of the new text that the old one has not, without those behind a dot.
    pub(crate) fn new_names(&self) -> impl Iterator<Item = &str> {
        let is_old = |name: &str| {
            self.parts[self.run.clone()].iter().any(|part| matches!(part, Part::Text(text) if text == name))
        };
        let names = self.new.iter().enumerate().filter_map(move |(index, piece)| {
            let before = index.checked_sub(1).map(|before| &self.new[before].part);
            let is_member = before
                .is_some_and(|part| matches!(part, PiecePart::Text(text) if text == "." || text == ":"));
            match &piece.part {
                PiecePart::Text(text) if is_name(text) && !is_member => Some(text.as_str()),
                _ => None,
            }
        });
        names.filter(move |name| !is_old(name))
    }

    /// Whether only line breaks and the commas before them change.
    pub(crate) fn is_layout(&self) -> bool {
        let is_solid = |text: &str| !text.trim().is_empty() && text != ",";
        let holes_before = self.parts[..self.run.start].iter().filter(|part| **part == Part::Hole).count();
        let mut hole = holes_before;
        let old = self.parts[self.run.clone()].iter().filter_map(|part| match part {
            Part::Text(text) => is_solid(text).then(|| PiecePart::Text(text.clone())),
            Part::Hole => {
                hole += 1;
                Some(PiecePart::Hole(hole - 1))
            }
        });
        let old: Vec<PiecePart> = old.collect();
        let new = self.new.iter().map(|piece| &piece.part);
        let new = new.filter(|part| !matches!(part, PiecePart::Text(text) if !is_solid(text)));
        self.new.iter().any(|piece| matches!(&piece.part, PiecePart::Text(text) if text.trim().is_empty()))
            && new.eq(old.iter())
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
            is_text(before) || is_text(behind)
        } else {
            let (first, last) = (self.parts.get(self.run.start), self.parts.get(self.run.end - 1));
            (is_text(first) || is_text(before)) && (is_text(last) || is_text(behind))
        };
        has_ends && self.words().next().is_some()
    }

    /// A pattern of inserted lines without the lines on one side, the surest first.
    pub(crate) fn without_line(&self) -> Option<Self> {
        let n_words = |parts: &[Part]| {
            parts.iter().filter(|part| matches!(part, Part::Text(text) if is_name(text))).count()
        };
        let (above, below) = (n_words(&self.parts[..self.run.start]), n_words(&self.parts[self.run.end..]));
        let narrowed = if above >= below { self.narrowed(usize::MAX, 0) } else { None };
        narrowed.filter(|_| above >= MIN_WORDS_OF_LINE)
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
            is_single: self.is_single[n_before..n_before + n_kept].to_vec(),
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
