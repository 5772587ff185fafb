//! The search for those that wait starts. Invariant: it starts when no event and no request for a completion waits; documents that
//! were not searched for secrets yet are not looked at.

use std::sync::Arc;
use std::time::Instant;

use fimble_model::CancelToken;

use crate::completion::next_step::ineligible_reason;
use crate::event::Event;
use crate::next_edit::job::{self, NextEditJob, OtherFile};
use crate::next_edit::outcome;
use crate::next_edit::waiting::Running;
use crate::session::Session;

/// Other documents that are looked at.
const MAX_OTHERS: usize = 32;

/// Starts the searches that can start. To be called when no event waits.
pub(crate) fn start_waiting(session: &mut Session) {
    if session.completion.jobs.n_waiting() > 0 {
        return;
    }
    let is_startable = |uri: &str| !session.next_edit.is_screening(uri);
    let startable: Vec<String> =
        session.next_edit.waiting.idle_uris().filter(|uri| is_startable(uri)).map(str::to_owned).collect();
    for uri in startable {
        start(session, &uri);
    }
}
