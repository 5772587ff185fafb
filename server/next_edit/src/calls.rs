//! Lists in brackets: the parameters of a function, the arguments of a call. Invariant: a list that is not closed, or holds a
//! comment, is no list.

use std::ops::Range;

/// Longer lists are data.
const MAX_LIST_BYTES: usize = 2_000;

/// How far before an item its list may begin, in bytes.
const MAX_BEFORE: usize = 1_000;

/// A list with its items, in bytes of the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// The bracket that opens it.
    pub(crate) open: usize,
    /// The bracket that closes it.
    pub(crate) close: usize,
    /// The items without the blanks around them.
    pub(crate) items: Vec<Range<usize>>,
}

/// The list whose bracket is at `open`. In a list of parameters, `<` is a bracket, too.
pub(crate) fn list_at(text: &str, open: usize, has_types: bool) -> Option<List> {
    let bytes = text.as_bytes();
    let opener = *bytes.get(open).filter(|byte| matches!(byte, b'(' | b'[' | b'{'))?;
    let mut brackets = vec![opener];
    let mut items = Vec::new();
    let mut start = open + 1;
    let mut at = open + 1;
    let end = bytes.len().min(open + MAX_LIST_BYTES);
    while at < end {
        let byte = bytes[at];
        match byte {
            b'"' | b'\'' | b'`' => {
                let is_lifetime = byte == b'\'' && matches!(bytes[at - 1], b'&' | b'<');
                if let Some(close) = string_end(bytes, at).filter(|_| !is_lifetime) {
                    at = close;
                }
            }
            b'/' if matches!(bytes.get(at + 1), Some(b'/' | b'*')) => return None,
            b'#' => return None,
            b'(' | b'[' | b'{' => brackets.push(byte),
            b'<' if has_types => brackets.push(byte),
            b'>' if has_types && !matches!(bytes[at - 1], b'-' | b'=') => {
                let opened = brackets.pop();
                if opened != Some(b'<') {
                    return None;
                }
            }
            b')' | b']' | b'}' => {
                let expected = match byte {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if brackets.pop() != Some(expected) {
                    return None;
                }
                if brackets.is_empty() {
                    push(text, start..at, &mut items);
                    return Some(List { open, close: at, items });
                }
            }
            b',' if brackets.len() == 1 => {
                push(text, start..at, &mut items);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The innermost list around a place.
pub(crate) fn list_around(content: &str, at: usize) -> Option<List> {
    let bytes = content.as_bytes();
    let mut depth = 0_usize;
    for open in (at.saturating_sub(MAX_BEFORE)..at).rev() {
        match bytes[open] {
            b')' | b']' | b'}' => depth += 1,
            b'(' | b'[' | b'{' if depth > 0 => depth -= 1,
            b'(' | b'[' | b'{' => {
                return [true, false].into_iter().find_map(|has_types| list_at(content, open, has_types));
            }
            _ => {}
        }
    }
    None
}

fn push(text: &str, range: Range<usize>, items: &mut Vec<Range<usize>>) {
    let item = &text[range.clone()];
    let start = range.start + item.len() - item.trim_start().len();
    let end = start + item.trim().len();
    if start < end {
        items.push(start..end);
    }
}

/// The closing quote of a string that ends on its line.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

impl List {
    /// The range to remove with an item, and its comma.
    pub(crate) fn removal(&self, index: usize) -> Range<usize> {
        let item = &self.items[index];
        match (self.items.get(index + 1), index.checked_sub(1)) {
            (Some(next), _) => item.start..next.start,
            (None, Some(before)) => self.items[before].end..item.end,
            (None, None) => item.clone(),
        }
    }

    /// Where an item is inserted so that it has an index, and the text with its comma.
    pub(crate) fn insertion(&self, index: usize, item: &str) -> (usize, String) {
        match (self.items.get(index), self.items.last()) {
            (Some(next), _) => (next.start, format!("{item}, ")),
            (None, Some(last)) => (last.end, format!(", {item}")),
            (None, None) => (self.open + 1, item.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_their_own_commas() {
        for (text, has_types, expected) in [
            ("(a, b)", false, Some(vec!["a", "b"])),
            ("()", false, Some(vec![])),
            ("( f(1, 2), [3, 4] , )", false, Some(vec!["f(1, 2)", "[3, 4]"])),
            ("(\"a, )\", 'x')", false, Some(vec!["\"a, )\"", "'x'"])),
            ("(a: &'a str, b: &'a u8)", true, Some(vec!["a: &'a str", "b: &'a u8"])),
            ("(a: Map<B, C>, f: fn(D) -> E)", true, Some(vec!["a: Map<B, C>", "f: fn(D) -> E"])),
            ("(a < b, c)", false, Some(vec!["a < b", "c"])),
            ("(a, b", false, None),
            ("(a, // b\n c)", false, None),
            ("(a]", false, None),
        ] {
            let list = list_at(text, 0, has_types);
            let items = list.map(|list| list.items.into_iter().map(|item| &text[item]).collect::<Vec<_>>());
            assert_eq!(items, expected, "{text}");
        }
    }
}
