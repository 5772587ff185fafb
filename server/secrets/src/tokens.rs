//! Finds the tokens of [`crate::token_rules`]: one pass for all keywords, then a bounded look around each.
//!
//! Invariant: a token stands by itself. What is part of a longer run of letters and digits, such as an encoded picture, is none.

use std::ops::{ControlFlow, Range};
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use crate::token_rules::{Form, RULES, Set};
use crate::{Sink, floor, values};

/// Bytes after a keyword that a regular expression may look at.
const MAX_AFTER: usize = 4200;

/// All keywords, and the rule of each.
struct Keywords {
    automaton: Option<AhoCorasick>,
    rules: Vec<usize>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    let keys: Vec<(usize, &str)> =
        RULES.iter().enumerate().flat_map(|(rule, it)| it.keys.iter().map(move |key| (rule, *key))).collect();
    Keywords {
        automaton: AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(keys.iter().map(|(_, key)| key))
            .ok(),
        rules: keys.into_iter().map(|(rule, _)| rule).collect(),
    }
});

/// The regular expressions of the rules, each made when it is needed first.
static PATTERNS: [OnceLock<Option<Regex>>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];

fn pattern(rule: usize, source: &str, is_anchored: bool) -> Option<&'static Regex> {
    let make = || {
        let source = if is_anchored { format!(r"\A(?:{source})") } else { source.to_owned() };
        RegexBuilder::new(&source).unicode(false).build().ok()
    };
    PATTERNS[rule].get_or_init(make).as_ref()
}

impl Set {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte),
        }
    }
}

/// Finds all tokens of services.
pub(crate) fn scan(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let Some(automaton) = &KEYWORDS.automaton else { return ControlFlow::Continue(()) };
    let mut covered = 0;
    for hit in automaton.find_overlapping_iter(text) {
        // What was found already is not looked at again, so that many keywords in one token cost nothing.
        if hit.end() <= covered {
            continue;
        }
        let rule = KEYWORDS.rules[hit.pattern().as_usize()];
        if let Some(range) = token_at(text, rule, hit.range()) {
            covered = range.end;
            sink(range, RULES[rule].name)?;
        }
    }
    ControlFlow::Continue(())
}

fn token_at(text: &str, rule: usize, key: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !matches!(RULES[rule].form, Form::Around(..)) && !begins_alone(bytes, key.start) {
        return None;
    }
    let (range, body) = match RULES[rule].form {
        Form::Run(set, min, max) => {
            let rest = &bytes[key.end..];
            let n = rest.iter().take(max + 1).take_while(|byte| set.holds(**byte)).count();
            if n < min || n > max {
                return None;
            }
            let mut end = key.end + n;
            // A full stop ends a sentence.
            while end > key.end && bytes[end - 1] == b'.' {
                end -= 1;
            }
            (key.start..end, key.end..end)
        }
        Form::From(source) => {
            let window = &bytes[key.start..bytes.len().min(key.end + MAX_AFTER)];
            let found = pattern(rule, source, true)?.find(window)?;
            let range = key.start..key.start + found.end();
            (range.clone(), floor(text, key.end).min(range.end)..range.end)
        }
        Form::Around(n_before, source) => {
            let start = key.start.saturating_sub(n_before);
            let window = &bytes[start..bytes.len().min(key.end + 400)];
            let captures = pattern(rule, source, false)?.captures(window)?;
            let found = captures.get(1).or_else(|| captures.get(0))?;
            let range = start + found.start()..start + found.end();
            (range.clone(), range)
        }
    };
    let stands_alone = begins_alone(bytes, range.start) && ends_alone(bytes, range.end);
    (stands_alone && values::is_issued(text.get(body)?)).then_some(range)
}

fn begins_alone(bytes: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1) else { return true };
    // `\n` in a literal ends in a letter.
    let is_escape = b"nrt".contains(&bytes[before]) && before > 0 && bytes[before - 1] == b'\\';
    !bytes[before].is_ascii_alphanumeric() && !b"+_-".contains(&bytes[before]) || is_escape
}

fn ends_alone(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_read() {
        assert!(KEYWORDS.automaton.is_some());
        for (at, rule) in RULES.iter().enumerate() {
            match rule.form {
                Form::Run(_, min, max) => assert!(min <= max, "{}", rule.name),
                Form::From(source) => assert!(pattern(at, source, true).is_some(), "{}", rule.name),
                Form::Around(_, source) => assert!(pattern(at, source, false).is_some(), "{}", rule.name),
            }
            for key in rule.keys {
                assert!(key.len() >= 2, "{}: {key}", rule.name);
            }
        }
    }
}
