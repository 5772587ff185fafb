//! An edit of a document with the texts on both sides of it. Invariant: making one copies no text.

use fimble_document::{Text, TextEdit};

/// An edit that took effect.
#[derive(Clone)]
pub(crate) struct AppliedEdit {
    pub(crate) before: Text,
    pub(crate) edit: TextEdit,
    pub(crate) after: Text,
}
