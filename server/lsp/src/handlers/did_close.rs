//! `textDocument/didClose`. Invariant: nothing of the document stays.

use std::sync::Arc;

use crate::actions::execution::document_changed;
use crate::completion::answer;
use crate::next_edit::outcome;
use crate::protocol::messages::DocumentOnly;
use crate::session::Session;

/// A document of more bytes than this leaves so much behind that the system gets it back at once.
const LARGE_BYTES: usize = 1 << 20;

pub(crate) fn handle(session: &mut Session, params: &DocumentOnly) {
    match session.documents.close(&params.text_document.uri) {
        Some(document) => {
            let is_large = document.text().len() > LARGE_BYTES;
            let sent_revision = Arc::clone(&document.sent_revision);
            forget(session, document.id, &params.text_document.uri);
            session.remember_closed(document.file.clone(), sent_revision);
            drop(document);
            if is_large {
                session.background.spawn(fimble_syntax::give_back_memory);
            }
        }
        None => tracing::warn!("a document was closed that is not open"),
    }
}

/// Frees what belongs to a document that is gone.
pub(crate) fn forget(session: &mut Session, document: u64, uri: &str) {
    for waiter in session.completion.jobs.take_of_document(document) {
        answer::closed(session, waiter);
    }
    document_changed(session, document);
    outcome::document_changed(session, document);
    session.next_edit.forget(uri);
    session.completion.forget(document);
    session.index.forget(document);
}
