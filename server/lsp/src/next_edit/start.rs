//! The search for those that wait starts. Invariant: it starts when no event and no request for a completion waits; documents that
//! were not searched for secrets yet are not looked at.

use std::sync::Arc;
use std::time::Instant;

use fimble_model::CancelToken;

use crate::completion::next_step::ineligible_reason;
use crate::event::Event;
use crate::next_edit::job::{self, NextEditJob, OtherFile};
use crate::next_edit::outcome;
use crate::next_edit::waiting::{Running, Waiting};
use crate::session::Session;

/// Other documents that are looked at.
const MAX_OTHERS: usize = 32;

/// Starts the searches that can start. To be called when no event waits.
pub(crate) fn start_waiting(session: &mut Session) {
    if session.completion.jobs.n_waiting() > 0 {
        return;
    }
    for mut waiting in session.next_edit.waiting.take_idle() {
        if session.next_edit.is_screening(&waiting.uri) {
            session.next_edit.waiting.put_back(waiting);
        } else if let Some(running) = start(session, &waiting) {
            waiting.running = Some(running);
            session.next_edit.waiting.put_back(waiting);
        } else {
            outcome::no_edits(session, waiting);
        }
    }
}

/// None if there is nothing that an edit could follow from.
fn start(session: &mut Session, waiting: &Waiting) -> Option<Running> {
    let history = session.next_edit.history_of(&waiting.uri)?.clone();
    let others = others(session, &waiting.uri);
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let snapshot = session.documents.get_mut(&waiting.uri)?.snapshot(max_file_bytes);
    let (serial, cancel) = (session.next_edit.next_serial(), CancelToken::new());
    let job = NextEditJob {
        serial,
        uri: Arc::from(waiting.uri.as_str()),
        snapshot,
        others,
        offset: waiting.offset,
        is_at_rest: waiting.is_at_rest,
        is_explicit: waiting.is_explicit,
        gate: session.next_edit.gate.clone(),
        history,
        completing: session.models.current().cloned(),
        writer: session.models.writer().cloned(),
        cancel: cancel.clone(),
        parsed: session.events.reporter(Event::Parsed),
        reporter: session.events.reporter(|report| Event::NextEdit(Box::new(report))),
        queued: Instant::now(),
    };
    session.next_edit.worker.spawn(move || job::run(job));
    Some(Running { serial, cancel })
}

/// The other documents of the folder whose trees are known.
fn others(session: &Session, current: &str) -> Vec<OtherFile> {
    let folder = session.next_edit.folder_of_recorded(current);
    let files = session.documents.iter_with_uris().filter_map(|(uri, document)| {
        let is_beside = uri != current && session.next_edit.folder_of_recorded(uri) == folder;
        let (tree, is_fresh) = document.tree();
        let tree = tree.filter(|_| is_beside && is_fresh)?;
        let is_eligible = ineligible_reason(session, document).is_none();
        is_eligible.then(|| OtherFile {
            uri: Arc::from(uri),
            revision: document.revision,
            path: document.path.clone(),
            file: document.file.clone(),
            text: document.text().clone(),
            tree: tree.clone(),
        })
    });
    files.take(MAX_OTHERS).collect()
}
