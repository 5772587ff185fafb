//! Following the edits of open documents. Invariant: a document is followed only while it gets suggestions and holds no secret; an
//! edit that may bring one is searched before it is recorded; a change costs the loop a few lines at most.

use fimble_secrets::has_secret;

use crate::completion::next_step::ineligible_reason;
use crate::documents::applied_edit::AppliedEdit;
use crate::event::Event;
use crate::next_edit::screening::{Screened, Screening};
use crate::next_edit::{feedback, outcome};
use crate::session::Session;

/// The edits of larger documents, in bytes, are not followed.
const MAX_BYTES: usize = 1 << 20;
/// An edit whose lines have more bytes is searched for secrets off the loop.
const MAX_SEARCHED_BYTES: usize = 16 * 1024;

/// A document was opened.
pub(crate) fn opened(session: &mut Session, uri: &str) {
    if !is_on(session) {
        return;
    }
    feedback::read_answers(session);
    let Some(document) = session.documents.get(uri) else { return };
    // What is in no folder shares a history with what is beside it.
    let folder = document.file.strip_suffix(&document.path).unwrap_or_default().to_owned();
    let serial = session.next_edit.follow(uri, &folder);
    screen(session, uri, serial);
}

/// A document was changed by these edits.
pub(crate) fn changed(session: &mut Session, uri: &str, edits: Vec<AppliedEdit>) {
    if !session.next_edit.is_followed(uri) {
        return;
    }
    if !is_suitable(session, uri) {
        return session.next_edit.leave_out(uri);
    }
    let lines = edits.iter().map(|AppliedEdit { edit, after, .. }| {
        let last = after.line_of(edit.new_end);
        (after, after.line_start(after.line_of(edit.start))..after.line_end(last))
    });
    if lines.clone().any(|(_, range)| range.len() > MAX_SEARCHED_BYTES) {
        if let Some(serial) = session.next_edit.screen_again(uri, edits) {
            screen(session, uri, serial);
        }
    } else if lines.clone().any(|(text, range)| has_secret(&text.slice(range))) {
        session.next_edit.leave_out(uri);
    } else {
        session.next_edit.record(uri, edits);
    }
}

/// A document was saved, or is in sync again: what was left out may have changed.
pub(crate) fn look_again(session: &mut Session, uri: &str) {
    if session.next_edit.knows(uri)
        && !session.next_edit.is_followed(uri)
        && let Some(serial) = session.next_edit.screen_again(uri, Vec::new())
    {
        screen(session, uri, serial);
    }
}

/// A document was searched for secrets.
pub(crate) fn screened(session: &mut Session, screened: &Screened) {
    session.next_edit.screened(&screened.uri, screened.serial, screened.is_clean);
}

/// Settings changed: follows all open documents, or none.
pub(crate) fn settings_changed(session: &mut Session) {
    if !is_on(session) {
        outcome::switched_off(session);
        return session.next_edit.forget_all();
    }
    for uri in session.documents.uris() {
        if !session.next_edit.knows(&uri) {
            opened(session, &uri);
        }
    }
}

/// Whether next edits are shown.
pub(crate) fn is_on(session: &Session) -> bool {
    session.settings.enabled && session.settings.next_edit
}

fn is_suitable(session: &Session, uri: &str) -> bool {
    session.documents.get(uri).is_some_and(|document| {
        document.text().len() <= MAX_BYTES && ineligible_reason(session, document).is_none()
    })
}

/// Starts the search for secrets with this serial.
fn screen(session: &mut Session, uri: &str, serial: u64) {
    let document = session.documents.get(uri).filter(|_| is_suitable(session, uri));
    let Some(document) = document else { return session.next_edit.leave_out(uri) };
    let (file, text) = (document.file.clone(), document.text().clone());
    let screening = Screening { uri: uri.to_owned(), file, text, serial };
    let reporter = session.events.reporter(Event::Screened);
    session.next_edit.worker.spawn(move || screening.run(&reporter));
}
