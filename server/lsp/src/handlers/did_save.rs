//! `textDocument/didSave`: a moment to look again at what a change could not decide cheaply.

use crate::next_edit::follow;
use crate::protocol::messages::DocumentOnly;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &DocumentOnly) {
    if let Some(document) = session.documents.get_mut(&params.text_document.uri) {
        document.inspect_again();
        let file = document.file.clone();
        session.files_changed(std::iter::once(file));
    }
    follow::look_again(session, &params.text_document.uri);
}
