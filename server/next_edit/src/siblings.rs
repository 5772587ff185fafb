//! An added element and those beside it: the lines of a block, or the items of a list. Invariant: siblings have the form of the added
//! element, and each has a key of its own.

use std::ops::Range;

use crate::calls::list_around;
use crate::change::{Change, indentation_at};
use crate::diff::Diff;
use crate::source::Source;
use crate::tokens::{Token, TokenKind, is_name, tokens};

/// Siblings on each side that are looked at.
const MAX_SIBLINGS: usize = 4;

/// Names of one line that may be its key.
const MAX_KEYS: usize = 3;

/// An element that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// The name that distinguishes it.
    pub(crate) key: String,
    /// The element.
    pub(crate) range: Range<usize>,
    /// The element with its siblings.
    pub(crate) block: Range<usize>,
    /// Keys of the siblings before it, the nearest first.
    pub(crate) before: Vec<String>,
    /// Keys of the siblings behind it, the nearest first.
    pub(crate) behind: Vec<String>,
    /// Whether the nearest siblings are as it is but for their keys: of the same type.
    pub(crate) is_same_form: bool,
    /// Number of siblings, those included whose keys are not known.
    pub(crate) n_siblings: usize,
}

/// The element that a hunk added, once for each name that may be its key; none if it has no siblings.
pub(crate) fn added(source: &Source<'_>, diff: &Diff<'_>) -> Vec<Added> {
    let Some(change) = Change::of(diff).filter(|change| change.old.is_empty()) else { return Vec::new() };
    let mut found = match change.is_lines {
        true => added_line(source, diff, &change),
        false => added_item(source, diff, &change).into_iter().collect(),
    };
    found.retain(|added| !added.before.is_empty() || !added.behind.is_empty());
    found
}

fn added_line(source: &Source<'_>, diff: &Diff<'_>, change: &Change<'_>) -> Vec<Added> {
    let is_break = |index: &usize| diff.new_tokens[*index].kind == TokenKind::Break;
    if change.new.clone().filter(is_break).count() != 1 {
        return Vec::new();
    }
    let line = source.line_of(diff.place(change.new.start).start);
    let content = |line: usize| {
        let range = source.text.line_start(line)..source.text.line_end(line);
        &source.content()[range]
    };
    let own = content(line);
    let is_beside =
        |other: &str| !other.trim().is_empty() && indentation_at(other, 0) == indentation_at(own, 0);
    let n_lines = source.text.n_lines();
    let neighbours = [line.checked_sub(1), Some(line + 1).filter(|next| *next < n_lines)];
    let neighbour = neighbours.into_iter().flatten().map(content).find(|other| is_beside(other));
    let mut found = Vec::new();
    for key in neighbour.map(|other| differing_names(own, other)).unwrap_or_default() {
        let name = |other: &str| name_at(own, other, key).filter(|_| is_beside(other));
        let keys = |lines: &mut dyn Iterator<Item = usize>| -> Vec<String> {
            lines.take(MAX_SIBLINGS).map_while(|line| name(content(line))).collect()
        };
        let (before, behind) = (keys(&mut (0..line).rev()), keys(&mut (line + 1..n_lines)));
        let block = source.text.line_start(line - before.len())..source.text.line_end(line + behind.len());
        let own_key = tokens(own)[key].of(own).to_owned();
        let is_alike = |line: usize, key: &String| is_same_form(own, &own_key, content(line), key);
        let nearest = |keys: &[String], line_of: &dyn Fn(usize) -> usize| {
            keys.iter().take(2).enumerate().all(|(index, key)| is_alike(line_of(index), key))
        };
        let is_same_form =
            nearest(&before, &|index| line - 1 - index) && nearest(&behind, &|index| line + 1 + index);
        found.push(Added {
            is_same_form,
            n_siblings: before.len() + behind.len(),
            key: own_key,
            range: source.text.line_start(line)..source.text.line_end(line),
            block,
            before,
            behind,
        });
    }
    found
}

/// Indices of the tokens that are names in both lines, and differ. Behind the first difference, the lines have to have as many tokens.
fn differing_names(own: &str, other: &str) -> Vec<usize> {
    let (own_tokens, other_tokens) = (tokens(own), tokens(other));
    let is_different = |index: &usize| own_tokens[*index].of(own) != other_tokens[*index].of(other);
    let differing = (0..own_tokens.len().min(other_tokens.len())).filter(is_different);
    let keys = if own_tokens.len() == other_tokens.len() { MAX_KEYS } else { 1 };
    differing.take(keys).filter(|key| name_at(own, other, *key).is_some()).collect()
}

/// The name that another line has where `own` has its key, if both lines have the same form up to there and behind it.
fn name_at(own: &str, other: &str, key: usize) -> Option<String> {
    let (own_tokens, other_tokens) = (tokens(own), tokens(other));
    let (own_key, other_key) = (own_tokens.get(key)?.of(own), other_tokens.get(key)?.of(other));
    let is_alike = |index: usize| match (own_tokens.get(index), other_tokens.get(index)) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.of(own), b.of(other));
            a == b || (is_name(a) && is_name(b))
        }
        (None, None) => true,
        _ => false,
    };
    // An argument of a call is not what a line is about.
    let is_open = |token: &Token| matches!(token.of(own), "(" | "[");
    let is_close = |token: &Token| matches!(token.of(own), ")" | "]");
    let before = &own_tokens[..key];
    let is_inner = before.iter().filter(|token| is_open(token)).count()
        > before.iter().filter(|token| is_close(token)).count();
    let is_key = is_name(own_key) && is_name(other_key) && own_key != other_key && !is_inner;
    (is_key && (0..key).all(is_alike) && is_alike(key + 1)).then(|| other_key.to_owned())
}

fn added_item(source: &Source<'_>, diff: &Diff<'_>, change: &Change<'_>) -> Option<Added> {
    let at = diff.place(change.new.start);
    let list = list_around(source.content(), at.start)?;
    let items: Vec<&str> = list.items.iter().map(|item| &source.content()[item.clone()]).collect();
    let new = at.start..diff.place(change.new.end - 1).end;
    let is_new =
        |item: &Range<usize>| new.start <= item.end && item.start < new.end && new.start <= item.start;
    let mut inserted = (0..items.len()).filter(|index| is_new(&list.items[*index]));
    let (index, None) = (inserted.next()?, inserted.next()) else { return None };
    let keys: Vec<Option<String>> =
        items.iter().map(|item| key_of(source.tree.language().name(), item)).collect();
    let known = |indices: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        indices.map_while(|index| keys[index].clone()).take(MAX_SIBLINGS).collect()
    };
    let nearest = (index.saturating_sub(2)..items.len().min(index + 3)).filter(|other| *other != index);
    let own_key = keys[index].clone()?;
    let is_alike = |other: usize| {
        keys[other].as_ref().is_none_or(|key| is_same_form(items[index], &own_key, items[other], key))
    };
    Some(Added {
        is_same_form: nearest.into_iter().all(is_alike),
        n_siblings: items.len() - 1,
        key: own_key,
        range: list.items[index].clone(),
        block: list.open..list.close + 1,
        before: known(&mut (0..index).rev()),
        behind: known(&mut (index + 1..items.len())),
    })
}

/// Whether two elements differ in nothing but their keys.
fn is_same_form(own: &str, own_key: &str, other: &str, other_key: &str) -> bool {
    let open = |text: &str, key: &str| -> Vec<String> {
        let tokens = tokens(text);
        let texts = tokens.iter().map(|token| token.of(text)).filter(|text| !matches!(*text, "," | ";"));
        texts.map(|text| if text == key { String::new() } else { text.to_owned() }).collect()
    };
    open(own, own_key) == open(other, other_key)
}

/// The name of an item: of a parameter, a field, a key.
fn key_of(language: &str, item: &str) -> Option<String> {
    let item = item.split('=').next().unwrap_or_default();
    let words: Vec<&str> = tokens(item).iter().map(|token| token.range()).map(|range| &item[range]).collect();
    let names: Vec<&str> = words.into_iter().filter(|word| is_name(word)).collect();
    let has_type_first = matches!(language, "java" | "c" | "cpp" | "csharp");
    let name = if has_type_first { names.last()? } else { names.iter().find(|name| !is_modifier(name))? };
    (!matches!(*name, "self" | "cls" | "this")).then(|| (*name).to_owned())
}

fn is_modifier(word: &str) -> bool {
    matches!(word, "private" | "public" | "protected" | "readonly" | "mut" | "ref" | "type")
}
