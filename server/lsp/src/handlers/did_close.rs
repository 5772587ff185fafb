//! `textDocument/didClose`. Must hold: nothing of the document stays.

use std::sync::Arc;

use crate::protocol::DocumentOnly;
use crate::session::Session;
use crate::{actions, answers};

/// A document of more bytes than this leaves so much behind that the system gets it back at once.
const LARGE_BYTES: usize = 1 << 20;

pub(crate) fn handle(session: &mut Session, params: &DocumentOnly) {
    match session.documents.close(&params.text_document.uri) {
        Some(document) => {
            let is_large = document.text().len() > LARGE_BYTES;
            let newest_told = Arc::clone(&document.newest_told);
            forget(session, document.id);
            session.closed_document(document.file.clone(), newest_told);
            drop(document);
            if is_large {
                session.parses.spawn(fimble_syntax::give_back_memory);
            }
        }
        None => tracing::warn!("a document was closed that is not open"),
    }
}

/// Frees what belongs to a document that is gone.
pub(crate) fn forget(session: &mut Session, document: u64) {
    for pending in session.requests.take_of_document(document) {
        answers::closed(session, pending);
    }
    actions::document_changed(session, document);
    session.ahead.forget(document);
    session.suggestions.forget(document);
    session.index.forget(document);
    if session.last_shown.as_ref().is_some_and(|shown| shown.document == document) {
        session.last_shown = None;
    }
}
