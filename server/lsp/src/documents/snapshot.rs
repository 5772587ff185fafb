//! A document as it was at one moment, for work off the loop. Invariant: cloning a snapshot copies no text.

use fimble_completion::{CursorInput, Elsewhere, SelectedItem, Trigger};
use fimble_document::Text;
use fimble_model::fim::Snippet;
use fimble_syntax::{Language, ParseStopped, SyntaxTree};

/// A document as it was at one moment.
#[derive(Clone)]
pub(crate) struct DocumentSnapshot {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) text: Text,
    pub(crate) language: Option<&'static Language>,
    pub(crate) path: String,
    pub(crate) file: String,
    pub(crate) repository: String,
    /// A tree for this text, perhaps parsed earlier and edited along.
    pub(crate) tree: Option<SyntaxTree>,
    /// Whether the job has to parse first.
    pub(crate) needs_parse: bool,
    /// Why the document is not parsed at all, if it is not.
    pub(crate) unparsable: Option<ParseStopped>,
}

impl DocumentSnapshot {
    /// The input of a completion at an offset.
    pub(crate) fn input<'a>(
        &'a self,
        snippets: &'a [Snippet],
        offset: usize,
        trigger: Trigger,
        selected: Option<SelectedItem>,
        elsewhere: Elsewhere<'a>,
    ) -> CursorInput<'a> {
        CursorInput {
            text: &self.text,
            tree: self.tree.as_ref(),
            language: self.language,
            path: &self.path,
            file: &self.file,
            repository: &self.repository,
            snippets,
            offset,
            trigger,
            selected,
            elsewhere,
        }
    }
}
