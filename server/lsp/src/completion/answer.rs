//! Step 10 of a keystroke, the last: the answer. Invariant: every answer ends in [`finish`], which keeps the trace and sends it.

use std::time::Instant;

use fimble_completion::{Refusal, RefusalKind, Suggestion, Trigger};
use fimble_document::Text;
use serde_json::Value;
use tower_lsp_server::jsonrpc::{Error, Id};

use crate::completion::place::Place;
use crate::completion::registry::Waiter;
use crate::completion::shown::{Shown, ShownSuggestion};
use crate::completion::{inline_items, menu_items};
use crate::event::Reply;
use crate::protocol::next_edit_answer;
use crate::session::Session;
use crate::trace::{RequestTrace, TraceMethod, micros};

/// A request that was read just now.
pub(crate) struct Arrived {
    pub(crate) id: Id,
    pub(crate) reply: Reply,
    pub(crate) trace: RequestTrace,
    pub(crate) received: Instant,
}

/// Answers with a suggestion.
pub(crate) fn shown(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
) {
    shown_among(session, arrived, place, text, suggestion, &[]);
}

/// Answers with the part of a suggestion that has been written.
pub(crate) fn shown_partly(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
) {
    show(session, arrived, place, text, suggestion, &[], true);
}

/// Answers with a suggestion, and others that may be chosen instead.
pub(crate) fn shown_among(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
    others: &[Suggestion],
) {
    show(session, arrived, place, text, suggestion, others, false);
}

/// Shows what the client can insert of the suggestions.
fn show(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
    others: &[Suggestion],
    is_partial: bool,
) {
    if !session.client.inserts_only || arrived.trace.method != TraceMethod::InlineCompletion {
        return show_as_they_are(session, arrived, place, text, suggestion, others, is_partial);
    }
    let language = session.documents.by_id(place.document).and_then(|document| document.language);
    let mut insertions: Vec<Suggestion> = Vec::new();
    for suggestion in std::iter::once(suggestion).chain(others) {
        let insertion = suggestion.as_insertion(text, place.offset, language);
        insertions.extend(insertion.filter(|new| insertions.iter().all(|other| other.text != new.text)));
    }
    match insertions.split_first() {
        Some((first, others)) => {
            show_as_they_are(session, arrived, place, text, first, others, is_partial);
        }
        None => {
            let sentence = "The suggestion only goes on behind the brackets that the editor closed, where it inserts nothing.";
            nothing(session, arrived, RefusalKind::TooShort.name(), sentence);
        }
    }
}

/// A dismissed suggestion is shown to an explicit request, and counts as wanted then.
fn show_as_they_are(
    session: &mut Session,
    mut arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
    others: &[Suggestion],
    is_partial: bool,
) {
    match place.trigger {
        Trigger::Automatic
            if session.completion.cache.says_what_was_dismissed(
                place.document,
                text,
                place.offset,
                suggestion,
            ) =>
        {
            let sentence =
                "You dismissed this suggestion nearby; it is not shown again until there is a different one.";
            return nothing(session, arrived, RefusalKind::Dismissed.name(), sentence);
        }
        Trigger::Automatic => {}
        Trigger::Invoked => {
            for wanted in std::iter::once(suggestion).chain(others) {
                session.completion.cache.restore(place.document, text, place.offset, wanted);
            }
        }
    }
    session.counters.n_shown += 1;
    arrived.trace.times.total = micros(arrived.received.elapsed());
    let language_id =
        session.documents.by_id(place.document).map_or("", |document| document.language_id.as_str());
    let view = Shown {
        suggestion,
        others,
        text,
        offset: place.offset,
        encoding: session.client.encoding,
        language_id,
        renders_markdown: session.client.renders_markdown,
        inserts_as_is: session.client.inserts_as_is,
        trace: &arrived.trace,
    };
    let answer = match arrived.trace.method {
        TraceMethod::Completion => menu_items::answer(&view),
        TraceMethod::InlineCompletion | TraceMethod::NextEdit => inline_items::answer(&view),
    };
    session.completion.last_shown = Some(ShownSuggestion::new(&view, place, is_partial));
    // The text behind a part is still being written.
    if !is_partial {
        session.completion.speculation.was_shown(place.document, place.revision, suggestion);
    }
    finish(session, arrived, Ok(answer), |trace| trace.conclude_shown(&suggestion.text));
}

/// Answers with no suggestion, with one word for scripts and a sentence for people.
pub(crate) fn nothing(session: &mut Session, arrived: Arrived, reason: &str, sentence: impl AsRef<str>) {
    let answer = empty(arrived.trace.method);
    finish(session, arrived, Ok(answer), |trace| trace.conclude_nothing(reason, sentence));
}

/// Answers with no suggestion, because a step refused.
pub(crate) fn refused(session: &mut Session, arrived: Arrived, refusal: Refusal) {
    nothing(session, arrived, refusal.kind.name(), refusal.reason);
}

/// The text around the place is another one now.
pub(crate) fn changed(session: &mut Session, arrived: Arrived) {
    let sentence = "The document changed while the suggestion was computed; the next request can get it.";
    nothing(session, arrived, "document-changed", sentence);
}

/// A newer request replaces it.
pub(crate) fn superseded(session: &mut Session, waiter: Waiter) {
    session.counters.n_superseded += 1;
    let sentence = "A newer request for the same document replaced this one.";
    nothing(session, waiter.into(), "superseded", sentence);
}

/// Its document was closed.
pub(crate) fn closed(session: &mut Session, waiter: Waiter) {
    nothing(session, waiter.into(), "closed", "The document was closed.");
}

/// It was cancelled.
pub(crate) fn cancelled(session: &mut Session, waiter: impl Into<Arrived>, why: &str) {
    session.counters.n_cancelled += 1;
    let sentence = format!("The request was cancelled: {why}.");
    let error = Error::request_cancelled();
    finish(session, waiter.into(), Err(error), |trace| trace.conclude_nothing("cancelled", sentence));
}

impl From<Waiter> for Arrived {
    fn from(waiter: Waiter) -> Self {
        let Waiter { id, reply, trace, received, .. } = waiter;
        Self { id, reply, trace, received }
    }
}

/// The one place where a request for a suggestion is answered.
pub(crate) fn finish(
    session: &mut Session,
    arrived: Arrived,
    answer: Result<Value, Error>,
    conclude: impl FnOnce(&mut RequestTrace),
) {
    let Arrived { id, reply, mut trace, received } = arrived;
    conclude(&mut trace);
    trace.times.total = micros(received.elapsed());
    let RequestTrace { path, limits, confidence, times, decision, .. } = &trace;
    let silence = decision.silence();
    tracing::debug!(%id, trace = trace.id, total_us = times.total, ?path, silence, limits, confidence, "answered");
    session.traces.push(trace);
    // The receiver is gone only when the connection is.
    let _ = reply.send(answer);
}

/// No suggestion, in the form of a method. Never null: some clients would keep an old suggestion.
fn empty(method: TraceMethod) -> Value {
    match method {
        TraceMethod::InlineCompletion => inline_items::empty(),
        TraceMethod::Completion => menu_items::empty(true),
        TraceMethod::NextEdit => next_edit_answer::none(),
    }
}
