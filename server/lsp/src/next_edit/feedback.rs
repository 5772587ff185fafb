//! What clients say of next edits. Invariant: each edit counts once as shown, and once as accepted or dismissed.

use crate::event::Event;
use crate::next_edit::answers::counts_of;
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
        keep_answers(session);
    }
}

/// The user does not want an edit.
pub(crate) fn dismissed(session: &mut Session, id: u64) {
    if let Some(edit) = session.next_edit.take_sent(id) {
        let now = session.next_edit.now();
        session.next_edit.gate.dismissed(&edit, now);
        session.counters.n_edits_dismissed += 1;
        keep_answers(session);
    }
}

/// Reads the answers of earlier sessions, off the loop and once.
pub(crate) fn read_answers(session: &mut Session) {
    if let Some(store) = session.options.answer_store.clone()
        && session.next_edit.needs_answers()
    {
        let reporter = session.events.reporter(Event::Answers);
        session.next_edit.worker.spawn(move || reporter.send(store.read()));
    }
}

/// Keeps the answers for later sessions, off the loop.
fn keep_answers(session: &mut Session) {
    if let Some(store) = session.options.answer_store.clone() {
        let counts = counts_of(&session.next_edit.gate);
        session.next_edit.worker.spawn(move || store.write(&counts));
    }
}
