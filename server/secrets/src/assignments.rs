//! Finds values by the names before them, and passwords in addresses and headers.
//!
//! Invariant: each name is checked once, however many keywords it contains.

use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::values::{self, Level, Writing};
use crate::words::word_share;
use crate::{Sink, links, names, urls};

/// Bytes of a name before and after the keyword.
const MAX_NAME: usize = 64;
/// Bytes of a value by which it is judged.
const MAX_JUDGED: usize = 280;

/// In so many bytes at most so many names are looked at: each costs some microseconds. What has more is no code, and is taken for
/// secret without a closer look.
const STRETCH: usize = 4096;
const MOST_NAMES: usize = 192;

/// The keywords of names, then those of [`urls`].
static KEYWORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let keys = names::KEYWORDS.iter().chain(urls::KEYWORDS).chain(urls::FUNCTIONS);
    AhoCorasick::builder().ascii_case_insensitive(true).build(keys).ok()
});

/// Finds values with names that say that they are secret, and passwords in addresses and headers.
pub(crate) fn scan(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let Some(automaton) = &*KEYWORDS else { return ControlFlow::Continue(()) };
    let mut seen = 0;
    let (mut stretch_end, mut n_names) = (0, 0);
    for hit in automaton.find_overlapping_iter(text) {
        if hit.start() >= stretch_end {
            (stretch_end, n_names) = (hit.start() + STRETCH, 0);
        }
        n_names += 1;
        if n_names == MOST_NAMES {
            let line_end = text[hit.end()..].find('\n').map_or(text.len(), |at| hit.end() + at);
            sink(
                hit.start()..line_end.min(crate::floor(text, stretch_end)),
                "more names of secrets than code has",
            )?;
        }
        if n_names >= MOST_NAMES {
            continue;
        }
        if hit.pattern().as_usize() >= names::KEYWORDS.len() {
            if let Some((range, rule)) = urls::secret_at(text, hit.range()) {
                sink(range, rule)?;
            }
            continue;
        }
        if hit.end() <= seen {
            continue;
        }
        let name = name_at(text, hit.range());
        seen = name.end;
        if let Some((range, rule)) = value_of(text, &name) {
            let range = range.start..value_end(text, &range);
            seen = seen.max(range.end);
            sink(range, rule)?;
        }
    }
    ControlFlow::Continue(())
}

/// The end of a value that is longer than the part that was read.
fn value_end(text: &str, range: &Range<usize>) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let is_cut = range.len() >= MAX_JUDGED;
    range.end
        + if is_cut {
            text.as_bytes()[range.end..].iter().take_while(|byte| is_part(byte)).count()
        } else {
            0
        }
}

/// The whole name that a keyword is part of.
fn name_at(text: &str, key: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte) || !byte.is_ascii();
    let mut start = key.start;
    while start > key.start.saturating_sub(MAX_NAME) && start > 0 && is_part(bytes[start - 1]) {
        start -= 1;
    }
    let mut end = key.end;
    while end < bytes.len().min(key.end + MAX_NAME) && is_part(bytes[end]) {
        end += 1;
    }
    // `->` and a full stop are no part of a name.
    while end > key.end && b"-.$".contains(&bytes[end - 1]) {
        end -= 1;
    }
    crate::floor(text, start)..crate::floor(text, end).max(key.end)
}

fn value_of(text: &str, name: &Range<usize>) -> Option<(Range<usize>, &'static str)> {
    let written = &text[name.clone()];
    let is_pass = written.eq_ignore_ascii_case("pass") || written.ends_with(".pass");
    let before = text[..name.start].strip_suffix([' ', '-']).and_then(|before| {
        let start = crate::floor(before, before.len().saturating_sub(20));
        before[start..].rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next()
    });
    let level = if written.eq_ignore_ascii_case("identified by") {
        Level::Password
    } else {
        names::level(written, before.filter(|word| !word.is_empty()))?
    };
    links::values(text, name).into_iter().find_map(|value| {
        if is_pass && !value.is_assigned && value.writing == Writing::Quoted {
            return None;
        }
        let judged = &value.text[..crate::floor(&value.text, MAX_JUDGED)];
        let is_phrase = level >= Level::Secret && is_phrase(written, judged);
        let doubt = if value.is_assigned || value.writing != Writing::Quoted {
            value.writing
        } else {
            Writing::Doubtful
        };
        // A setter or the next argument: people's passwords count if they are no words.
        let is_given = !value.is_assigned
            && value.writing == Writing::Quoted
            && level >= Level::Secret
            && is_no_word(judged)
            && values::is_secret(judged, level, Writing::Quoted);
        let token = token_in(judged);
        // One argument after another: only what is as long as a token is one.
        if !value.is_assigned && value.writing == Writing::Quoted && level < Level::Secret && token.len() < 16
        {
            return None;
        }
        (is_phrase || is_given || values::is_secret(token, level, doubt)).then_some((
            value.range,
            match level {
                Level::Secret | Level::Password => "a password or secret that is assigned",
                Level::Token | Level::Weak => "a key or token that is assigned",
            },
        ))
    })
}

/// Whether a value has what no word has: symbols, digits at its end, or letters in no order.
fn is_no_word(value: &str) -> bool {
    let n_digits = value.bytes().rev().take_while(u8::is_ascii_digit).count();
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    value.bytes().any(|byte| b"!@#$%^&*".contains(&byte))
        || n_digits >= 2
        || has_digit && word_share(value) < 60
        || values::is_random(value)
}

/// The token of a header's value: `Bearer x`, `Token x`.
fn token_in(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(' ') {
        Some((
            "Bearer" | "bearer" | "Basic" | "basic" | "Token" | "token" | "SSWS" | "ApiKey" | "Apikey"
            | "Digest",
            token,
        )) => token.trim(),
        _ => value,
    }
}

/// Words that are a secret as a row: a passphrase of at least 5 words, or the words of a wallet.
fn is_phrase(name: &str, value: &str) -> bool {
    const OF_SENTENCES: &[&str] = &[
        "the",
        "your",
        "a",
        "is",
        "for",
        "of",
        "to",
        "and",
        "or",
        "must",
        "please",
        "enter",
        "with",
        "not",
        "be",
        "in",
        "this",
        "password",
        "passphrase",
    ];
    let lower = name.to_ascii_lowercase();
    let is_name = ["phrase", "mnemonic", "seed"].iter().any(|word| lower.contains(word));
    let words: Vec<&str> = value.split([' ', '-']).collect();
    // Passwords of programs: four groups of four letters.
    let is_grouped = words.len() == 4 && words.iter().all(|word| word.len() == 4) && word_share(value) < 60;
    (is_name || is_grouped)
        && (4..=24).contains(&words.len())
        && words.iter().all(|word| {
            word.len() >= 3
                && word.bytes().all(|byte| byte.is_ascii_lowercase())
                && !OF_SENTENCES.contains(word)
        })
}
