//! Ways to answer a request for a suggestion. Must hold: every one of them ends in [`finish`], which keeps the trace and
//! sends the answer.

use std::ops::Range;
use std::time::Instant;

use fimble_completion::{RefusalKind, Suggestion, Trigger};
use fimble_document::{PositionEncoding, Text};
use serde_json::Value;
use tower_lsp_server::jsonrpc::{Error, Id};

use crate::event::Reply;
use crate::handlers;
use crate::requests::Pending;
use crate::session::Session;
use crate::shown::ShownSuggestion;
use crate::suggest::Place;
use crate::trace::{RequestTrace, TraceMethod, micros};

/// What a method's answer is made from.
pub(crate) struct Shown<'a> {
    pub(crate) suggestion: &'a Suggestion,
    /// Others that may be chosen instead.
    pub(crate) others: &'a [Suggestion],
    pub(crate) text: &'a Text,
    pub(crate) offset: usize,
    pub(crate) encoding: PositionEncoding,
    pub(crate) language_id: &'a str,
    /// Whether the client renders Markdown beside its menu.
    pub(crate) renders_markdown: bool,
    /// Whether the client may be asked to insert items of its menu as they are.
    pub(crate) inserts_as_is: bool,
    pub(crate) trace: &'a RequestTrace,
}

impl Shown<'_> {
    /// What is replaced. The protocol wants it on one line.
    pub(crate) fn replaced(&self) -> Range<usize> {
        self.replaced_by(self.suggestion)
    }

    /// The same for one of the others.
    pub(crate) fn replaced_by(&self, suggestion: &Suggestion) -> Range<usize> {
        let line_end = self.text.line_end(self.text.line_of(self.offset));
        let start = suggestion.replace.start.min(self.offset);
        start..suggestion.replace.end.min(line_end).max(start)
    }
}

/// A request that was read just now.
pub(crate) struct Arrived {
    pub(crate) id: Id,
    pub(crate) reply: Reply,
    pub(crate) trace: RequestTrace,
    pub(crate) received: Instant,
}

/// A suggestion.
pub(crate) fn shown(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
) {
    shown_among(session, arrived, place, text, suggestion, &[]);
}

/// What is known of a suggestion that is still being written.
pub(crate) fn shown_partly(
    session: &mut Session,
    arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
) {
    show(session, arrived, place, text, suggestion, &[], true);
}

/// A suggestion, and others that may be chosen instead.
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

/// What was dismissed is shown to who asks by hand, and then wanted.
fn show(
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
            if session.suggestions.says_what_was_dismissed(
                place.document,
                text,
                place.offset,
                suggestion,
            ) =>
        {
            let sentence = "It was dismissed near by; it stays away until something else is to be said.";
            return nothing(session, arrived, RefusalKind::Dismissed.name(), sentence);
        }
        Trigger::Automatic => {}
        Trigger::Invoked => {
            for wanted in std::iter::once(suggestion).chain(others) {
                session.suggestions.restore(place.document, text, place.offset, wanted);
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
        TraceMethod::InlineCompletion => handlers::inline_completion::answer(&view),
        TraceMethod::Completion => handlers::completion::answer(&view),
    };
    session.last_shown = Some(ShownSuggestion::new(&view, place, is_partial));
    // What comes behind it is still being written.
    if !is_partial {
        session.ahead.was_shown(place.document, place.revision, suggestion);
    }
    finish(session, arrived, Ok(answer), |trace| trace.conclude_shown(&suggestion.text));
}

/// No suggestion, with one word for scripts and a sentence for people.
pub(crate) fn nothing(session: &mut Session, arrived: Arrived, reason: &str, sentence: impl AsRef<str>) {
    let answer = empty(arrived.trace.method);
    finish(session, arrived, Ok(answer), |trace| trace.conclude_nothing(reason, sentence));
}

/// The place that was asked about is another one now.
pub(crate) fn changed(session: &mut Session, arrived: Arrived) {
    let sentence = "The document changed while the suggestion was computed; the next request can have it.";
    nothing(session, arrived, "document-changed", sentence);
}

/// A newer request took its place.
pub(crate) fn superseded(session: &mut Session, pending: Pending) {
    session.counters.n_superseded += 1;
    let sentence = "A newer request for the same document took its place.";
    nothing(session, pending.into(), "superseded", sentence);
}

/// Its document was closed.
pub(crate) fn closed(session: &mut Session, pending: Pending) {
    nothing(session, pending.into(), "closed", "The document was closed.");
}

/// It is not wanted any more.
pub(crate) fn cancelled(session: &mut Session, pending: Pending, why: &str) {
    session.counters.n_cancelled += 1;
    let sentence = format!("The request was cancelled: {why}.");
    let error = Error::request_cancelled();
    finish(session, pending.into(), Err(error), |trace| trace.conclude_nothing("cancelled", sentence));
}

impl From<Pending> for Arrived {
    fn from(pending: Pending) -> Self {
        let Pending { id, reply, trace, received, .. } = pending;
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
        TraceMethod::InlineCompletion => handlers::inline_completion::empty(),
        TraceMethod::Completion => handlers::completion::empty(true),
    }
}
