//! The input of a completion: a place in a text, and what the editor says about it. Invariant: whatever offset or selection comes
//! in, the resolved [`Cursor`] is in the text and on one line.

use std::fmt;
use std::ops::Range;

use fimble_document::Text;
use fimble_model::fim::Snippet;
use fimble_syntax::{Language, Region, SyntaxTree};

use crate::{Refusal, RefusalKind};

/// One request for a suggestion.
#[derive(Clone, Debug)]
pub struct CursorInput<'a> {
    /// The text of the buffer.
    pub text: &'a Text,
    /// Its tree, if it was parsed.
    pub tree: Option<&'a SyntaxTree>,
    /// The language of the file, if known. What the cursor is in may be another one, which the tree knows.
    pub language: Option<&'static Language>,
    /// Path relative to the workspace, with forward slashes.
    pub path: &'a str,
    /// The name of the file in the project cache. It is unique, unlike `path`.
    pub file: &'a str,
    /// Name of the workspace folder; may be empty.
    pub repository: &'a str,
    /// Parts of other files that may help, the best last; the prompt takes as many as it has room for.
    pub snippets: &'a [Snippet],
    /// The offset of the cursor, in bytes. Clamped to the text.
    pub offset: usize,
    /// The reason of the request.
    pub trigger: Trigger,
    /// The item that is selected in the editor's popup, if there is one.
    pub selected: Option<SelectedItem>,
    /// The other files of the project.
    pub elsewhere: Elsewhere<'a>,
}

/// A check whether a text occurs in another file of the project. By default there is no other file.
#[derive(Clone, Copy, Default)]
pub struct Elsewhere<'a>(Option<&'a dyn Fn(&str) -> bool>);

impl<'a> Elsewhere<'a> {
    /// Asks this, which may read files.
    pub fn new(holds: &'a dyn Fn(&str) -> bool) -> Self {
        Self(Some(holds))
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.0.is_some_and(|holds| holds(text))
    }
}

impl fmt::Debug for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Elsewhere").field(&self.0.is_some()).finish()
    }
}

impl CursorInput<'_> {
    /// The syntax at the cursor; code if there is no tree.
    pub(crate) fn region(&self) -> Region {
        self.tree
            .map_or(Region::Code, |tree| tree.region(self.text, self.text.floor_char_boundary(self.offset)))
    }

    /// The language that is written at the cursor: that of the script in a page, else that of the file.
    pub(crate) fn language_here(&self) -> Option<&'static Language> {
        self.tree.map(|tree| tree.language_at(self.offset)).or(self.language)
    }
}

/// The reason of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The user asked.
    Invoked,
    /// The user typed.
    Automatic,
}

/// The item that is selected in the editor's popup: what accepting it would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedItem {
    /// The bytes that the item replaces.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
}

/// The cursor's line, as it reads once a selected item is accepted.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// Index of the line.
    pub(crate) line: usize,
    /// First byte of the line.
    pub(crate) line_start: usize,
    /// The end of the line, before its break.
    pub(crate) line_end: usize,
    /// The start of the suggestion's range: the cursor, or the start of the selected item.
    pub(crate) replace_start: usize,
    /// Where what is typed of the line ends: the cursor.
    pub(crate) typed_end: usize,
    /// The start of the text right of the cursor: the cursor, or the end of the selected item.
    pub(crate) rest_start: usize,
    /// The line up to the cursor, the selected item included.
    pub(crate) typed: String,
    /// The text of the selected item, empty if there is none: the suggestion begins with it.
    pub(crate) selected: String,
}

impl Cursor {
    /// Resolves the place of a request.
    ///
    /// # Errors
    /// The selected item does not extend what is typed.
    pub(crate) fn resolve(input: &CursorInput<'_>) -> Result<Self, Refusal> {
        let text = input.text;
        let offset = text.floor_char_boundary(input.offset);
        let line = text.line_of(offset);
        let line_start = text.line_start(line);
        let line_end = text.line_end(line);
        // Between the two characters of a line break there is nothing to type: that is the end of the line.
        let offset = offset.min(line_end);
        let mut cursor = Self {
            line,
            line_start,
            line_end,
            replace_start: offset,
            typed_end: offset,
            rest_start: offset,
            typed: text.slice(line_start..offset).into_owned(),
            selected: String::new(),
        };
        let Some(selected) = &input.selected else { return Ok(cursor) };
        let start = text.floor_char_boundary(selected.range.start);
        let end = text.floor_char_boundary(selected.range.end).max(offset);
        if start < line_start || start > offset || end > line_end || selected.text.contains(['\n', '\r']) {
            return Err(conflict("the selected menu item does not end on the line of the cursor"));
        }
        let Some(extends) = selected.text.strip_prefix(text.slice(start..offset).as_ref()) else {
            return Err(conflict("the selected menu item does not begin with what is typed"));
        };
        cursor.typed.push_str(extends);
        cursor.replace_start = start;
        cursor.rest_start = end;
        cursor.selected = selected.text.clone();
        Ok(cursor)
    }
}

impl Cursor {
    /// The line up to the cursor, the selected item included, as another text of the same length has it.
    pub(crate) fn typed_in(&self, text: &Text) -> String {
        let mut typed = text.slice(self.line_start..self.typed_end).into_owned();
        typed.push_str(&self.typed[self.typed_end - self.line_start..]);
        typed
    }
}

fn conflict(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::SelectionConflict, reason)
}
