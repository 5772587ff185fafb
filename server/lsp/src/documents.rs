//! The open documents: text, syntax tree, and what keeps a document from being completed.

pub(crate) mod applied_edit;
pub(crate) mod background_parse;
pub(crate) mod open_document;
pub(crate) mod open_documents;
pub(crate) mod parse;
pub(crate) mod snapshot;
pub(crate) mod unfit;
