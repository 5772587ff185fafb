//! Names and addresses of people, which models learn in training. Invariant: a suggestion has an address, or a name after words
//! such as "author", only if it occurs in the project.

use fimble_syntax::Language;

use crate::brackets::{Scanner, is_quote};
use crate::post_process::{Draft, Effect};
use crate::surroundings::Surroundings;
use crate::{Refusal, RefusalKind};

/// Words before the name of a person, if a colon or an equals sign is between them.
const ROLES: &[&str] = &[
    "author",
    "maintainer",
    "contributor",
    "developer",
    "contact",
    "credit",
    "owner",
    "autor",
    "auteur",
    "signed-off-by",
    "co-authored-by",
    "reviewed-by",
    "reported-by",
    "acked-by",
    "tested-by",
    "suggested-by",
];
/// Words directly before the name of an owner.
const OWNERS: &[&str] = &["copyright", "copyrighttext:", "©", "(c)"];
/// Words before the name of a person in a sentence.
const DEEDS: &[&str] = &[
    "written by",
    "created by",
    "developed by",
    "maintained by",
    "contributed by",
    "ported by",
    "designed by",
    "modified by",
    "adapted by",
    "programmed by",
    "translated by",
    "thanks to",
];
/// Keys in a list of people.
const KEYS: &[&str] = &["name", "email", "alias", "given-names", "family-names", "username", "login"];
/// Words that are no names of persons.
const NOBODY: &[&str] = &[
    "a",
    "address",
    "all",
    "an",
    "and",
    "anonymous",
    "apache",
    "array",
    "author",
    "authors",
    "bsd",
    "by",
    "c",
    "company",
    "contributor",
    "contributors",
    "copyright",
    "corp",
    "corporation",
    "date",
    "description",
    "developer",
    "developers",
    "email",
    "file",
    "first",
    "foundation",
    "full",
    "gmbh",
    "gpl",
    "here",
    "inc",
    "isc",
    "last",
    "licence",
    "license",
    "licensed",
    "list",
    "llc",
    "ltd",
    "mail",
    "mit",
    "module",
    "mpl",
    "name",
    "none",
    "null",
    "object",
    "of",
    "option",
    "optional",
    "organisation",
    "organization",
    "package",
    "present",
    "project",
    "reserved",
    "rights",
    "see",
    "since",
    "str",
    "string",
    "tbd",
    "team",
    "the",
    "this",
    "todo",
    "unknown",
    "user",
    "users",
    "version",
    "with",
    "your",
];
/// Small words within names.
const PARTICLES: &[&str] =
    &["al", "bin", "da", "de", "del", "der", "di", "du", "el", "la", "le", "van", "von", "zu"];
/// Languages whose values stand without quotes, or that are prose.
const DATA: &[&str] = &["yaml", "toml", "json", "markdown", "html", "vue", "svelte"];

/// Cuts a draft where it would give away a person who is not `known` in the project.
pub(crate) fn check(draft: &mut Draft, surroundings: &Surroundings, known: &dyn Fn(&str) -> bool) -> Effect {
    let mut above = surroundings.lines_above.clone();
    let mut found = None;
    for (number, line) in draft.text.split('\n').enumerate() {
        let n_typed = if number == 0 { surroundings.typed.len() } else { 0 };
        let whole = format!("{}{line}", &surroundings.typed[..n_typed]);
        if let Some(at) = stranger(&whole, n_typed, &above, surroundings, known) {
            found = Some((number, at.saturating_sub(n_typed)));
            break;
        }
        above.insert(0, whole);
    }
    let before = draft.text.len();
    match found {
        None => return Ok("unchanged".to_owned()),
        Some((0, at)) => {
            let len = draft.text[..at].trim_end().len();
            draft.cut_end(len);
        }
        // What leads to a person further down leads nowhere without.
        Some((number, _)) => draft.keep_lines(number),
    }
    if !draft.text.contains(char::is_alphanumeric) {
        return Err(Refusal::new(
            RefusalKind::PersonalData,
            "the model produced a name or an address of a person who is unknown in this project",
        ));
    }
    Ok(format!("cut {} bytes that name a person who is unknown in this project", before - draft.text.len()))
}

/// Where the name of a person begins in a line, if some of it is after the first `n_typed` bytes.
fn stranger(
    line: &str,
    n_typed: usize,
    above: &[String],
    surroundings: &Surroundings,
    known: &dyn Fn(&str) -> bool,
) -> Option<usize> {
    let is_strange = |range: &std::ops::Range<usize>| range.end > n_typed && !known(&line[range.clone()]);
    let address = addresses(line).into_iter().find(is_strange);
    let is_text = surroundings.in_comment
        || surroundings.language.is_none_or(|language| DATA.contains(&language.name()));
    let value = value_of(line, is_text).or_else(|| listed_value(line, above, is_text));
    let names = value.map_or(Vec::new(), |value| {
        let mut names = names(line, value);
        names.retain(|name| {
            is_text || surroundings.in_string || is_text_at(line, name.start, surroundings.language)
        });
        names
    });
    let name = names.into_iter().find(is_strange);
    [address, name].into_iter().flatten().map(|range| range.start).min()
}

/// Whether a place in a line of code is in a string or a comment.
fn is_text_at(line: &str, at: usize, language: Option<&'static Language>) -> bool {
    let mut scanner = Scanner::new(language);
    let comments = language.map_or([None, None], |language| {
        [language.line_comment(), language.block_comment().map(|(start, _)| start)]
    });
    for (here, ch) in line[..at].char_indices() {
        if !scanner.in_string() && comments.into_iter().flatten().any(|mark| line[here..].starts_with(mark)) {
            return true;
        }
        scanner.step(ch);
    }
    scanner.in_string() || line.trim_start().starts_with("* ")
}

/// Addresses of electronic mail; those of domains reserved for examples do not count.
fn addresses(line: &str) -> Vec<std::ops::Range<usize>> {
    let is_local = |ch: char| ch.is_alphanumeric() || matches!(ch, '.' | '_' | '%' | '+' | '-');
    let is_domain = |ch: char| ch.is_alphanumeric() || matches!(ch, '.' | '-');
    let found = line.match_indices('@').filter_map(|(at, _)| {
        let start = line[..at]
            .rfind(|ch| !is_local(ch))
            .map_or(0, |before| before + line[before..].chars().next().map_or(1, char::len_utf8));
        let domain = &line[at + 1..];
        let domain = &domain[..domain.find(|ch| !is_domain(ch)).unwrap_or(domain.len())];
        let domain = domain.trim_end_matches(['.', '-']);
        let end = at + 1 + domain.len();
        let (_, top) = domain.rsplit_once('.')?;
        let is_address = start < at
            && top.len() >= 2
            && top.chars().all(char::is_alphabetic)
            // A method of a product of matrices, or a place that is reached by `ssh`.
            && !line[end..].starts_with('(')
            && &line[start..at] != "git";
        let lower = domain.to_lowercase();
        let is_example =
            lower.split('.').rev().take(2).any(|part| matches!(part, "example" | "test" | "invalid"));
        (is_address && !is_example).then_some(start..end)
    });
    found.collect()
}

/// Characters that follow a word for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    /// The start.
    start: usize,
    /// Whether one word without a capital may be a name: a sentence continues with such words.
    is_parted: bool,
}

/// Text that follows the first word for a person or an owner. In code `(c)` is an argument.
fn value_of(line: &str, is_text: bool) -> Option<Value> {
    let lower = line.to_ascii_lowercase();
    let starts_word = |at: usize| !lower[..at].ends_with(char::is_alphanumeric);
    let parted = |start: usize| Value { start, is_parted: true };
    let roles = ROLES.iter().flat_map(|word| lower.match_indices(word)).filter_map(|(at, word)| {
        let value = behind_role(&lower[..at], &lower[at + word.len()..]).filter(|_| starts_word(at))?;
        Some(parted(lower.len() - value.len()))
    });
    let owners = OWNERS.iter().flat_map(|word| lower.match_indices(word)).filter_map(|(at, word)| {
        let rest = &lower[at + word.len()..];
        let is_year = rest.trim_start().starts_with(|ch: char| ch.is_ascii_digit());
        let ends_word = !rest.starts_with(|ch: char| ch.is_alphanumeric() || ch == '_');
        let is_owner =
            if word == "(c)" { is_text || is_year } else { starts_word(at) || word.ends_with(':') };
        (is_owner && ends_word).then_some(parted(at + word.len()))
    });
    let deeds = DEEDS.iter().flat_map(|words| lower.match_indices(words)).filter(|(at, _)| starts_word(*at));
    let deeds = deeds.map(|(at, words)| Value { start: at + words.len(), is_parted: false });
    roles.chain(owners).chain(deeds).min()
}

/// The value behind a role such as "author", by what stands before and behind the word: `author:`, `:author:`, `@author`,
/// `"authors": [`, `__author__ =`, `author_email=`.
fn behind_role<'l>(before: &str, behind: &'l str) -> Option<&'l str> {
    let mut rest = behind;
    for endings in [&["(s)", "s"][..], &["_email", "_name", "-email", "-name"], &["__"], &["\"", "'"]] {
        rest = endings.iter().find_map(|ending| rest.strip_prefix(ending)).unwrap_or(rest);
    }
    if before.ends_with(':') {
        return rest.strip_prefix(':').map(str::trim_start);
    }
    if before.ends_with(['@', '\\']) {
        return rest.starts_with([' ', '\t', '{']).then(|| rest.trim_start());
    }
    let rest = rest.trim_start();
    rest.starts_with([':', '=']).then(|| rest.trim_start_matches([':', '=', '>']).trim_start())
}

/// The value in a line of a list of people.
fn listed_value(line: &str, above: &[String], is_text: bool) -> Option<Value> {
    let is_head = |line: &String| {
        let lower = line.trim().to_ascii_lowercase();
        // In code a list is assigned; what ends with a bracket or a colon otherwise begins a function.
        let is_open = lower.ends_with([':', '[', '{', '(']) && (is_text || lower.contains('='));
        matches!(lower.as_str(), "[user]" | "[author]")
            || is_open && ROLES.iter().any(|word| lower.contains(word))
    };
    if !above.iter().take(3).any(is_head) {
        return None;
    }
    let item = line
        .trim_start_matches(|ch: char| ch.is_whitespace() || matches!(ch, '-' | '{' | '[') || is_quote(ch));
    let lower = item.to_ascii_lowercase();
    let after_key = KEYS.iter().find_map(|key| {
        let rest = lower.strip_prefix(key)?.trim_start_matches(|ch: char| ch.is_whitespace() || is_quote(ch));
        rest.starts_with([':', '=']).then(|| line.len() - rest.len() + 1)
    });
    let is_item = item.len() < line.trim_start().len() && !lower.contains([':', '=']);
    let start = after_key.or(is_item.then(|| line.len() - item.len()))?;
    Some(Value { start, is_parted: true })
}

/// Names in a value: runs of words with capitals, or one word that stands alone.
fn names(line: &str, Value { start, is_parted }: Value) -> Vec<std::ops::Range<usize>> {
    let is_of_word = |ch: char| ch.is_alphanumeric() || matches!(ch, '_' | '\'' | '-' | '.' | '’');
    let mut words: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, ch) in line[start..].char_indices().map(|(at, ch)| (start + at, ch)) {
        let end = at + ch.len_utf8();
        match words.last_mut() {
            Some(word) if word.end == at && is_of_word(ch) => word.end = end,
            _ if ch.is_alphabetic() => words.push(at..end),
            _ => {}
        }
    }
    for word in &mut words {
        word.end = word.start + line[word.clone()].trim_end_matches(['\'', '-', '’']).len();
    }
    let is_nobody = |word: &std::ops::Range<usize>| {
        NOBODY.contains(&line[word.clone()].trim_end_matches('.').to_lowercase().as_str())
    };
    let has_capital = |word: &std::ops::Range<usize>| line[word.clone()].starts_with(char::is_uppercase);
    if let [word] = words.as_slice()
        && is_parted
    {
        return if is_nobody(word) { Vec::new() } else { words };
    }
    let mut runs: Vec<Vec<std::ops::Range<usize>>> = Vec::new();
    for word in words {
        let is_part = has_capital(&word) || PARTICLES.contains(&&line[word.clone()]);
        let follows = |last: &std::ops::Range<usize>| line[last.end..word.start].trim().is_empty();
        match runs.last_mut() {
            Some(run) if is_part && run.last().is_some_and(follows) => run.push(word),
            _ if has_capital(&word) => runs.push(vec![word]),
            _ => {}
        }
    }
    runs.into_iter()
        .filter_map(|run| {
            let first = run.iter().find(|word| !is_nobody(word))?.start;
            let last = run.iter().rev().find(|word| !is_nobody(word) && has_capital(word))?.end;
            let name = line[first..last].trim_end_matches('.');
            // An initial keeps its point.
            Some(first..if name.len() + 1 == last - first { first + name.len() } else { last })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a line of text, those of its list's head above.
    fn found(line: &str, above: &str) -> Vec<String> {
        let above = vec![above.to_owned()];
        let value = value_of(line, true).or_else(|| listed_value(line, &above, true));
        let names = value.map_or(Vec::new(), |value| names(line, value));
        names.into_iter().map(|name| line[name].to_owned()).collect()
    }

    #[test]
    fn names_are_found_behind_what_announces_them() {
        for (line, above, expected) in [
            ("# Author: Ada Lovelace", "", vec!["Ada Lovelace"]),
            (":author: Ada Lovelace", "", vec!["Ada Lovelace"]),
            (" * @author Ada Lovelace", "", vec!["Ada Lovelace"]),
            ("__author__ = 'ada'", "", vec!["ada"]),
            ("    author=\"Ada Lovelace\",", "", vec!["Ada Lovelace"]),
            (
                "authors = [\"Ada Lovelace <ada@engine.org>\", \"Grace M. Hopper\"]",
                "",
                vec!["Ada Lovelace", "Grace M. Hopper"],
            ),
            ("  \"author\": \"Ludwig van Beethoven\"", "", vec!["Ludwig van Beethoven"]),
            ("// Copyright (c) 2024 Ada Lovelace. All rights reserved.", "", vec!["Ada Lovelace"]),
            ("/* Written by Ada Lovelace */", "", vec!["Ada Lovelace"]),
            ("# © 2024 Ada", "", vec!["Ada"]),
            ("Signed-off-by: Ada Lovelace <ada@engine.org>", "", vec!["Ada Lovelace"]),
            ("  - name: Ada Lovelace", "maintainers:", vec!["Ada Lovelace"]),
            ("    \"Ada Lovelace\",", "authors = [", vec!["Ada Lovelace"]),
            ("\tname = Ada Lovelace", "[user]", vec!["Ada Lovelace"]),
            // No person, or no announcement.
            ("# Author: unknown", "", vec![]),
            ("# Written by hand in assembly", "", vec![]),
            ("# The author of this file is Ada", "", vec![]),
            ("# Copyright the authors", "", vec![]),
            ("  - name: Build", "steps:", vec![]),
            ("authority = Ada", "", vec![]),
        ] {
            assert_eq!(found(line, above), expected, "{line}");
        }
    }

    #[test]
    fn addresses_are_those_of_people() {
        for (line, expected) in [
            ("Contact: ada.lovelace@engine.org.", vec!["ada.lovelace@engine.org"]),
            ("<ada@a.b-c.io>, é@host.de", vec!["ada@a.b-c.io", "é@host.de"]),
            ("user@example.com, me@mail.example.org, x@host.test", vec![]),
            ("@app.route('/')", vec![]),
            ("git@github.com:engine/first.git", vec![]),
            ("lodash@4.17.21 actions/checkout@v4.1", vec![]),
            ("y = w@x.dot(z) + a@b.T", vec![]),
        ] {
            let found: Vec<&str> = addresses(line).into_iter().map(|range| &line[range]).collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}
