//! From the bytes of tokens to text that may be shown. Invariant: only whole characters appear; no part of a stop string
//! is ever shown; what was shown is a prefix of the final text.

use fimble_model::StopStrings;

/// Text under construction.
pub(crate) struct TextStream {
    stop_strings: StopStrings,
    /// Bytes at the beginning that belong to the prompt (token healing).
    n_skipped: usize,
    /// The beginning of a character whose end has not come yet.
    incomplete: Vec<u8>,
    text: String,
    n_shown: usize,
}

impl TextStream {
    /// A stream that drops its first `n_skipped` bytes and ends at any of the stop strings; empty ones are ignored.
    pub(crate) fn new(stop_strings: &[String], n_skipped: usize) -> Self {
        Self {
            stop_strings: StopStrings::new(stop_strings),
            n_skipped,
            incomplete: Vec::new(),
            text: String::new(),
            n_shown: 0,
        }
    }

    /// Whole characters so far, without stop string.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Adds the bytes of a token. If a stop string appears, the text ends before the first one, which is returned.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let n_dropped = self.n_skipped.min(bytes.len());
        self.n_skipped -= n_dropped;
        self.incomplete.extend_from_slice(&bytes[n_dropped..]);
        let old_length = self.text.len();
        self.decode();
        let (start, stop) = self.stop_strings.find(&self.text, old_length)?;
        let stop = stop.to_owned();
        self.text.truncate(start);
        self.incomplete.clear();
        Some(stop)
    }

    /// Text that may be shown and was not yet: none of it can become part of a stop string.
    pub(crate) fn take_shown(&mut self) -> &str {
        let until = (self.text.len() - self.stop_strings.n_held_back(&self.text)).max(self.n_shown);
        let from = std::mem::replace(&mut self.n_shown, until);
        &self.text[from..until]
    }

    /// The text that was held back, once nothing can follow.
    pub(crate) fn take_rest(&mut self) -> &str {
        let from = std::mem::replace(&mut self.n_shown, self.text.len());
        &self.text[from..]
    }

    /// The text that was shown.
    pub(crate) fn into_shown(mut self) -> String {
        self.text.truncate(self.n_shown);
        self.text
    }

    /// Moves whole characters over. Bytes that can never become one turn into U+FFFD.
    fn decode(&mut self) {
        let mut rest = self.incomplete.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    self.text.push_str(valid);
                    rest = &[];
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    if let Some(n_broken) = error.error_len() {
                        self.text.push(char::REPLACEMENT_CHARACTER);
                        rest = &rest[n_broken..];
                        continue;
                    }
                }
            }
            break;
        }
        self.incomplete = rest.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes pieces; returns what was shown after each, the final text, and the stop string.
    fn run(stops: &[&str], skipped: usize, pieces: &[&[u8]]) -> (Vec<String>, String, Option<String>) {
        let stops: Vec<_> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut stream = TextStream::new(&stops, skipped);
        let mut shown = Vec::new();
        for piece in pieces {
            let stop = stream.push(piece);
            shown.push(stream.take_shown().to_owned());
            if stop.is_some() {
                stream.take_rest();
                return (shown, stream.into_shown(), stop);
            }
        }
        stream.take_rest();
        (shown, stream.into_shown(), None)
    }

    #[test]
    fn characters_appear_whole() {
        let crab = "🦀".as_bytes();
        let (shown, text, _) = run(&[], 0, &[b"a", &crab[..1], &crab[1..3], &crab[3..], b"b", &crab[..2]]);
        assert_eq!(shown, ["a", "", "", "🦀", "b", ""]);
        assert_eq!(text, "a🦀b");
    }

    #[test]
    fn broken_bytes_become_replacement_characters() {
        let (_, text, _) = run(&[], 0, &[b"a\xff", b"b\xf0\x9f", b"c"]);
        assert_eq!(text, "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn stop_strings_are_found_across_pieces_and_never_shown() {
        for (stops, pieces, shown, text, stop) in [
            (vec!["\n\n"], vec!["a\n", "\nb"], vec!["a", ""], "a", Some("\n\n")),
            (vec!["\n\n"], vec!["a\n", "b"], vec!["a", "\nb"], "a\nb", None),
            (vec!["end", "\n"], vec!["x e", "n", "d\n"], vec!["x ", "", ""], "x ", Some("end")),
            (vec!["aab"], vec!["a", "a", "a", "b"], vec!["", "", "a", ""], "a", Some("aab")),
            (vec!["é!"], vec!["caf", "é", "!"], vec!["caf", "", ""], "caf", Some("é!")),
            (vec!["long stop", "stop"], vec!["a long stop"], vec!["a "], "a ", Some("long stop")),
            (vec![""], vec!["a"], vec!["a"], "a", None),
        ] {
            let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            let expected: Vec<_> = shown.iter().map(|piece| (*piece).to_owned()).collect();
            assert_eq!(
                run(&stops, 0, &bytes),
                (expected, text.to_owned(), stop.map(str::to_owned)),
                "{stops:?} {pieces:?}"
            );
        }
    }

    #[test]
    fn healed_bytes_are_dropped() {
        assert_eq!(run(&[], 3, &[b"pr", b"int", b"ln"]).1, "ntln");
        assert_eq!(run(&["print"], 2, &[b"print"]).2, None);
    }
}
