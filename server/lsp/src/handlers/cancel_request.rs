//! `$/cancelRequest`. Must hold: the request is answered at once, whatever its work is doing.

use tower_lsp_server::jsonrpc::Id;

use crate::session::Session;
use crate::suggest;

pub(crate) fn handle(session: &mut Session, id: &Id) {
    // A request that was answered already is none of our business any more.
    if let Some(pending) = session.requests.take_by_id(id) {
        suggest::answer_cancelled(session, pending, "the editor does not need it any more");
    }
}
