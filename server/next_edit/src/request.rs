//! What a proposal is made from. Invariant: each tree belongs to the text beside it.

use fimble_document::Text;
use fimble_syntax::SyntaxTree;

use crate::{EditHistory, NextEdit};

/// One open document.
#[derive(Clone, Copy)]
pub struct OpenFile<'a> {
    /// Its URI or another stable name: the same as in the history.
    pub document: &'a str,
    /// The present text.
    pub text: &'a Text,
    /// Its tree, which may have errors. Nothing is proposed for a document without one.
    pub tree: Option<&'a SyntaxTree>,
}

/// All that [`crate::propose`] needs. Files with secrets are not among `files`.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The open documents.
    pub files: &'a [OpenFile<'a>],
    /// Index of the document with the cursor.
    pub current: usize,
    /// Byte offset of the cursor.
    pub cursor: usize,
    /// Whether the word at the cursor is not being typed any more: the user left insert mode, or asked explicitly. Without that,
    /// a change that touches the cursor counts as incomplete.
    pub is_at_rest: bool,
    /// The edits so far.
    pub history: &'a EditHistory,
    /// Whether the user refused an edit before: it takes no place of another one.
    pub is_refused: &'a dyn Fn(&NextEdit) -> bool,
    /// Asked between steps; true ends the search with what was found.
    pub cancelled: &'a dyn Fn() -> bool,
}
