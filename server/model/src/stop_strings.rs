//! Stop strings in a text that grows. Invariant: a stop string is found as soon as its last byte is there; text that no stop string can
//! begin in is never held back.

use std::cmp::Reverse;

/// The texts that end a generation.
#[derive(Clone, Debug, Default)]
pub struct StopStrings {
    texts: Vec<String>,
    longest: usize,
}

impl StopStrings {
    /// These texts; empty ones are ignored.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        let texts: Vec<_> = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        Self { texts, longest }
    }

    /// Finds the first stop string of a text that had none when it was `old_length` bytes long. Returns where it begins, and the longest
    /// of those that begin there.
    #[must_use]
    pub fn find(&self, text: &str, old_length: usize) -> Option<(usize, &str)> {
        // It may begin in the old text, but it ends in the new one.
        let mut from = (old_length + 1).saturating_sub(self.longest);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let found = self
            .texts
            .iter()
            .filter_map(|stop| Some((from + text[from..].find(stop.as_str())?, stop.as_str())));
        found.min_by_key(|(start, stop)| (*start, Reverse(stop.len())))
    }

    /// Length in bytes of the longest end of a text that a stop string begins with.
    #[must_use]
    pub fn n_held_back(&self, text: &str) -> usize {
        self.texts.iter().map(|stop| overlap(text, stop)).max().unwrap_or(0)
    }
}

/// Length of the longest end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len());
    (1..=longest)
        .rev()
        .find(|length| stop.is_char_boundary(*length) && text.ends_with(&stop[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(texts: &[&str]) -> StopStrings {
        StopStrings::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_and_longest_stop_string_is_found() {
        for (texts, text, old_length, expected) in [
            (vec!["\n\n"], "a\n\nb", 2, Some((1, "\n\n"))),
            (vec!["\n\n"], "a\nb", 2, None),
            (vec!["end", "\n"], "x end\n", 4, Some((2, "end"))),
            (vec!["stop", "stop it"], "stop it", 0, Some((0, "stop it"))),
            (vec!["é!"], "caf\u{e9}!", 5, Some((3, "é!"))),
            (vec![""], "a", 0, None),
        ] {
            assert_eq!(stops(&texts).find(text, old_length), expected, "{texts:?} {text:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_stop_string_is_held_back() {
        for (texts, text, expected) in [
            (vec!["\n\n"], "a\n", 1),
            (vec!["aab", "b"], "xaa", 2),
            (vec!["éa"], "\u{e9}", 2),
            (vec!["a"], "b", 0),
            (vec![], "b", 0),
        ] {
            assert_eq!(stops(&texts).n_held_back(text), expected, "{texts:?} {text:?}");
        }
    }
}
