//! A line of Markdown that is no code.
//!
//! Invariant: of what is written, backticks that are not escaped stand around code spans that begin and end on the line and in the
//! cell of a table; `<` before what could be a tag, `[`, `$` and runs of `~` that could be a fence are escaped, but for links with
//! plain addresses; an address that is more than plain stands in a code span, where no viewer makes a link of it.

use super::address::Address;

/// What may stand as a character reference: what people write who do not want a tag.
const REFERENCES: &[&str] = &["&lt;", "&gt;", "&amp;", "&quot;", "&nbsp;"];

/// A line.
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Whether the document begins with it.
    pub(super) is_first: bool,
    /// Whether it may be a row of a table.
    pub(super) is_row: bool,
}

impl Line<'_> {
    /// Writes the line. Of one that grows, what may become code, a link or an address is left out at the end.
    pub(super) fn render(&self, result: &mut String, is_growing: bool) {
        let text = self.text;
        // In front of a document, some viewers read settings between two lines of dashes.
        let is_like_settings = self.is_first && text.starts_with("---");
        if is_like_settings && text.trim_end().bytes().all(|byte| byte == b'-') {
            result.push_str("* * *");
            return;
        }
        let mut at = if is_like_settings { escaped(text, result) } else { 0 };
        let mut in_word = false;
        while let Some(character) = text[at..].chars().next() {
            let rest = &text[at..];
            let was_in_word = std::mem::replace(&mut in_word, false);
            at += match character {
                '\\' => backslash(rest, result),
                '`' => match self.code_span(rest) {
                    Some(length) if is_growing && length == rest.len() => return,
                    Some(length) => copied(rest, length, result),
                    None if is_growing => return,
                    None => escaped_run(rest, result),
                },
                '~' if run(rest) >= 3 => escaped_run(rest, result),
                '[' => match link(rest).filter(|_| !text[..at].ends_with('!')) {
                    Some(length) => copied(rest, length, result),
                    None if is_growing && may_become_link(rest) => return,
                    None => escaped(rest, result),
                },
                '<' if is_growing && rest.len() == 1 => return,
                '<' => less(rest, result),
                '$' => escaped(rest, result),
                '&' if hides_character(rest) => escaped(rest, result),
                _ => match Address::at_start_of(rest, was_in_word, self.is_row) {
                    Some(_) if is_growing && !rest.contains(char::is_whitespace) => return,
                    Some(address) if address.is_plain => copied(rest, address.length, result),
                    Some(address) => {
                        // Backticks that stand side by side are one run.
                        let before = if result.ends_with('`') { " `" } else { "`" };
                        let behind = if rest[address.length..].starts_with('`') { "` " } else { "`" };
                        result.push_str(before);
                        copied(rest, address.length, result);
                        result.push_str(behind);
                        address.length
                    }
                    None if is_growing && !was_in_word && Address::may_begin(rest) => return,
                    None => {
                        in_word = character.is_ascii_alphanumeric() || matches!(character, '+' | '.' | '-');
                        copied(rest, character.len_utf8(), result)
                    }
                },
            };
        }
    }

    /// The length of the code span that begins with the backticks at the start of a text, if it ends on this line, and in this
    /// cell.
    fn code_span(&self, rest: &str) -> Option<usize> {
        let cell = if self.is_row { rest.split('|').next().unwrap_or(rest) } else { rest };
        let n_open = run(cell);
        let mut end = n_open;
        while let Some(next) = cell[end..].find('`') {
            let n_close = run(&cell[end + next..]);
            end += next + n_close;
            if n_close == n_open {
                return Some(end);
            }
        }
        None
    }
}

/// Whether a text begins with a reference to a character, which could be a part of an address.
fn hides_character(rest: &str) -> bool {
    let name = rest[1..].split(';').next().unwrap_or_default();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    let is_reference = is_name && !name.is_empty() && rest.len() > 1 + name.len();
    is_reference && !REFERENCES.iter().any(|known| rest.starts_with(known))
}

/// How often the first character of a text stands there in a row.
fn run(text: &str) -> usize {
    let first = text.bytes().next();
    text.bytes().take_while(|byte| Some(*byte) == first).count()
}

fn copied(rest: &str, length: usize, result: &mut String) -> usize {
    result.push_str(&rest[..length]);
    length
}

/// Writes the first character, which is one byte, as nothing but itself.
fn escaped(rest: &str, result: &mut String) -> usize {
    result.push('\\');
    copied(rest, 1, result)
}

/// Writes `<`, as a reference where it could begin a tag or a comment.
fn less(rest: &str, result: &mut String) -> usize {
    let may_begin = |next: char| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?');
    result.push_str(if rest[1..].starts_with(may_begin) { "&lt;" } else { "<" });
    1
}

/// Writes a run of one character as nothing but itself.
fn escaped_run(rest: &str, result: &mut String) -> usize {
    let length = run(rest);
    for at in 0..length {
        escaped(&rest[at..], result);
    }
    length
}

/// Writes a backslash. One that escapes stays with what it escapes; one before a letter could begin a formula, and one before a
/// part of an address could hide it: these are written as what they show.
fn backslash(rest: &str, result: &mut String) -> usize {
    match rest[1..].chars().next() {
        Some(next) if next.is_alphanumeric() || matches!(next, '/' | ':' | '.' | '@' | '&') => {
            escaped(rest, result)
        }
        Some('<') => 1 + less(&rest[1..], result),
        Some(next) if next.is_ascii_punctuation() => copied(rest, 2, result),
        _ => copied(rest, 1, result),
    }
}

/// The length of a link with a plain address that a text begins with.
fn link(rest: &str) -> Option<usize> {
    let (words, behind) = rest[1..].split_once("](")?;
    let (target, _) = behind.split_once(')')?;
    let code = words.strip_prefix('`').and_then(|words| words.strip_suffix('`'));
    let shown = code.unwrap_or(words);
    let has_marks =
        shown.contains(['[', ']', '<', '`', '!', '\\', '$', '|', '&', '~']) || shown.contains("//");
    let is_plain = Address::at_start_of(target, false, false)
        .is_some_and(|address| address.is_plain && address.length == target.len());
    (is_plain && !has_marks && !shown.trim().is_empty()).then_some(1 + words.len() + 2 + target.len() + 1)
}

/// Whether more text could make a link of this.
fn may_become_link(rest: &str) -> bool {
    let Some(end) = rest.find(']') else { return true };
    match &rest[end + 1..] {
        "" => true,
        target => target.starts_with('(') && !target.contains([')', ' ']),
    }
}
