//! Brackets and quotes, judged by the characters alone. Invariant: a wrong decision costs at most a bracket in a suggestion; the
//! syntax tree is checked afterwards.

use fimble_syntax::Language;

/// Whether a character may be what an editor closed by itself: closing brackets, quotes and separators.
pub(crate) fn is_auto_closed(ch: char) -> bool {
    matches!(ch, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',' | ' ' | '\t')
}

/// Whether the text right of the cursor holds nothing but what an editor closes by itself. Empty text does.
pub(crate) fn is_only_auto_closed(right: &str) -> bool {
    right.chars().all(is_auto_closed)
}

/// Whether a character delimits strings in some language.
pub(crate) fn is_quote(ch: char) -> bool {
    matches!(ch, '"' | '\'' | '`')
}

/// The closing bracket of an opening one.
pub(crate) fn closer_of(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        other => other,
    }
}

/// The meaning of a character after the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing here.
    Plain,
    /// An opening bracket.
    Open(char),
    /// A closing bracket.
    Close(char),
    /// The quote that starts a string.
    OpenQuote,
    /// The quote that ends a string.
    CloseQuote(char),
}

/// Walks over a line of code and distinguishes brackets of the code from those in strings.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'l> {
    quotes: &'l str,
    line_comment: Option<&'l str>,
    string: Option<char>,
    escaped: bool,
    previous: char,
}

impl Scanner<'static> {
    /// At the start of a line that begins outside of strings.
    pub(crate) fn new(language: Option<&'static Language>) -> Self {
        Self {
            quotes: language.map_or("\"", Language::quotes),
            line_comment: language.and_then(Language::line_comment),
            string: None,
            escaped: false,
            previous: '\n',
        }
    }
}

impl Scanner<'_> {
    /// Whether the place reached is inside of a string.
    pub(crate) fn in_string(&self) -> bool {
        self.string.is_some()
    }

    /// The quote of the string that the place reached is in.
    pub(crate) fn string(&self) -> Option<char> {
        self.string
    }

    /// The place reached is inside of a string with these quotes, whatever came before.
    pub(crate) fn enter_string(&mut self, quote: char) {
        self.string = Some(quote);
        self.escaped = false;
    }

    /// Takes one character.
    pub(crate) fn step(&mut self, ch: char) -> Mark {
        let mark = self.mark(ch);
        self.escaped = self.string.is_some() && ch == '\\' && !self.escaped;
        self.previous = ch;
        mark
    }

    fn mark(&mut self, ch: char) -> Mark {
        if let Some(quote) = self.string {
            // Strings over several lines exist, but an unclosed quote is more common than they are.
            if ch == '\n' || (ch == quote && !self.escaped) {
                self.string = None;
            }
            return if ch == quote && !self.escaped { Mark::CloseQuote(quote) } else { Mark::Plain };
        }
        match ch {
            '(' | '[' | '{' => Mark::Open(ch),
            ')' | ']' | '}' => Mark::Close(ch),
            // An apostrophe inside a word is one.
            '\'' if self.previous.is_alphanumeric() => Mark::Plain,
            _ if self.quotes.contains(ch) => {
                self.string = Some(ch);
                Mark::OpenQuote
            }
            _ => Mark::Plain,
        }
    }

    /// Takes a whole line without its break, comments left out, and reports each bracket.
    fn brackets(&mut self, line: &str, visit: &mut impl FnMut(Mark)) {
        for (at, ch) in line.char_indices() {
            if self.string.is_none()
                && self.line_comment.is_some_and(|comment| line[at..].starts_with(comment))
            {
                break;
            }
            if let mark @ (Mark::Open(_) | Mark::Close(_)) = self.step(ch) {
                visit(mark);
            }
        }
        self.step('\n');
    }
}

/// The closing brackets that the text lacks at the cursor, innermost first: those of brackets opened in `before` and not
/// closed in `after`. `after_is_whole` says that `after` reaches the end of the file; otherwise what it does not close
/// is taken to be closed further down, if it was opened above the last line of `before`.
pub(crate) fn missing_closers(
    before: &str,
    after: &str,
    after_is_whole: bool,
    language: Option<&'static Language>,
) -> Vec<char> {
    let mut open: Vec<char> = Vec::new();
    let mut n_above = 0;
    let mut scanner = Scanner::new(language);
    for line in before.split('\n') {
        n_above = open.len();
        scanner.brackets(line, &mut |mark| match mark {
            Mark::Open(ch) => open.push(closer_of(ch)),
            Mark::Close(ch) => {
                if let Some(at) = open.iter().rposition(|closer| *closer == ch) {
                    open.truncate(at);
                }
            }
            _ => {}
        });
        n_above = n_above.min(open.len());
    }
    let mut missing = Vec::new();
    let mut depth = 0_usize;
    let mut scanner = Scanner::new(language);
    for line in after.split('\n') {
        scanner.brackets(line, &mut |mark| match mark {
            Mark::Open(_) => depth += 1,
            Mark::Close(_) if depth > 0 => depth -= 1,
            // What is open inside of the bracket that this one closes is never closed. Its own opening bracket may stand
            // above everything that is read; then that is all.
            Mark::Close(ch) => match open.iter().rposition(|closer| *closer == ch) {
                Some(at) => {
                    missing.extend(open.drain(at + 1..).rev());
                    open.pop();
                }
                None => missing.extend(open.drain(..).rev()),
            },
            _ => {}
        });
        if open.is_empty() {
            return missing;
        }
    }
    let first = if after_is_whole { 0 } else { n_above.min(open.len()) };
    missing.extend(open.drain(first..).rev());
    missing
}

/// Closing brackets of those that a text opens itself and leaves open, in the order in which they would follow.
pub(crate) fn unclosed(text: &str, language: Option<&'static Language>) -> String {
    let mut open = Vec::new();
    let mut scanner = Scanner::new(language);
    for ch in text.chars() {
        match scanner.step(ch) {
            Mark::Open(ch) => open.push(closer_of(ch)),
            Mark::Close(ch) if open.last() == Some(&ch) => {
                open.pop();
            }
            _ => {}
        }
    }
    let quote = scanner.string;
    quote.into_iter().chain(open.into_iter().rev()).collect()
}

/// How many brackets a text opens and leaves open, and how many it closes that it did not open, where `typed` stands before it
/// on its line. A string that is open there already does not count.
pub(crate) fn balance_behind(typed: &str, text: &str, language: Option<&'static Language>) -> (usize, usize) {
    let mut scanner = Scanner::new(language);
    for ch in typed.chars() {
        scanner.step(ch);
    }
    let mut in_typed_string = scanner.in_string();
    let (mut open, mut n_closed) = (Vec::new(), 0);
    for ch in text.chars() {
        match scanner.step(ch) {
            Mark::Open(ch) => open.push(closer_of(ch)),
            Mark::Close(ch) if open.last() == Some(&ch) => {
                open.pop();
            }
            Mark::Close(_) => n_closed += 1,
            Mark::CloseQuote(_) => in_typed_string = false,
            _ => {}
        }
    }
    let in_own_string = scanner.in_string() && !in_typed_string;
    (open.len() + usize::from(in_own_string), n_closed)
}

/// How many brackets a text opens and leaves open; brackets that it only closes do not count.
pub(crate) fn n_open(text: &str, language: Option<&'static Language>) -> usize {
    unclosed(text, language).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_closers_are_those_of_the_innermost_open_brackets() {
        let cases = [
            ("f(", "", true, ")"),
            ("f(", "\n)", true, ""),
            ("a {\n  f(", "\n}", true, ")"),
            ("  f([", "\n  }\n}", true, "])"),
            ("  f([", "\n  more", false, "])"),
            ("a {\n  b {\n    f(", "\n  more", false, ")"),
            ("a {\n  b {\n    f(", "\n  }\n", true, ")}"),
            ("a {\n  f(\")\"", "\n}", true, ")"),
            ("f(x) {", "", true, "}"),
        ];
        for (before, after, whole, expected) in cases {
            let missing: String = missing_closers(before, after, whole, None).into_iter().collect();
            assert_eq!(missing, expected, "{before:?} {after:?}");
        }
    }
}
