//! `textDocument/didChange`. Must hold: a change that does not fit costs the document its suggestions until the next full
//! text, and nothing else.

use crate::protocol::DidChange;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, mut params: DidChange) {
    let encoding = session.client.encoding;
    let changes = params.changes();
    let Some(document) = session.documents.get_mut(&params.text_document.uri) else {
        tracing::warn!("a change of a document that is not open is ignored");
        return;
    };
    let was_in_sync = document.is_in_sync();
    match document.change(params.text_document.version, &changes, encoding) {
        // Once is enough: until the next full text every keystroke fails in the same way.
        Err(error) if was_in_sync => {
            tracing::warn!(document = document.path, %error, "the document is out of sync");
        }
        Err(_) | Ok(()) => {}
    }
}

/// The change could not be read.
pub(crate) fn unreadable(session: &mut Session, uri: &str) {
    if let Some(document) = session.documents.get_mut(uri) {
        tracing::warn!(document = document.path, "a change could not be read; the document is out of sync");
        document.distrust();
    }
}
