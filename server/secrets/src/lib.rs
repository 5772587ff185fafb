//! The one detector of secrets: passwords, keys and tokens in a text ([`find`], [`has_secret`], [`masked`], [`redacted`]), and
//! files that hold them by their names ([`is_secret_path`]). The rules are tables: [`token_rules`] for what services issue,
//! [`names`] for what variables and keys are called.
//!
//! Invariant: the time is linear in the length of the text, also for one long line, because every rule reads a bounded stretch
//! around a keyword; ranges lie on character boundaries, in order, and do not overlap.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

mod assignments;
mod blocks;
mod joined;
mod links;
mod names;
mod paths;
mod token_rules;
mod tokens;
mod urls;
mod values;
mod words;

pub use paths::is_secret_path;

/// The text that replaces a secret in a redacted text. It is never taken for a secret itself.
pub const PLACEHOLDER: &str = "REDACTED";

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The range, in bytes: the value, or whole lines for blocks such as private keys.
    pub range: Range<usize>,
    /// The likely kind, for people: "a private key". The secret itself is not repeated.
    pub rule: &'static str,
}

/// Where findings go; a break ends the search.
type Sink<'a> = dyn FnMut(Range<usize>, &'static str) -> ControlFlow<()> + 'a;

fn scan(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    tokens::scan(text, sink)?;
    joined::scan(text, sink)?;
    blocks::scan(text, sink)?;
    assignments::scan(text, sink)
}

/// All secrets in a text, in order. Findings that overlap are one, under the rule of the first.
#[must_use]
pub fn find(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let _ = scan(text, &mut |range, rule| {
        found.push(Finding { range, rule });
        ControlFlow::Continue(())
    });
    found.sort_by_key(|finding| (finding.range.start, finding.range.end));
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match merged.last_mut() {
            Some(last) if finding.range.start < last.range.end => {
                last.range.end = last.range.end.max(finding.range.end);
            }
            _ => merged.push(finding),
        }
    }
    merged
}

/// The likely kind of the first secret, for people, if there is one. The search stops at the first.
#[must_use]
pub fn first_rule(text: &str) -> Option<&'static str> {
    let mut first = None;
    let _ = scan(text, &mut |_, rule| {
        first = Some(rule);
        ControlFlow::Break(())
    });
    first
}

/// Whether a text holds a secret. Ends at the first.
#[must_use]
pub fn has_secret(text: &str) -> bool {
    first_rule(text).is_some()
}

/// The text with [`PLACEHOLDER`] instead of every secret. Lines and their indentation stay; a secret of several lines
/// becomes a placeholder in each.
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for Finding { range, .. } in found {
        result.push_str(&text[at..range.start]);
        for line in text[range.clone()].split_inclusive('\n') {
            let content = line.trim();
            let start = line.len() - line.trim_start().len();
            result.push_str(&line[..start]);
            if !content.is_empty() {
                result.push_str(PLACEHOLDER);
                result.push_str(&line[start + content.len()..]);
            }
        }
        at = range.end;
    }
    result.push_str(&text[at..]);
    Cow::Owned(result)
}

/// The text with every secret overwritten by as many bytes of [`PLACEHOLDER`] and asterisks, so that every place outside of a
/// secret stays where it is. Line breaks and indentation stay. None if there is no secret.
#[must_use]
pub fn masked(text: &str) -> Option<String> {
    let found = find(text);
    if found.is_empty() {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    for Finding { range, .. } in found {
        result.push_str(&text[result.len()..range.start]);
        for line in text[range].split_inclusive(['\n', '\r']) {
            let content = line.trim();
            let start = line.len() - line.trim_start().len();
            result.push_str(&line[..start]);
            result.extend(PLACEHOLDER.chars().chain(std::iter::repeat('*')).take(content.len()));
            result.push_str(&line[start + content.len()..]);
        }
    }
    result.push_str(&text[result.len()..]);
    Some(result)
}

/// The largest character boundary of the text up to here.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The start of the line of a place, or a few hundred bytes before the place if the line is long.
fn line_start(text: &str, at: usize) -> usize {
    let from = floor(text, at.saturating_sub(300));
    text[from..at].rfind('\n').map_or(from, |line| from + line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_nothing_but_names_is_not_looked_at_name_by_name() {
        let text = "password=".repeat(20_000);
        assert_eq!(first_rule(&text), Some("more names of secrets than code has"));
        assert!(find(&text).len() < text.len() / 2_000, "one finding for each stretch at most");
    }
}
