//! Brackets and quotes: those that the editor closed by itself are replaced and not doubled, those that nobody opened are
//! cut. Must hold: the range that is replaced starts at the cursor and holds nothing but what the text brings along.

use crate::brackets::{Mark, Scanner, closer_of};
use crate::lines::is_blank;
use crate::post_process::space::same_depth;
use crate::post_process::{Draft, Effect};
use crate::surroundings::Surroundings;

/// Matches closing brackets against what stands right of the cursor.
pub(super) fn balance(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let mut closed = AutoClosed { text: &surroundings.replaced, n_used: 0 };
    let cut = walk(&draft.text, surroundings, &mut closed);
    draft.n_replaced = closed.n_used;
    let mut effects = Vec::new();
    if let Some(at) = cut {
        effects.push(format!("cut {} bytes from a bracket that nothing opened", draft.text.len() - at));
        draft.cut_end(at);
    }
    if draft.n_replaced > 0 {
        effects.push(format!("replaces {} bytes right of the cursor", draft.n_replaced));
    }
    let stays = surroundings.replaced[draft.n_replaced..].trim_start();
    if draft.text.contains('\n') && stays.starts_with([')', ']', '}']) && !is_blank(&draft.text) {
        let len = draft.text.trim_end().len();
        draft.cut_end(len);
        draft.text.push('\n');
        draft.text.push_str(&same_depth(surroundings));
        effects.push("put the bracket right of the cursor on its own line".to_owned());
    }
    Ok(if effects.is_empty() { "unchanged".to_owned() } else { effects.join("; ") })
}

/// What the editor closed by itself, used up from its start.
struct AutoClosed<'a> {
    text: &'a str,
    n_used: usize,
}

impl AutoClosed<'_> {
    /// Uses up the next character, if it is this one.
    fn take(&mut self, wanted: char) -> bool {
        let rest = &self.text[self.n_used..];
        let trimmed = rest.trim_start();
        let found = trimmed.starts_with(wanted);
        if found {
            self.n_used += rest.len() - trimmed.len() + wanted.len_utf8();
        }
        found
    }
}

/// Walks over the text; returns where it must be cut, if it closes what nothing opened.
fn walk(text: &str, surroundings: &Surroundings, closed: &mut AutoClosed<'_>) -> Option<usize> {
    let mut scanner = Scanner::new(surroundings.language);
    for ch in surroundings.typed.chars() {
        scanner.step(ch);
    }
    let mut typed_string_is_open = scanner.in_string();
    let mut open: Vec<char> = Vec::new();
    let mut missing = surroundings.missing_closers.iter().copied().peekable();
    let last = text.trim_end().len();
    for (at, ch) in text.char_indices() {
        match scanner.step(ch) {
            Mark::Open(ch) => open.push(closer_of(ch)),
            Mark::Close(ch) => {
                if open.last() == Some(&ch) {
                    open.pop();
                } else if !open.is_empty() || (!closed.take(ch) && missing.next_if_eq(&ch).is_none()) {
                    return Some(at);
                }
            }
            Mark::CloseQuote(quote) if typed_string_is_open => {
                typed_string_is_open = false;
                closed.take(quote);
            }
            // A comma or semicolon that the editor has is the last thing of a suggestion, or another one.
            Mark::Plain
                if matches!(ch, ';' | ',' | '>')
                    && open.is_empty()
                    && at + ch.len_utf8() == last
                    && !scanner.in_string() =>
            {
                closed.take(ch);
            }
            _ => {}
        }
        if ch == '\n' {
            typed_string_is_open = false;
        }
    }
    None
}
