//! The places of a pattern in a text. Invariant: the search is bounded by the number of lines that hold the rarest word of the
//! pattern; a place where the edit was made already is not among them.

use std::ops::Range;

use crate::align::{Class, MAX_HOLE, Part, is_hole};
use crate::change::indentation_at;
use crate::pattern::{Pattern, PiecePart};
use crate::source::Source;
use crate::tokens::{Token, TokenKind, places_of, tokens};

/// Places of the rarest word that are looked at. A more common word is no clue.
const MAX_PLACES: usize = 300;

/// Longer lines are data.
const MAX_LINE_BYTES: usize = 600;

/// A place where a pattern fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// What is replaced.
    pub(crate) range: Range<usize>,
    pub(crate) new_text: String,
}

/// The places of a pattern in a document, in order.
pub(crate) fn fits(source: &Source<'_>, pattern: &Pattern) -> Vec<Fit> {
    let content = source.content();
    let mut rarest: Option<Vec<Range<usize>>> = None;
    for word in pattern.words() {
        let most = rarest.as_ref().map_or(MAX_PLACES, Vec::len);
        rarest = places_of(content, word, most).or(rarest);
    }
    let n_breaks = pattern.parts.iter().filter(|part| is_break(part)).count();
    let mut found: Vec<Fit> = Vec::new();
    let mut last_line = None;
    for place in rarest.unwrap_or_default() {
        let line = source.line_of(place.start);
        if last_line == Some(line) {
            continue;
        }
        last_line = Some(line);
        let start = source.text.line_start(line.saturating_sub(n_breaks));
        let end = source.text.line_start(line + n_breaks + 1);
        if end - start <= MAX_LINE_BYTES * (2 * n_breaks + 1) {
            fits_in(content, start..end, pattern, &mut found);
        }
    }
    found.sort_by_key(|fit| (fit.range.start, fit.range.end));
    found.dedup_by(|later, earlier| later.range == earlier.range);
    found
}

fn is_break(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text == "\n")
}

fn fits_in(content: &str, window: Range<usize>, pattern: &Pattern, found: &mut Vec<Fit>) {
    let text = &content[window.clone()];
    let tokens = tokens(text);
    let texts: Vec<&str> = tokens.iter().map(|token| token.of(text)).collect();
    let applied = pattern.applied();
    // Parts that only change places look the same afterwards, and of removed lines nothing is left to see.
    let can_be_done = !applied.is_empty() && applied != pattern.parts;
    for first in 0..tokens.len() {
        // Inserted lines stand below a whole line.
        let begins_line = first == 0 || tokens[first - 1].kind == TokenKind::Break;
        if pattern.is_lines && !begins_line {
            continue;
        }
        let is_done = || can_be_done && matched(&applied, &texts[first..]).is_some();
        if let Some(ends) = matched(&pattern.parts, &texts[first..])
            && !is_done()
        {
            if !is_of_sizes(pattern, &ends) {
                continue;
            }
            if !can_be_done && !pattern.new.is_empty() && !is_of_classes(pattern, &texts[first..], &ends) {
                continue;
            }
            let at = |part: usize| first + part.checked_sub(1).map_or(0, |before| ends[before]);
            let fit = fit(text, &tokens, at(pattern.run.start)..at(pattern.run.end), pattern, |hole| {
                let part = nth_hole(&pattern.parts, hole);
                at(part)..at(part + 1)
            });
            let range = window.start + fit.range.start..window.start + fit.range.end;
            found.push(Fit { range, new_text: fit.new_text });
        }
    }
}

/// Whether the parts that the new text repeats are single tokens where they are so in the examples.
fn is_of_sizes(pattern: &Pattern, ends: &[usize]) -> bool {
    let holes = pattern.parts.iter().enumerate().filter(|(_, part)| **part == Part::Hole);
    let lengths = holes.map(|(index, _)| ends[index] - index.checked_sub(1).map_or(0, |before| ends[before]));
    lengths
        .enumerate()
        .all(|(hole, length)| length == 1 || !pattern.is_single[hole] || !pattern.is_used(hole))
}

/// Whether the parts that vary are of the kind that they are in the examples.
fn is_of_classes(pattern: &Pattern, texts: &[&str], ends: &[usize]) -> bool {
    let holes = pattern.parts.iter().enumerate().filter(|(_, part)| **part == Part::Hole);
    let starts = holes.map(|(index, _)| index.checked_sub(1).map_or(0, |before| ends[before]));
    starts
        .zip(&pattern.classes)
        .all(|(start, class)| class.is_none_or(|class| Class::of(texts[start]) == class))
}

/// Index of a hole among the parts.
fn nth_hole(parts: &[Part], hole: usize) -> usize {
    parts.iter().enumerate().filter(|(_, part)| **part == Part::Hole).nth(hole).map_or(0, |(index, _)| index)
}

/// Where each part ends, if the tokens begin with the parts.
fn matched(parts: &[Part], texts: &[&str]) -> Option<Vec<usize>> {
    let mut ends = Vec::with_capacity(parts.len());
    match_from(parts, texts, 0, &mut ends).then_some(ends)
}

fn match_from(parts: &[Part], texts: &[&str], at: usize, ends: &mut Vec<usize>) -> bool {
    let Some(part) = parts.get(ends.len()) else { return true };
    let n_ends = ends.len();
    match part {
        Part::Text(text) => {
            // The end of the text ends a line, too.
            let is_end = text == "\n" && at == texts.len();
            if !is_end && texts.get(at).is_none_or(|found| found != text) {
                return false;
            }
            ends.push((at + 1).min(texts.len()));
            match_from(parts, texts, (at + 1).min(texts.len()), ends) || {
                ends.truncate(n_ends);
                false
            }
        }
        Part::Hole => {
            for length in 1..=MAX_HOLE.min(texts.len().saturating_sub(at)) {
                if !is_hole(&texts[at..at + length], false) {
                    continue;
                }
                ends.push(at + length);
                if match_from(parts, texts, at + length, ends) {
                    return true;
                }
                ends.truncate(n_ends);
            }
            false
        }
    }
}

/// The edit of a pattern at the tokens `run`.
fn fit(
    text: &str,
    tokens: &[Token],
    run: Range<usize>,
    pattern: &Pattern,
    hole: impl Fn(usize) -> Range<usize>,
) -> Fit {
    let end_before = |index: usize| index.checked_sub(1).map_or(0, |before| tokens[before].end);
    let range = match (run.is_empty(), pattern.is_lines) {
        (true, _) => end_before(run.start)..end_before(run.start),
        // With the indentation of the first line.
        (false, true) => end_before(run.start)..tokens[run.end - 1].end,
        (false, false) => tokens[run.start].start..tokens[run.end - 1].end,
    };
    let is_above = pattern.is_lines && pattern.run.start > 0;
    let own_line = if is_above { run.start.saturating_sub(2) } else { run.start };
    let own = indentation_at(text, tokens.get(own_line).map_or(text.len(), |token| token.start));
    let mut new_text = String::new();
    for (index, piece) in pattern.new.iter().enumerate() {
        let is_first_of_replaced = index == 0 && !run.is_empty() && !pattern.is_lines;
        if piece.begins_line && !is_first_of_replaced {
            match piece.blanks.strip_prefix(&pattern.indentation) {
                Some(deeper) => new_text.extend([own, deeper]),
                None => new_text.push_str(&piece.blanks),
            }
        } else if !is_first_of_replaced {
            new_text.push_str(&piece.blanks);
        }
        match &piece.part {
            PiecePart::Text(text) => new_text.push_str(text),
            PiecePart::Hole(index) => {
                let place = hole(*index);
                new_text.push_str(&text[tokens[place.start].start..tokens[place.end - 1].end]);
            }
        }
    }
    new_text.push_str(&pattern.blanks_behind);
    Fit { range, new_text }
}
