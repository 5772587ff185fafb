//! Where replaced tokens stand elsewhere. Invariant: a place is on one line, has the whole anchor, and does not have the new text yet.

use std::ops::Range;

use super::example::{Replaced, is_own_word};
use crate::Request;
use crate::source::Source;
use crate::tokens::{Token, places_of, tokens};

/// Places of the rarest word that are looked at. A more common word is no clue.
const MAX_WORD_PLACES: usize = 300;

/// Longer lines are data.
const MAX_LINE_BYTES: usize = 600;

/// A place of the old tokens.
pub(crate) struct Place {
    /// What is replaced.
    pub(crate) range: Range<usize>,
    pub(crate) new_text: String,
    /// The old tokens.
    pub(crate) old: Range<usize>,
    /// The tokens of its line beside it, the nearest first, then a line break.
    pub(crate) left: Vec<String>,
    pub(crate) right: Vec<String>,
}

/// The places in a document, in order; none if there are too many.
pub(crate) fn places(
    request: &Request<'_>,
    source: &Source<'_>,
    replaced: &Replaced<'_, '_>,
) -> Option<Vec<Place>> {
    let sought = replaced.sought();
    let words = sought.iter().filter(|text| is_own_word(text));
    let mut rarest: Option<Vec<Range<usize>>> = None;
    for word in words {
        let most = rarest.as_ref().map_or(MAX_WORD_PLACES, Vec::len);
        rarest = places_of(source.content(), word, most).or(rarest);
    }
    let mut found = Vec::new();
    let mut last_line = None;
    for word in rarest? {
        let line = source.line_of(word.start);
        if last_line != Some(line) {
            last_line = Some(line);
            let range = source.text.line_start(line)..source.text.line_end(line);
            if range.len() <= MAX_LINE_BYTES {
                in_line(source, range, replaced, &sought, &mut found);
            }
        }
    }
    let is_edited = |place: &Place| {
        let touches =
            |hunk: &crate::Hunk| hunk.range.start <= place.old.end && place.old.start <= hunk.range.end;
        source.hunks(request.history.hunks()).any(touches)
    };
    found.retain(|place| !is_edited(place));
    Some(found)
}

fn in_line(
    source: &Source<'_>,
    line: Range<usize>,
    replaced: &Replaced<'_, '_>,
    sought: &[&str],
    found: &mut Vec<Place>,
) {
    let text = &source.content()[line.clone()];
    let tokens = tokens(text);
    let texts: Vec<&str> = tokens.iter().map(|token| token.of(text)).collect();
    let (n_left, _) = replaced.anchor;
    for first in 0..(texts.len() + 1).saturating_sub(sought.len()) {
        if texts[first..first + sought.len()] != *sought {
            continue;
        }
        let old = first + n_left..first + n_left + replaced.old.len();
        if has_new(replaced, &texts, &old) {
            continue;
        }
        let Some(range) = range(replaced, &tokens, &old) else { continue };
        let bytes = |range: Range<usize>| line.start + range.start..line.start + range.end;
        let owned = |text: &&str| (*text).to_owned();
        let is_token = |text: &&&str| **text != "\n";
        let end = || std::iter::once("\n".to_owned());
        let old_bytes = match old.is_empty() {
            true => range.clone(),
            false => tokens[old.start].start..tokens[old.end - 1].end,
        };
        found.push(Place {
            range: bytes(range),
            new_text: replaced.text.clone(),
            old: bytes(old_bytes),
            left: texts[..old.start].iter().rev().map(owned).chain(end()).collect(),
            right: texts[old.end..].iter().filter(is_token).map(owned).chain(end()).collect(),
        });
    }
}

/// Whether the old tokens are a part of the new ones already.
fn has_new(replaced: &Replaced<'_, '_>, texts: &[&str], old: &Range<usize>) -> bool {
    let new = &replaced.new;
    let offsets = 0..=new.len().saturating_sub(old.len());
    let mut starts = offsets.filter(|at| new[*at..].starts_with(&replaced.old) && new.len() > old.len());
    !old.is_empty()
        && starts.any(|at| {
            let around = old.start.checked_sub(at).map(|start| start..start + new.len());
            around.and_then(|around| texts.get(around)).is_some_and(|texts| texts == new)
        })
}

/// The bytes that are replaced; none if the place has no token beside it where the example has one, or the other way round.
fn range(replaced: &Replaced<'_, '_>, tokens: &[Token], old: &Range<usize>) -> Option<Range<usize>> {
    if !old.is_empty() && !replaced.new.is_empty() {
        return Some(tokens[old.start].start..tokens[old.end - 1].end);
    }
    let last = &replaced.examples[0];
    let has = |side: &[String]| side.first().is_some_and(|text| text != "\n");
    let is_token = |token: &&Token| token.kind != crate::tokens::TokenKind::Break;
    let before = old.start.checked_sub(1).map(|before| &tokens[before]);
    let behind = tokens.get(old.end).filter(is_token);
    if has(&last.left) != before.is_some() || has(&last.right) != behind.is_some() {
        return None;
    }
    let start = match (before, behind) {
        (Some(before), _) => before.end,
        (None, _) if !old.is_empty() => tokens[old.start].start,
        (None, Some(behind)) => behind.start,
        (None, None) => return None,
    };
    let end = match behind {
        Some(behind) => behind.start,
        None if !old.is_empty() => tokens[old.end - 1].end,
        None => start,
    };
    Some(start..end)
}
