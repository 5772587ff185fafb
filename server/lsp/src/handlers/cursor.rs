//! `fimble/cursor`: the cursor stays at a place where no key was typed. Invariant: only a prompt that is read within the time of
//! one suggestion is read for that, since a key may never follow.

use crate::completion::token_budget::reads_within_budget;
use crate::protocol::convert::from_proto;
use crate::protocol::messages::Cursor;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: Cursor) {
    let speeds = session.models.current().map(|model| model.speeds());
    if !speeds.is_some_and(|speeds| reads_within_budget(speeds, &session.settings)) {
        return;
    }
    if let Some(document) = session.documents.get(&params.text_document.uri) {
        let offset = from_proto::offset(document.text(), params.position, session.client.encoding);
        let id = document.id;
        session.completion.speculation.cursor_at(id, offset);
    }
}
