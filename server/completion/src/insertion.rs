//! A suggestion for editors that insert at the cursor and replace nothing behind it. Invariant: the result's range ends at the
//! cursor, and its text is a beginning of the suggestion's.

use fimble_document::Text;
use fimble_syntax::Language;

use crate::Suggestion;
use crate::brackets::{Mark, Scanner, closer_of, is_quote};

impl Suggestion {
    /// The suggestion up to the first bracket, quote or separator that stands behind the cursor already. None if nothing is left,
    /// or if that would put a closing bracket at the end of another line.
    #[must_use]
    pub fn as_insertion(
        &self,
        text: &Text,
        offset: usize,
        language: Option<&'static Language>,
    ) -> Option<Self> {
        let behind = text.slice(offset..self.replace.end.max(offset));
        let mut insertion = Self { replace: self.replace.start.min(offset)..offset, ..self.clone() };
        let Some(closer) = behind.trim_start().chars().next() else { return Some(insertion) };
        let typed = text.slice(text.line_start(text.line_of(offset))..offset);
        let n_typed = offset - insertion.replace.start;
        let new = self.text.get(n_typed..)?;
        let n_quotes = behind.trim_start().chars().take_while(|ch| *ch == closer).count();
        let is_in_string = is_quote(closer) && n_quotes % 2 == 1;
        let mut walk = Walk::new(&typed, is_in_string.then_some(closer), language);
        match new.char_indices().find(|(_, ch)| walk.reaches(*ch, closer)) {
            Some((at, _)) => insertion.text.truncate(n_typed + at),
            None if new.contains('\n') => return None,
            None => {}
        }
        (!insertion.text[n_typed..].trim().is_empty()).then_some(insertion)
    }
}

/// A walk over the text of a suggestion, up to the character that an editor closed by itself.
struct Walk {
    scanner: Scanner<'static>,
    /// Whether the place is in a string that the suggestion opened.
    is_in_own_string: bool,
    /// Closing brackets of those that the suggestion opened.
    open: Vec<char>,
    n_angles: usize,
    previous: char,
}

impl Walk {
    fn new(typed: &str, string: Option<char>, language: Option<&'static Language>) -> Self {
        let mut scanner = Scanner::new(language);
        for ch in typed.chars() {
            scanner.step(ch);
        }
        if let Some(quote) = string {
            scanner.enter_string(quote);
        }
        let previous = typed.chars().next_back().unwrap_or('\n');
        Self { scanner, is_in_own_string: false, open: Vec::new(), n_angles: 0, previous }
    }

    /// Takes one character; returns whether it is the one behind the cursor.
    fn reaches(&mut self, ch: char, closer: char) -> bool {
        let mark = self.scanner.step(ch);
        let previous = std::mem::replace(&mut self.previous, ch);
        let is_outside = self.open.is_empty() && ch == closer;
        match mark {
            Mark::OpenQuote => self.is_in_own_string = true,
            Mark::CloseQuote(_) => return !std::mem::take(&mut self.is_in_own_string) && is_outside,
            _ if self.is_in_own_string => {}
            _ if self.open.last() == Some(&ch) => _ = self.open.pop(),
            _ => match ch {
                '(' | '[' | '{' => self.open.push(closer_of(ch)),
                '<' if previous.is_alphanumeric() || matches!(previous, '_' | ':' | '<') => {
                    self.n_angles += 1
                }
                '>' if matches!(previous, '-' | '=') => {}
                '>' if self.n_angles > 0 => self.n_angles -= 1,
                _ => return is_outside && !is_quote(ch),
            },
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use fimble_syntax::by_language_id;

    use super::*;

    /// What is inserted at the `$0` of a line where `suggested` replaces what is behind it.
    fn inserted(line: &str, suggested: &str) -> Option<String> {
        let offset = line.find("$0").expect("a cursor");
        let text = Text::new(&line.replacen("$0", "", 1));
        let suggestion = Suggestion {
            replace: offset..text.len(),
            text: suggested.to_owned(),
            confidence: 1.0,
            n_tokens: 1,
            is_remote: false,
        };
        let insertion = suggestion.as_insertion(&text, offset, by_language_id("rust"))?;
        assert_eq!(insertion.replace, offset..offset);
        Some(insertion.text)
    }

    #[test]
    fn an_insertion_ends_where_the_text_behind_the_cursor_continues() {
        for (line, suggested, expected) in [
            ("foo($0)", "a, b);", Some("a, b")),
            ("foo($0);", "bar(a), b).c();", Some("bar(a), b")),
            ("foo($0)", ");", None),
            ("let a = foo($0)", "\")\", b);", Some("\")\", b")),
            ("say(\"$0\")", "a) b\", c);", Some("a) b")),
            ("say(\"{$0}\")", "name:?} b\");", Some("name:?")),
            ("a: Vec<$0>", "Vec<u8>>,", Some("Vec<u8>")),
            ("a: Box<$0>", "dyn Fn() -> u8>,", Some("dyn Fn() -> u8")),
            ("if a {$0}", "\n    b();\n}\nc();", Some("\n    b();\n")),
            ("if a {$0}", "\n    b();", None),
            ("foo($0)", "a, b", Some("a, b")),
            ("let a = $0;", "b(c).d(); // e", Some("b(c).d()")),
            ("let a = $0  ", "b;", Some("b;")),
            ("let a = $0", "b;", Some("b;")),
        ] {
            assert_eq!(inserted(line, suggested).as_deref(), expected, "{line} {suggested}");
        }
    }
}
