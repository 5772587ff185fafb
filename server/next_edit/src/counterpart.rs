//! Counterparts: an element was added, each of its siblings has a counterpart of one form in another place, and the new one has
//! none. Invariant: at least two siblings that follow each other agree, letter by letter but for their names.

use std::ops::Range;

use crate::calls::{List, list_around};
use crate::diff::Diff;
use crate::siblings::{Added, added};
use crate::source::Source;
use crate::styles::Style;
use crate::tokens::{TokenKind, places_of, tokens};
use crate::{Hunk, NextEdit, NextEditKind, Request};

/// Hunks that are searched for added elements, the last ones.
const MAX_HUNKS: usize = 2;

/// Places of one name that are looked at.
const MAX_PLACES: usize = 60;

/// Lines of one counterpart.
const MAX_LINES: usize = 4;

/// The confidence that two, three, and more siblings give, if all on that side have a counterpart.
const BY_AGREEING: [f32; 3] = [0.76, 0.86, 0.9];
/// For each sibling that has none.
const PER_MISSING: f32 = 0.14;
/// Shorter names stand for many things.
const MIN_KEY: usize = 2;
/// The name is written in another way there.
const OTHER_STYLE: f32 = 0.03;

/// The edits that added elements call for.
pub(crate) fn candidates(request: &Request<'_>, sources: &[Source<'_>], found: &mut Vec<NextEdit>) {
    let hunks = request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(MAX_HUNKS);
    for hunk in hunks {
        let Some(source) = sources.iter().find(|source| source.document == hunk.document) else { continue };
        let diff = Diff::new(hunk, source.text);
        for added in added(source, &diff) {
            if (request.cancelled)() || request.is_being_typed(source, &added.range) {
                return;
            }
            if added.key.len() < MIN_KEY {
                continue;
            }
            // What was moved from elsewhere is not new.
            let has_key = |text: &str| places_of(text, &added.key, 1).is_none_or(|places| !places.is_empty());
            let is_moved = |other: &Hunk| has_key(&other.old) && !has_key(&other.new);
            if request.history.hunks().iter().any(is_moved) {
                continue;
            }
            for style in Style::ALL {
                in_style(source, &added, style, found);
            }
        }
    }
}

/// The missing counterparts whose names are written in a style.
fn in_style(source: &Source<'_>, added: &Added, style: Style, found: &mut Vec<NextEdit>) {
    let is_same = |keys: &[String]| keys.iter().all(|key| style.of(key) == *key);
    if style != Style::Same && is_same(&added.before) && is_same(&added.behind) {
        return;
    }
    // The neighbour before the new element, and those before that; or behind it.
    for (siblings, is_before) in [(&added.before, true), (&added.behind, false)] {
        let Some(nearest) = siblings.first().filter(|_| siblings.len() > 1).map(|key| style.of(key)) else {
            continue;
        };
        let places = places_of(source.content(), &nearest, MAX_PLACES).unwrap_or_default();
        let n_before = found.len();
        let mut known: Option<Range<usize>> = None;
        for place in places {
            let is_own = added.block.start <= place.start && place.end <= added.block.end;
            if is_own || known.as_ref().is_some_and(|known| known.contains(&place.start)) {
                continue;
            }
            let site = Site { source, added, siblings, is_before, place: &place, style };
            let Some((edit, agreeing, around)) = site.line().or_else(|| site.item()) else { continue };
            known = Some(around);
            let mut confidence = BY_AGREEING[(agreeing - 2).min(BY_AGREEING.len() - 1)];
            let n_missing = u16::try_from(siblings.len() - agreeing).map_or(0.0, f32::from);
            confidence -= PER_MISSING * n_missing + if style == Style::Same { 0.0 } else { OTHER_STYLE };
            let (range, text) = edit;
            found.push(source.edit(range, text, NextEditKind::Counterpart, confidence, agreeing));
        }
        if found.len() > n_before {
            return;
        }
    }
}

/// An edit, how many siblings agree, and the range of the counterpart of the nearest.
type Missing = ((Range<usize>, String), usize, Range<usize>);

/// A place of the nearest sibling's name.
struct Site<'s, 'a> {
    source: &'s Source<'a>,
    added: &'s Added,
    siblings: &'s [String],
    is_before: bool,
    place: &'s Range<usize>,
    style: Style,
}

impl Site<'_, '_> {
    /// The counterparts are lines, as many for each sibling.
    fn line(&self) -> Option<Missing> {
        let text = self.source.text;
        let line = self.source.line_of(self.place.start);
        let block = |first: usize, n_lines: usize| {
            let range = text.line_start(first)..text.line_start(first + n_lines);
            &self.source.content()[range]
        };
        for n_lines in 1..=MAX_LINES {
            let form = form(block(line, n_lines), &self.siblings[0]);
            if !form.has_name || form.is_blank_ended || (form.has_value && !self.added.is_same_form) {
                continue;
            }
            let mut agreeing = 1;
            for (index, sibling) in self.siblings.iter().enumerate().skip(1) {
                let offset = index * n_lines;
                let first = if self.is_before { line.checked_sub(offset) } else { Some(line + offset) };
                let is_alike = |first: usize| {
                    first + n_lines <= text.n_lines()
                        && self::form(block(first, n_lines), sibling).is_alike(&form)
                };
                if !first.is_some_and(is_alike) {
                    break;
                }
                agreeing += 1;
            }
            if agreeing < 2 {
                continue;
            }
            // The new name may have its lines among those of its siblings already, in another order.
            let near = (agreeing + 2) * n_lines;
            let start = text.line_start(line.saturating_sub(near));
            let end = text.line_end((line + near).min(text.n_lines()));
            if self.has_new(start..end) {
                return None;
            }
            let own = block(line, n_lines);
            let range = text.line_start(line)..text.line_start(line + n_lines);
            return Some((self.inserted_lines(own, &range)?, agreeing, range));
        }
        None
    }

    /// Whether the new name is in a range, apart from the new element and its siblings.
    fn has_new(&self, range: Range<usize>) -> bool {
        let is_apart = |place: &Range<usize>| {
            let start = range.start + place.start;
            start < self.added.block.start || start >= self.added.block.end
        };
        let new = self.style.of(&self.added.key);
        let places = places_of(&self.source.content()[range.clone()], &new, MAX_PLACES);
        places.is_none_or(|places| places.iter().any(is_apart))
    }

    fn inserted_lines(&self, own: &str, range: &Range<usize>) -> Option<(Range<usize>, String)> {
        let copy = replaced(own, &self.siblings[0], &self.added.key);
        if !self.is_before {
            return Some((range.start..range.start, copy));
        }
        if !own.ends_with('\n') {
            return None;
        }
        // The last of a list may have no comma.
        let line = self.source.line_of(range.start);
        let above = self.source.text.line(line.checked_sub(1)?);
        let trimmed = own.trim_end();
        if above.trim_end().ends_with(',') && !trimmed.ends_with(',') {
            let end = range.start + trimmed.len();
            let line_break = &own[trimmed.len()..];
            return Some((end..end, format!(",{line_break}{}", copy.trim_end())));
        }
        Some((range.end..range.end, copy))
    }

    /// The counterparts are items of one list.
    fn item(&self) -> Option<Missing> {
        let content = self.source.content();
        let list = list_around(content, self.place.start)?;
        let holds = |item: &Range<usize>| item.start <= self.place.start && self.place.end <= item.end;
        let index = list.items.iter().position(holds)?;
        let item = |index: usize| &content[list.items[index].clone()];
        let form = form(item(index), &self.siblings[0]);
        let is_alike = |offset: usize, sibling: &str| {
            let other = if self.is_before { index.checked_sub(offset) } else { Some(index + offset) };
            other
                .filter(|other| *other < list.items.len())
                .is_some_and(|other| self::form(item(other), sibling).is_alike(&form))
        };
        let agreeing = 1
            + (1..self.siblings.len())
                .take_while(|offset| is_alike(*offset, &self.siblings[*offset]))
                .count();
        // The arguments of a call are of many kinds: they have to be the siblings and nothing else.
        let is_call = content.as_bytes()[list.open] == b'(';
        if is_call && agreeing < 3 {
            return None;
        }
        let is_whole = agreeing == self.siblings.len()
            && list.items.len() == agreeing
            && (self.added.n_siblings == agreeing || self.added.n_siblings > agreeing && agreeing > 3);
        if agreeing < 2 || (is_call && !is_whole) || self.has_new(list.open..list.close) {
            return None;
        }
        let copy = replaced(item(index), &self.siblings[0], &self.added.key);
        let (at, text) = self.inserted_item(&list, index, &copy)?;
        Some(((at..at, text), agreeing, list.open..list.close))
    }

    fn inserted_item(&self, list: &List, index: usize, copy: &str) -> Option<(usize, String)> {
        let content = self.source.content();
        let is_one_line = !content[list.items.first()?.start..list.items.last()?.end].contains('\n');
        let at = if self.is_before { index + 1 } else { index };
        is_one_line.then(|| list.insertion(at, copy))
    }
}

/// Stands for a name in a form; no token begins with it.
const NAME: char = '\0';

/// The tokens of a text with its name left open, in whatever style it is written.
struct Form {
    texts: Vec<String>,
    has_name: bool,
    /// Whether it has a value, which may depend on the type of the element.
    has_value: bool,
    /// Whether its last line is empty: then it is more than its own text.
    is_blank_ended: bool,
}

impl Form {
    fn is_alike(&self, other: &Form) -> bool {
        let solid = |form: &Form| -> Vec<String> {
            let n_solid =
                form.texts.iter().rposition(|text| text != "\n" && text != ",").map_or(0, |last| last + 1);
            form.texts[..n_solid].to_vec()
        };
        self.has_name && other.has_name && solid(self) == solid(other)
    }
}

fn form(text: &str, name: &str) -> Form {
    let tokens = tokens(text);
    let variants = variants(name);
    let open = |text: &str| {
        let style = variants.iter().find(|(_, variant)| variant == text).map(|(style, _)| style);
        style.map_or(text.to_owned(), |style| format!("{NAME}{style:?}"))
    };
    let texts: Vec<String> = tokens.iter().map(|token| open(token.of(text))).collect();
    let has_name = texts.iter().any(|text| text.starts_with(NAME));
    const VALUES: [&str; 10] =
        ["None", "null", "nil", "nullptr", "true", "false", "True", "False", "\"", "'"];
    let is_value =
        |text: &String| VALUES.contains(&text.as_str()) || text.starts_with(|c: char| c.is_ascii_digit());
    // A key in quotes is no value.
    let n_quoted = texts
        .windows(3)
        .filter(|three| is_value(&three[0]) && three[1].starts_with(NAME) && three[0] == three[2])
        .count();
    let has_value = texts.iter().filter(|text| is_value(text)).count() > 2 * n_quoted;
    let is_blank_ended = tokens
        .last()
        .is_some_and(|last| last.kind == TokenKind::Break && text[last.range()].matches('\n').count() > 1);
    Form { texts, has_name, has_value, is_blank_ended }
}

/// The text with another key, each in the style that the old one has.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    for (style, variant) in variants(old) {
        let places = places_of(text, &variant, usize::MAX).unwrap_or_default();
        found.extend(places.into_iter().map(|place| (place, style.of(new))));
    }
    found.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut copy = text.to_owned();
    for (place, name) in found {
        copy.replace_range(place, &name);
    }
    copy
}

/// The ways to write a key that differ from each other.
fn variants(key: &str) -> Vec<(Style, String)> {
    let mut found: Vec<(Style, String)> = Vec::new();
    for style in Style::ALL {
        let variant = style.of(key);
        if !found.iter().any(|(_, known)| *known == variant) {
            found.push((style, variant));
        }
    }
    found
}
