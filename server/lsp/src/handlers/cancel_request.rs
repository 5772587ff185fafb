//! `$/cancelRequest`. Must hold: the request is answered at once, whatever its work is doing.

use tower_lsp_server::jsonrpc::Id;

use crate::answers;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, id: &Id) {
    // A request that was answered already is none of our business any more.
    if let Some(pending) = session.requests.take_by_id(id) {
        answers::cancelled(session, pending, "the editor does not need it any more");
    }
}
