//! A request for a next edit arrives. Invariant: what needs no search is answered in the same turn; everything else waits for one
//! search.

use std::time::Instant;

use fimble_completion::Trigger;
use fimble_document::Position;
use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::actions::data::selection;
use crate::completion::answer::{self, Arrived};
use crate::completion::new_trace::{new_trace, note_document};
use crate::completion::next_step::ineligible_reason;
use crate::completion::place::Ask;
use crate::documents::open_document::OpenDocument;
use crate::event::Reply;
use crate::next_edit::waiting::{Asker, Requester, Waiting};
use crate::next_edit::{follow, outcome};
use crate::protocol::convert::from_proto;
use crate::protocol::messages::CodeActionParams;
use crate::session::Session;
use crate::trace::TraceMethod;

/// What was asked, as it was read.
pub(crate) struct Question {
    pub(crate) uri: String,
    /// The version of the document that the client has; some leave it out.
    pub(crate) version: Option<i32>,
    pub(crate) position: Position,
    /// Whether the user asked.
    pub(crate) is_explicit: bool,
    /// Whether the word at the cursor is not being typed any more.
    pub(crate) is_at_rest: bool,
    /// Whether a completion is on the screen, if the client knows.
    pub(crate) completion_shown: Option<bool>,
}

/// Handles a request for a next edit.
pub(crate) fn handle(session: &mut Session, id: Id, question: Question, reply: Reply) {
    let received = Instant::now();
    session.counters.n_requests += 1;
    let trigger = if question.is_explicit { Trigger::Invoked } else { Trigger::Automatic };
    let Question { uri, position, .. } = question;
    let ask = Ask { method: TraceMethod::NextEdit, uri, position, trigger, selected: None };
    let trace = new_trace(session.counters.n_requests, &ask, None);
    let mut arrived = Arrived { id, reply, trace, received };
    let Some(document) = session.documents.get(&ask.uri) else {
        return answer::nothing(session, arrived, "not-open", "The document is not open.");
    };
    note_document(&mut arrived.trace, document);
    if !session.settings.next_edit {
        let sentence = "Next edits are switched off by the setting fimble.experimental.nextEdit.";
        return answer::nothing(session, arrived, "next-edit-off", sentence);
    }
    if let Some((reason, sentence)) = ineligible_reason(session, document) {
        return answer::nothing(session, arrived, reason, sentence);
    }
    if question.version.is_some_and(|version| version != document.version()) {
        return answer::changed(session, arrived);
    }
    if !session.next_edit.is_followed(&ask.uri) {
        let sentence = "The edits of this file are not followed: it may hold a secret, or is too large.";
        return answer::nothing(session, arrived, "not-followed", sentence);
    }
    let offset = from_proto::offset(document.text(), position, session.client.encoding);
    let completion_shown =
        question.completion_shown.unwrap_or_else(|| is_completion_shown(session, document, offset));
    let document = document.id;
    let Arrived { id, reply, trace, received } = arrived;
    let waiting = Waiting {
        asker: Asker::Edit(Box::new(Requester { id, reply, trace, received })),
        uri: ask.uri,
        document,
        offset,
        is_at_rest: question.is_at_rest || question.is_explicit,
        is_explicit: question.is_explicit,
        has_selection: false,
        completion_shown,
        running: None,
    };
    wait(session, waiting);
}

/// Handles a request for code actions: adds the next edit to the others, if there is one in the document.
pub(crate) fn offer(
    session: &mut Session,
    id: Id,
    params: &CodeActionParams,
    actions: Vec<Value>,
    reply: Reply,
) {
    let uri = &params.text_document.uri;
    let document = session.documents.get(uri).filter(|document| {
        follow::is_on(session)
            && session.next_edit.is_followed(uri)
            && ineligible_reason(session, document).is_none()
    });
    let Some(document) = document else {
        let _ = reply.send(Ok(Value::Array(actions)));
        return;
    };
    let selected = selection(document.text(), params.range, session.client.encoding);
    let waiting = Waiting {
        asker: Asker::Actions { id, reply, actions },
        uri: uri.clone(),
        document: document.id,
        offset: selected.end,
        is_at_rest: true,
        is_explicit: true,
        has_selection: !selected.is_empty(),
        completion_shown: false,
        running: None,
    };
    wait(session, waiting);
}

fn wait(session: &mut Session, waiting: Waiting) {
    if let Some(before) = session.next_edit.waiting.add(waiting) {
        outcome::superseded(session, before);
    }
}

/// Whether the last suggestion is still at the cursor, as far as the server can know.
fn is_completion_shown(session: &Session, document: &OpenDocument, offset: usize) -> bool {
    let shown = session.completion.last_shown.as_ref();
    let is_here = shown.is_some_and(|shown| {
        (shown.document, shown.revision, shown.offset) == (document.id, document.revision, offset)
    });
    is_here && !session.completion.cache.is_dismissed(document.id, document.text(), offset)
}
