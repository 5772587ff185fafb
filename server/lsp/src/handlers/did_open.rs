//! `textDocument/didOpen`.

use crate::handlers::did_close;
use crate::next_edit::follow;
use crate::protocol::messages::DidOpen;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: DidOpen) {
    let opened = params.text_document;
    let uri = opened.uri.clone();
    let replaced = session.documents.open(opened.uri, opened.language_id, opened.version, opened.text);
    if let Some(replaced) = replaced {
        tracing::warn!("a document was opened that was open already; the newer text counts");
        did_close::forget(session, replaced, &uri);
    }
    if let Some(document) = session.documents.get(&uri) {
        session.completion.speculation.opened(document.id, document.text());
    }
    follow::opened(session, &uri);
}
