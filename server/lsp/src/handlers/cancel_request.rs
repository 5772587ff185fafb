//! `$/cancelRequest`. Must hold: the request is answered at once, whatever its work is doing.

use tower_lsp_server::jsonrpc::Id;

use crate::session::Session;
use crate::{actions, answers};

pub(crate) fn handle(session: &mut Session, id: &Id) {
    if actions::cancel_request(session, id) {
        return;
    }
    // A request that was answered already is none of our business any more.
    if let Some(pending) = session.requests.take_by_id(id) {
        answers::cancelled(session, pending, "the editor does not need it any more");
    }
}
