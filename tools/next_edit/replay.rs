//! Types the changes of a place, as a user does. Invariant: at the end the text of the edited file is the one at the start with
//! all typed changes, or the one at the start if they are undone.

use std::ops::Range;
use std::time::Duration;

use anyhow::Context as _;
use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};
use fimble_next_edit::EditHistory;
use fimble_syntax::{ParseBudget, SyntaxTree};

use crate::case::{Case, Change, Left};

/// Between two keys.
const KEY: Duration = Duration::from_millis(80);

/// Between two changes of one hunk.
const MOVE: Duration = Duration::from_millis(800);

/// Between two hunks.
const PAUSE: Duration = Duration::from_secs(4);

/// Characters that are typed one by one; what is beyond them is pasted.
const MAX_KEYS: usize = 240;

/// A file when the next edit is asked for.
pub struct OpenText {
    pub path: String,
    pub text: Text,
    pub tree: Option<SyntaxTree>,
    /// What is left, with ranges of `text`.
    pub left: Vec<Left>,
}

/// All that is known when the next edit is asked for.
pub struct State {
    /// The first one is edited.
    pub files: Vec<OpenText>,
    /// Behind what was typed last.
    pub cursor: usize,
    pub history: EditHistory,
    pub now: Duration,
}

/// Types the changes of a place.
///
/// # Errors
/// A change is outside of the text.
pub fn replay(case: &Case) -> anyhow::Result<State> {
    let edited = &case.files[0];
    let mut typist = Typist {
        path: &edited.path,
        document: Document::new(edited.text.as_str(), 0),
        history: EditHistory::new(),
        now: PAUSE,
        cursor: 0,
    };
    let mut done: Vec<&Change> = Vec::new();
    let mut last_hunk = None;
    for typed in &case.typed {
        typist.now += if last_hunk == Some(typed.hunk) { MOVE } else { PAUSE };
        last_hunk = Some(typed.hunk);
        typist.type_change(moved(&done, &typed.change.range), &typed.change.new)?;
        done.push(&typed.change);
    }
    if case.is_undone {
        while let Some(change) = done.pop() {
            let start = moved(&done, &change.range).start;
            typist.now += MOVE;
            typist.replace(start..start + change.new.len(), &edited.text[change.range.clone()])?;
        }
    }
    let files = case.files.iter().enumerate().map(|(at, file)| {
        let text = if at == 0 { typist.document.text().clone() } else { Text::new(&file.text) };
        let tree = fimble_syntax::detect("", &file.path, "")
            .and_then(|language| SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).ok());
        let done = if at == 0 { &done[..] } else { &[] };
        let left = file.left.iter().map(|left| Left {
            change: Change { range: moved(done, &left.change.range), new: left.change.new.clone() },
            follows: left.follows,
        });
        OpenText { path: file.path.clone(), text, tree, left: left.collect() }
    });
    let files = files.collect();
    Ok(State { files, cursor: typist.cursor, history: typist.history, now: typist.now + MOVE })
}

/// Where a range of the text at the start is after some changes, none of which is inside of it.
fn moved(done: &[&Change], range: &Range<usize>) -> Range<usize> {
    let before = done.iter().filter(|change| change.range.end <= range.start);
    let start = before.fold(range.start, |at, change| at + change.new.len() - change.range.len());
    start..start + range.len()
}

struct Typist<'a> {
    path: &'a str,
    document: Document,
    history: EditHistory,
    now: Duration,
    cursor: usize,
}

impl Typist<'_> {
    /// Replaces a range: the first key replaces what is selected, and each further key adds to it.
    fn type_change(&mut self, range: Range<usize>, new: &str) -> anyhow::Result<()> {
        let mut range = range;
        let mut rest = new;
        for _ in 0..MAX_KEYS {
            let key = first_key(rest);
            if key == 0 {
                break;
            }
            self.replace(range.clone(), &rest[..key])?;
            self.now += KEY;
            range = range.start + key..range.start + key;
            rest = &rest[key..];
        }
        if !range.is_empty() || !rest.is_empty() {
            self.replace(range, rest)?;
        }
        Ok(())
    }

    fn replace(&mut self, range: Range<usize>, new: &str) -> anyhow::Result<()> {
        let Self { path, document, history, now, cursor } = self;
        let before = document.text().clone();
        let position = |offset| before.position(offset, PositionEncoding::Utf8);
        *cursor = range.start + new.len();
        let range = PositionRange { start: position(range.start), end: position(range.end) };
        let change = TextChange::Part { range, text: new.to_owned() };
        document
            .apply(document.version() + 1, &[change], PositionEncoding::Utf8, |after, edit| {
                history.record(path, &before, &edit, after, *now);
            })
            .with_context(|| format!("{path} cannot be edited"))
    }
}

/// Length of what one key writes: a character, or a line break with the indentation that an editor adds to it.
pub fn first_key(text: &str) -> usize {
    match text.strip_prefix('\n') {
        Some(rest) => 1 + rest.len() - rest.trim_start_matches([' ', '\t']).len(),
        None => text.chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marked;

    fn state(marked: &str) -> State {
        replay(&marked::parse(marked).unwrap()[0]).unwrap()
    }

    #[test]
    fn what_is_typed_is_in_the_text_and_what_is_left_moves_with_it() {
        let state = state(
            "@@ rename | | a.py\nf(«2:x→value»)\ndef «1:f→fold»(y):\n«2:→    z = 1\n»    pass\n«?:f→fold»(ü)\n",
        );
        let text = state.files[0].text.to_string();
        assert_eq!(text, "f(value)\ndef fold(y):\n    z = 1\n    pass\nf(ü)\n");
        let left = &state.files[0].left[0].change.range;
        assert_eq!(&text[left.clone()], "f");
        assert_eq!(&text[left.start..], "f(ü)\n");
        assert_eq!(&text[..state.cursor], "f(value)\ndef fold(y):\n    z = 1\n");
        assert_eq!(state.history.original("a.py", &state.files[0].text), "f(x)\ndef f(y):\n    pass\nf(ü)\n");
        assert!(state.files[0].tree.is_some());
    }

    #[test]
    fn what_is_undone_is_not_in_the_text() {
        let state = state("@@ nothing | undone | a.py\na = «1:1→20»\nb = «1:2→»\n«?:c→d» = 1\n");
        assert_eq!(state.files[0].text.to_string(), "a = 1\nb = 2\nc = 1\n");
        assert_eq!(state.files[0].left[0].change.range, 12..13);
        assert!(state.history.hunks().is_empty());
    }

    #[test]
    fn a_line_break_is_typed_with_its_indentation() {
        assert_eq!([first_key("\n    x"), first_key("xy"), first_key("ü"), first_key("")], [5, 1, 2, 0]);
    }
}
