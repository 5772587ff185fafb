//! `$/cancelRequest`. Invariant: the request is answered at once, whatever its work is doing.

use tower_lsp_server::jsonrpc::Id;

use crate::actions::execution;
use crate::completion::answer;
use crate::next_edit::outcome;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, id: &Id) {
    if execution::cancel_request(session, id) || outcome::cancel_request(session, id) {
        return;
    }
    // A request that was answered already is not here any more.
    if let Some(waiter) = session.completion.jobs.take_by_id(id) {
        answer::cancelled(session, waiter, "the editor does not need it any more");
    }
}
