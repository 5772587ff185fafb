//! What clients say of next edits. Invariant: each edit counts once as shown, and once as accepted or dismissed.

use crate::session::Session;

/// An edit is on the screen.
pub(crate) fn shown(session: &mut Session, id: u64) {
    if session.next_edit.is_first_time_shown(id) {
        let now = session.next_edit.now();
        session.next_edit.gate.shown(now);
        session.counters.n_edits_shown += 1;
    }
}

/// The user applied an edit.
pub(crate) fn accepted(session: &mut Session, id: u64) {
    if let Some(edit) = session.next_edit.take_sent(id) {
        session.next_edit.gate.accepted(&edit);
        session.counters.n_edits_accepted += 1;
    }
}

/// The user does not want an edit.
pub(crate) fn dismissed(session: &mut Session, id: u64) {
    if let Some(edit) = session.next_edit.take_sent(id) {
        let now = session.next_edit.now();
        session.next_edit.gate.dismissed(&edit, now);
        session.counters.n_edits_dismissed += 1;
    }
}
