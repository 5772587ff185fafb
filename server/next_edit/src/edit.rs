//! What is proposed. Invariant: the range is on character boundaries of the text that was asked about, and `old_text` is the text
//! of the range there.

use std::ops::Range;
use std::sync::Arc;

/// What makes an edit likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NextEditKind {
    /// A name was changed; here stands its old form.
    Rename,
    /// The parameters of a function were changed; here it is called in the old form.
    Signature,
    /// The same change was made at other places; here it was not made yet.
    Repeat,
    /// A line was added, and its siblings each have a counterpart in another place; that of the new line is missing.
    Counterpart,
    /// A model wrote the lines around the cursor anew.
    Written,
}

impl NextEditKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Rename, Self::Signature, Self::Repeat, Self::Counterpart, Self::Written];

    /// The name in the protocol, in traces and in stored figures. It never changes its meaning.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Signature => "signature",
            Self::Repeat => "repeat",
            Self::Counterpart => "counterpart",
            Self::Written => "written",
        }
    }
}

/// One edit of one document. To apply it, `range` is replaced by `new_text`: one step for undo.
#[derive(Clone, Debug, PartialEq)]
pub struct NextEdit {
    /// The document, as [`crate::OpenFile::document`] names it.
    pub document: Arc<str>,
    /// The bytes that are replaced; empty for an insertion.
    pub range: Range<usize>,
    /// The text of the range. Where a document has another text there by now, the edit must not be applied.
    pub old_text: String,
    /// The text instead.
    pub new_text: String,
    /// What makes it likely.
    pub kind: NextEditKind,
    /// How likely it is wanted, from 0 to 1.
    pub confidence: f32,
    /// The number of places that agree: edits of the history, or siblings that have the counterpart.
    pub agreeing: usize,
    /// What the confidence was computed from, by name, where it was fitted; else empty.
    pub evidence: Vec<(&'static str, f32)>,
}

impl NextEdit {
    /// Whether the confidence was fitted to public packages, and not chosen: the gate judges the two on different scales.
    pub(crate) fn is_fitted(&self) -> bool {
        !self.evidence.is_empty()
    }
}
