//! Files cut into chunks, and chunks reduced to the words in them. Invariant: the chunks of a text cover its lines in order
//! and do not overlap; equal texts give equal chunks.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// Lines of a chunk, at most: what a small prompt has room for.
const MAX_LINES: usize = 24;
/// A chunk of this many lines may end where a blank line or an outer block is.
const MIN_LINES: usize = 10;

/// A word, as a number; different words rarely share one.
pub(crate) type Word = u32;

/// A run of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its bytes; begins and ends with a line.
    pub(crate) bytes: Range<usize>,
    /// Its words, ascending, each once.
    pub(crate) words: Box<[Word]>,
}

/// Cuts a text, where it can at blank lines and at lines without indentation.
pub(crate) fn cut(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let (mut start, mut at, mut n_lines) = (0, 0, 0);
    for line in text.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        let is_outer = !is_blank && !line.starts_with([' ', '\t', '}', ')', ']']);
        let is_full = n_lines >= MAX_LINES || (n_lines >= MIN_LINES && (is_outer || is_blank));
        if is_full {
            push(&mut chunks, text, start..at);
            (start, n_lines) = (at, 0);
        }
        at += line.len();
        n_lines += 1;
    }
    push(&mut chunks, text, start..at);
    chunks
}

fn push(chunks: &mut Vec<Chunk>, text: &str, bytes: Range<usize>) {
    let found = words(&text[bytes.clone()]);
    if !found.is_empty() {
        chunks.push(Chunk { bytes, words: found });
    }
}

/// The words of a text, ascending, each once: identifiers of three letters or more, and the parts of those that are put
/// together (`readLine`, `read_line`), so that one project's ways to write a name meet.
#[must_use]
pub fn words(text: &str) -> Box<[Word]> {
    let mut found: Vec<Word> = Vec::new();
    for name in text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')) {
        if name.len() < 3 || name.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        found.push(number(name));
        let parts = parts(name);
        if parts.len() > 1 {
            found
                .extend(parts.iter().filter(|part| part.len() >= 4).map(|part| number(&part.to_lowercase())));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.into()
}

fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for piece in name.split('_').filter(|piece| !piece.is_empty()) {
        let mut start = 0;
        let mut was_lower = false;
        for (at, letter) in piece.char_indices() {
            if letter.is_uppercase() && was_lower {
                parts.push(&piece[start..at]);
                start = at;
            }
            was_lower = letter.is_lowercase();
        }
        parts.push(&piece[start..]);
    }
    parts
}

fn number(word: &str) -> Word {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    // The lower half of a good hash is as good as the whole.
    hasher.finish() as Word
}

/// Which kind a text is, to see that it has not changed.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_meet_however_they_are_written() {
        let shared = |a: &str, b: &str| {
            let b = words(b);
            words(a).iter().filter(|word| b.contains(word)).count()
        };
        assert_eq!(shared("readLine", "read_line"), 2);
        assert_eq!(shared("x = 12345", "y = 12345"), 0);
        assert_eq!(shared("OrderStore", "OrderStore"), 3);
    }

    #[test]
    fn chunks_end_between_items() {
        let item = "fn item() {\n    let word = other();\n    word\n}\n\n";
        let text = item.repeat(12);
        for chunk in cut(&text) {
            assert!(
                text[chunk.bytes.clone()].starts_with("fn") || text[chunk.bytes.clone()].starts_with('\n')
            );
        }
    }

    proptest! {
        #[test]
        fn chunks_follow_each_other(text in "([a-z]{1,8}[ \n(){}]{1,3}){0,300}") {
            let mut end = 0;
            for chunk in cut(&text) {
                prop_assert!(chunk.bytes.start >= end && chunk.bytes.end > chunk.bytes.start);
                prop_assert!(text[..chunk.bytes.start].is_empty() || text[..chunk.bytes.start].ends_with('\n'));
                prop_assert!(text[chunk.bytes.clone()].lines().count() <= MAX_LINES);
                end = chunk.bytes.end;
            }
            // What lies between chunks has no words.
            prop_assert!(words(&text[end..]).is_empty());
        }
    }
}
