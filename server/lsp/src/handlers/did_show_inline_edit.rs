//! `textDocument/didShowInlineEdit`: a next edit is on the screen.

use crate::next_edit::feedback;
use crate::protocol::messages::ShownEdit;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &ShownEdit) {
    if let Some(id) = params.id() {
        feedback::shown(session, id);
    }
}
