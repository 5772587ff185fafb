//! Counting accepted suggestions. Invariant: a suggestion counts once, although the client's command and the edit that it made both
//! report its acceptance.

use crate::session::Session;

/// The suggestion of the request with this number was accepted.
pub(crate) fn accepted(session: &mut Session, id: u64) {
    if session.completion.is_first_acceptance(id) {
        tracing::debug!(trace = id, "accepted");
        session.counters.n_accepted += 1;
    }
}
