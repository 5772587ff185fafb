//! The end of a search, and the answer. Invariant: everyone who waits is answered once, whatever becomes of the document and the
//! search; an edit is sent only if its document, and the one that was asked about, are still the texts that it was found in.

use fimble_document::Text;
use fimble_next_edit::{NextEdit, Silence, Situation};
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::{Error, Id};

use crate::completion::answer::{self, Arrived};
use crate::next_edit::job::NextEditReport;
use crate::next_edit::silence::in_words;
use crate::next_edit::waiting::{Asker, Requester, Waiting};
use crate::protocol::convert::to_proto;
use crate::protocol::next_edit_answer::{self, WireEdit, accepted_command};
use crate::protocol::workspace_edit::{MadeFor, one_replacement};
use crate::session::Session;
use crate::trace::AnswerPath;

/// The kind of the code action.
pub(crate) const ACTION_KIND: &str = "refactor.rewrite.fimble.nextEdit";

/// An edit that is farther from the cursor, in lines, is jumped to.
const NEAR_LINES: usize = 2;

/// A search has ended.
pub(crate) fn handle(session: &mut Session, report: NextEditReport) {
    let Some(waiting) = session.next_edit.waiting.take_finished(report.serial) else { return };
    let is_current = |session: &Session, uri: &str| {
        let revision = session.documents.get(uri).map(|document| document.revision);
        revision.is_some() && report.revisions.iter().any(|(of, at)| **of == *uri && Some(*at) == revision)
    };
    if !is_current(session, &waiting.uri) {
        return without(session, waiting, Why::Changed);
    }
    let Some(mut proposals) = report.proposals else { return without(session, waiting, Why::Internal) };
    let for_actions = matches!(waiting.asker, Asker::Actions { .. });
    proposals.retain(|edit| {
        is_current(session, &edit.document) && (!for_actions || *edit.document == *waiting.uri)
    });
    let situation = Situation {
        now: session.next_edit.now(),
        has_selection: waiting.has_selection,
        completion_shown: waiting.completion_shown,
        is_explicit: waiting.is_explicit,
    };
    let mut silence = None;
    let admitted = proposals.into_iter().find(|edit| match session.next_edit.gate.admits(edit, &situation) {
        Ok(()) => true,
        Err(reason) => {
            silence.get_or_insert(reason);
            false
        }
    });
    let mut waiting = waiting;
    if let Asker::Edit(requester) = &mut waiting.asker {
        let times = &mut requester.trace.times;
        (times.queue, times.parse, times.plan) = (report.queue, report.parse, report.search);
    }
    match admitted {
        Some(edit) => send(session, waiting, edit),
        None => without(session, waiting, silence.map_or(Why::NoneFound, Why::Silent)),
    }
}

/// Answers with an edit.
fn send(session: &mut Session, waiting: Waiting, edit: NextEdit) {
    let Some(target) = session.documents.get(&edit.document) else {
        return without(session, waiting, Why::Changed);
    };
    let (text, version) = (target.text().clone(), target.version());
    let id = session.next_edit.send(edit.clone());
    session.counters.n_edits_sent += 1;
    match waiting.asker {
        Asker::Actions { reply, mut actions, .. } => {
            actions.insert(0, action(session, id, &edit, &text, version));
            let _ = reply.send(Ok(Value::Array(actions)));
        }
        Asker::Edit(requester) => {
            let line = text.line_of(edit.range.start);
            let is_near =
                *edit.document == *waiting.uri && line.abs_diff(text.line_of(waiting.offset)) <= NEAR_LINES;
            let range = json!(to_proto::range(&text, &edit.range, session.client.encoding));
            let answer = next_edit_answer::one(&WireEdit {
                id,
                uri: &edit.document,
                version,
                range,
                text: &edit.new_text,
                is_jump: !is_near,
            });
            answer::finish(session, arrived(*requester), Ok(answer), |trace| {
                trace.path = AnswerPath::Edits;
                trace.confidence = Some(edit.confidence);
                let agree = if edit.agreeing == 1 { "place agrees" } else { "places agree" };
                trace.mode = format!("{}; {} {agree}", edit.kind.name(), edit.agreeing);
                trace.conclude_shown(&edit.new_text);
            });
        }
    }
}

/// The code action that makes an edit.
fn action(session: &Session, id: u64, edit: &NextEdit, text: &Text, version: i32) -> Value {
    let title = format!("Apply the next edit (line {})", text.line_of(edit.range.start) + 1);
    let made_for = MadeFor { uri: &edit.document, version, text };
    json!({
        "title": title,
        "kind": ACTION_KIND,
        "edit": one_replacement(&session.client, &made_for, &edit.range, &edit.new_text),
        "command": accepted_command(id),
    })
}

/// A newer request of the same kind takes its place.
pub(crate) fn superseded(session: &mut Session, waiting: Waiting) {
    session.counters.n_superseded += 1;
    without(session, waiting, Why::Superseded);
}

/// Nothing was edited that an edit could follow from.
pub(crate) fn no_edits(session: &mut Session, waiting: Waiting) {
    let is_left_out = !session.next_edit.is_followed(&waiting.uri);
    without(session, waiting, if is_left_out { Why::NotFollowed } else { Why::NoEdits });
}

/// A document changed, or was closed.
pub(crate) fn document_changed(session: &mut Session, document: u64) {
    for waiting in session.next_edit.waiting.take_of_document(document) {
        without(session, waiting, Why::Changed);
    }
}

/// Next edits are not shown any more.
pub(crate) fn switched_off(session: &mut Session) {
    for waiting in session.next_edit.waiting.take_all() {
        without(session, waiting, Why::SwitchedOff);
    }
}

/// The client cancelled a request. Whether it was one of these.
pub(crate) fn cancel_request(session: &mut Session, id: &Id) -> bool {
    let waiting = session.next_edit.waiting.take_by_id(id);
    waiting.map(|waiting| cancelled(session, waiting, "the editor does not need it any more")).is_some()
}

/// The server ends.
pub(crate) fn cancel_all(session: &mut Session) {
    for waiting in session.next_edit.waiting.take_all() {
        cancelled(session, waiting, "the server is shutting down");
    }
}

fn cancelled(session: &mut Session, waiting: Waiting, why: &str) {
    match waiting.asker {
        Asker::Actions { reply, .. } => {
            let _ = reply.send(Err(Error::request_cancelled()));
        }
        Asker::Edit(requester) => answer::cancelled(session, arrived(*requester), why),
    }
}

/// Why there is no edit.
enum Why {
    Changed,
    Internal,
    NoEdits,
    NoneFound,
    NotFollowed,
    Silent(Silence),
    Superseded,
    SwitchedOff,
}

/// Answers without an edit.
fn without(session: &mut Session, waiting: Waiting, why: Why) {
    let arrived = match waiting.asker {
        Asker::Actions { reply, actions, .. } => {
            let _ = reply.send(Ok(Value::Array(actions)));
            return;
        }
        Asker::Edit(requester) => arrived(*requester),
    };
    match why {
        Why::Changed => answer::changed(session, arrived),
        Why::Internal => {
            let sentence = "An internal error happened; the log names the place.";
            answer::nothing(session, arrived, "internal-error", sentence);
        }
        Why::NoEdits => {
            let sentence = "Nothing was changed yet in the open files of this folder.";
            answer::nothing(session, arrived, "no-edits", sentence);
        }
        Why::NoneFound => {
            let sentence = "The changes so far call for no other one.";
            answer::nothing(session, arrived, "no-next-edit", sentence);
        }
        Why::NotFollowed => {
            let sentence = "The edits of this file are not followed: it may hold a secret, or is too large.";
            answer::nothing(session, arrived, "not-followed", sentence);
        }
        Why::Silent(silence) => {
            let (reason, sentence) = in_words(silence);
            answer::nothing(session, arrived, reason, sentence);
        }
        Why::Superseded => {
            let sentence = "A newer request for a next edit replaced this one.";
            answer::nothing(session, arrived, "superseded", sentence);
        }
        Why::SwitchedOff => {
            let sentence = "Next edits are switched off by the setting fimble.experimental.nextEdit.";
            answer::nothing(session, arrived, "next-edit-off", sentence);
        }
    }
}

fn arrived(requester: Requester) -> Arrived {
    let Requester { id, reply, trace, received } = requester;
    Arrived { id, reply, trace, received }
}
