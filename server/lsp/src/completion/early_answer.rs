//! Answers that come while the model still writes, and the refresh that follows. Invariant: a job whose request was answered early
//! continues until another request needs the model.

use fimble_completion::{Suggestion, SuggestionCache};
use fimble_document::Text;

use crate::completion::answer::{self, Arrived};
use crate::completion::partial::{PartialOutcome, PartialText};
use crate::documents::snapshot::DocumentSnapshot;
use crate::event::Event;
use crate::outgoing::Message;
use crate::session::Session;
use crate::trace::{AnswerPath, TraceMethod};

/// The model has written something for a request that is due: runs the filters off the loop.
pub(crate) fn filter(session: &mut Session, partial: PartialText) {
    if session.completion.jobs.waiting(partial.source.serial).is_none() {
        return;
    }
    let reporter = session.events.reporter(|outcome| Event::PartlyComputed(Box::new(outcome)));
    session.completion.filters.spawn(move || reporter.send(partial.finish()));
}

/// The filters have run: answers the request. Its job becomes a speculative one.
pub(crate) fn answer(session: &mut Session, outcome: PartialOutcome) {
    let PartialOutcome { source, suggestion } = outcome;
    let Some(suggestion) = suggestion else { return };
    let Some((_, waiter)) = session.completion.jobs.waiting(source.serial) else { return };
    let (document, revision, offset) = (waiter.place.document, waiter.place.revision, waiter.place.offset);
    let Some(document) = session.documents.by_id(document).filter(|document| document.revision == revision)
    else {
        return;
    };
    let text = document.text().clone();
    let rest = match &source.selected {
        Some(_) => Some(suggestion),
        None => rest_of(&source.snapshot.text, source.offset, &suggestion, &text, offset),
    };
    let Some(rest) = rest else { return };
    let Some(waiter) = session.completion.answer_early(source.serial) else { return };
    let place = waiter.place.clone();
    let mut arrived = Arrived::from(waiter);
    arrived.trace.path = AnswerPath::Partial;
    arrived.trace.confidence = Some(rest.confidence);
    arrived.trace.remote = rest.is_remote;
    answer::shown_partly(session, arrived, &place, &text, &rest);
}

/// What is left of a suggestion where a part of it was typed meanwhile.
fn rest_of(
    origin: &Text,
    origin_offset: usize,
    suggestion: &Suggestion,
    text: &Text,
    offset: usize,
) -> Option<Suggestion> {
    let mut cache = SuggestionCache::new(1, 1);
    cache.insert(0, origin, origin_offset, 0, suggestion);
    cache.lookup(0, text, offset, 0, None).map(|hit| hit.suggestion)
}

/// A job whose request was answered early has ended: asks the editor to ask again, where it does that and the suggestion is better.
pub(crate) fn refresh(
    session: &Session,
    snapshot: &DocumentSnapshot,
    offset: usize,
    suggestion: &Suggestion,
) {
    let Some(shown) =
        session.completion.last_shown.as_ref().filter(|shown| shown.document == snapshot.document)
    else {
        return;
    };
    let (Some(document), Some(uri)) =
        (session.documents.by_id(snapshot.document), session.documents.uri_of(snapshot.document))
    else {
        return;
    };
    let is_wanted = session.client.asks_again
        && shown.is_partial
        && shown.method == TraceMethod::InlineCompletion
        && document.revision == shown.revision;
    let rest = is_wanted.then(|| rest_of(&snapshot.text, offset, suggestion, document.text(), shown.offset));
    if rest.flatten().is_some_and(|rest| shown.is_worse_than(&rest)) {
        session.outgoing.send(Message::Refresh { uri: uri.to_owned(), version: document.version() });
    }
}
