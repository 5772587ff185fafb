//! Words and marks of code, without a tree: the text before an edit has none. Invariant: tokens are in order and apart; what is in
//! none of them is blank.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TokenKind {
    /// A name, a keyword or a number.
    Word,
    /// One other character.
    Mark,
    /// One line break or several, with the blanks between.
    Break,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: TokenKind,
}

impl Token {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// What is compared: all line breaks are equal.
    pub(crate) fn of<'t>(&self, text: &'t str) -> &'t str {
        if self.kind == TokenKind::Break { "\n" } else { &text[self.range()] }
    }
}

pub(crate) fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((start, c)) = characters.next() {
        let mut end = start + c.len_utf8();
        let kind = match c {
            '\n' | '\r' => TokenKind::Break,
            _ if c.is_whitespace() => continue,
            _ if is_word_character(c) => {
                while let Some((at, next)) = characters.next_if(|(_, next)| is_word_character(*next)) {
                    end = at + next.len_utf8();
                }
                TokenKind::Word
            }
            _ => TokenKind::Mark,
        };
        match found.last_mut() {
            Some(last) if kind == TokenKind::Break && last.kind == kind => last.end = end,
            _ => found.push(Token { start, end, kind }),
        }
    }
    found
}

/// Whether a word can be a name.
pub(crate) fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && word.chars().all(is_word_character)
        && word.chars().any(char::is_alphanumeric)
}

/// Whether a name is long enough, or of several words, so that another thing of the same name is unlikely.
pub(crate) fn is_specific(name: &str) -> bool {
    let inner = name.trim_matches('_');
    let has_hump =
        inner.chars().zip(inner.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    inner.len() >= 9 || (inner.len() >= 6 && (has_hump || inner.contains('_')))
}

/// The places of a word in a text, `most` at most. None if there are more.
pub(crate) fn places_of(text: &str, word: &str, most: usize) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    if word.is_empty() {
        return Some(found);
    }
    for (start, _) in text.match_indices(word) {
        let end = start + word.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        if before.is_some_and(is_word_character) || after.is_some_and(is_word_character) {
            continue;
        }
        if found.len() == most {
            return None;
        }
        found.push(start..end);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_cut_into_words_marks_and_breaks() {
        let text = "a_1 = f(é);\n\n  b.c\r\n";
        let found: Vec<&str> = tokens(text).iter().map(|token| token.of(text)).collect();
        assert_eq!(found, ["a_1", "=", "f", "(", "é", ")", ";", "\n", "b", ".", "c", "\n"]);
    }

    #[test]
    fn whole_words_are_found() {
        assert_eq!(places_of("cat concat cat_ (cat)", "cat", 9), Some(vec![0..3, 17..20]));
        assert_eq!(places_of("a a a", "a", 2), None);
    }

    #[test]
    fn a_specific_name_is_long_or_of_several_words() {
        for (name, expected) in
            [("get", false), ("fetch_user", true), ("fetchAll", true), ("parse", false), ("_id", false)]
        {
            assert_eq!(is_specific(name), expected, "{name}");
        }
    }
}
