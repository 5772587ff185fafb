//! `fimble/cursor`: the cursor came to rest somewhere without a key. Must hold: only a prompt that is read within the time of
//! one suggestion is read for that, since nobody may ever type there.

use crate::convert::from_proto;
use crate::protocol::Cursor;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: Cursor) {
    if !session.reads_within_budget() {
        return;
    }
    if let Some(document) = session.documents.get(&params.text_document.uri) {
        let offset = from_proto::offset(document.text(), params.position, session.client.encoding);
        let id = document.id;
        session.ahead.rests(id, offset);
    }
}
