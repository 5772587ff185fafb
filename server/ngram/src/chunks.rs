//! Texts in chunks of whole lines, cut where the content says so. Invariant: the chunks of a text, one behind the other, are the
//! text; an edit changes the chunks that it touches and perhaps the next one.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A chunk ends with a line whose hash is a multiple of this.
const MEAN_LINES: u64 = 16;
const FEWEST_LINES: usize = 4;
const MOST_LINES: usize = 48;
/// Tokenising a chunk must take about a millisecond at most.
const MOST_BYTES: usize = 2048;
/// Longer lines are data, and left out.
const LONGEST_LINE: usize = 1000;

/// A few lines of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) text: &'a str,
    pub(crate) n_lines: usize,
    pub(crate) hash: u64,
}

impl Chunk<'_> {
    /// The lines with plain line breaks. A line that is data becomes an empty one, so that line numbers stay right.
    pub(crate) fn normalized(&self) -> String {
        let lines = self.text.split_inclusive('\n').map(|line| {
            let content = line.trim_end_matches(['\n', '\r']);
            (if content.len() > LONGEST_LINE { "" } else { content }, line.ends_with('\n'))
        });
        let mut text = String::with_capacity(self.text.len());
        for (content, has_end) in lines {
            text.push_str(content);
            if has_end {
                text.push('\n');
            }
        }
        text
    }
}

/// Cuts a text.
pub(crate) fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut end, mut n_lines) = (0, 0, 0);
    let mut n_bytes = 0;
    for line in text.split_inclusive('\n') {
        // The cuts do not depend on the kind of line breaks.
        let plain = match line.strip_suffix("\r\n") {
            Some(content) => Cow::Owned(format!("{content}\n")),
            None => Cow::Borrowed(line),
        };
        if n_lines > 0 && n_bytes + plain.len() > MOST_BYTES {
            chunks.push(chunk(&text[start..end], n_lines));
            (start, n_lines, n_bytes) = (end, 0, 0);
        }
        end += line.len();
        n_bytes += plain.len();
        n_lines += 1;
        if n_lines >= MOST_LINES || (n_lines >= FEWEST_LINES && hash(&plain).is_multiple_of(MEAN_LINES)) {
            chunks.push(chunk(&text[start..end], n_lines));
            (start, n_lines, n_bytes) = (end, 0, 0);
        }
    }
    if n_lines > 0 {
        chunks.push(chunk(&text[start..], n_lines));
    }
    chunks
}

fn chunk(text: &str, n_lines: usize) -> Chunk<'_> {
    Chunk { text, n_lines, hash: hash(text) }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn lines(n: usize) -> String {
        (0..n).map(|line| format!("    line {} of some code({line});\n", line * 7919 % 1000)).collect()
    }

    proptest! {
        #[test]
        fn chunks_are_the_text(text in "([a-z ]{0,30}\r?\n){0,120}[a-z]{0,5}") {
            let chunks = split(&text);
            prop_assert_eq!(chunks.iter().map(|chunk| chunk.text).collect::<String>(), text.clone());
            prop_assert_eq!(chunks.iter().map(|chunk| chunk.n_lines).sum::<usize>(), text.split_inclusive('\n').count());
        }

        #[test]
        fn an_inserted_line_changes_few_chunks(at in 0_usize..400) {
            let before = lines(400);
            let mut kept: Vec<&str> = before.split_inclusive('\n').collect();
            kept.insert(at, "    something new\n");
            let after = kept.concat();
            let known: HashSet<u64> = split(&before).iter().map(|chunk| chunk.hash).collect();
            let n_new = split(&after).iter().filter(|chunk| !known.contains(&chunk.hash)).count();
            prop_assert!((1..=4).contains(&n_new), "{} of {}", n_new, known.len());
        }
    }

    #[test]
    fn line_breaks_of_windows_change_nothing() {
        let normal = |text: &str| split(text).iter().map(Chunk::normalized).collect::<Vec<_>>();
        let text = lines(400);
        assert!(normal(&text).len() > 10);
        assert_eq!(normal(&text.replace('\n', "\r\n")), normal(&text));
    }

    #[test]
    fn data_and_carriage_returns_are_left_out() {
        let text = format!("a\r\n{}\nb", "x".repeat(LONGEST_LINE + 1));
        let normal: String = split(&text).iter().map(Chunk::normalized).collect();
        assert_eq!(normal, "a\n\nb");
    }
}
