//! Step 9 of a keystroke: a job has ended. Its suggestion goes into the cache, and the request that waits for it is answered.
//! Invariant: an outcome answers the request that waits for its job at this moment, and no other.

use fimble_completion::{Suggestion, Trigger};
use tower_lsp_server::jsonrpc::Error;

use crate::completion::answer::{self, Arrived};
use crate::completion::early_answer;
use crate::completion::job::{JobOutcome, NoSuggestion, Purpose};
use crate::completion::place::Place;
use crate::completion::small_model;
use crate::completion::speculation::SpeculativeResult;
use crate::completion::start::start;
use crate::session::Session;
use crate::trace::AnswerPath;

/// A job has ended.
pub(crate) fn handle(session: &mut Session, outcome: JobOutcome) {
    if outcome.purpose == Purpose::Small {
        return small_model::answer(session, outcome);
    }
    let kept = if outcome.purpose == Purpose::Typed { SpeculativeResult::of(&outcome) } else { None };
    let JobOutcome { serial, purpose, snapshot, offset, settings_key, trace, result, others } = outcome;
    session.counters.count_job(trace.tokens);
    let revision = session.documents.by_id(snapshot.document).map(|document| document.revision);
    // A suggestion that no request waits for any more is kept, too: it fits when the user comes back, or has typed along.
    if let (Ok(suggestion), Some(_)) = (&result, revision) {
        let (document, text) = (snapshot.document, &snapshot.text);
        let key = session.suggestions_key(settings_key, document, text, offset);
        match purpose {
            Purpose::LookAhead => {
                session.completion.cache.insert_ahead(document, text, offset, key, suggestion);
            }
            Purpose::Answer | Purpose::Typed | Purpose::WarmUp | Purpose::Small => {
                session.completion.cache.insert(document, text, offset, key, suggestion);
            }
        }
    }
    let job = session.completion.jobs.finish(serial);
    let is_reused = job.as_ref().is_some_and(|job| job.is_reused);
    let Some(waiter) = job.and_then(|job| job.waiter) else {
        if let (Ok(suggestion), Purpose::Answer | Purpose::Typed) = (&result, purpose) {
            early_answer::refresh(session, &snapshot, offset, suggestion);
        }
        if let Some(kept) = kept {
            if kept.is_unread() {
                session.completion.speculation.expect(snapshot.document, offset);
            }
            session.completion.speculation.keep(kept);
        }
        return;
    };
    let place = waiter.place.clone();
    let mut arrived = Arrived::from(waiter);
    if is_reused {
        arrived.trace.take_work(trace);
        if place.trigger == Trigger::Automatic
            && (place.revision, place.offset) == (snapshot.revision, offset)
            && let Some(SpeculativeResult { refusal: Some(refusal), .. }) = kept
        {
            return answer::refused(session, arrived, refusal);
        }
        return answer_reused(session, arrived, place, result);
    }
    arrived.trace = trace;
    match result {
        Err(NoSuggestion::Refused(refusal)) if arrived.trace.tokens.prompt == 0 => {
            // The cursor is here, and its prompt was not read: the next request finds that done.
            session.completion.speculation.expect(place.document, place.offset);
            answer::refused(session, arrived, refusal);
        }
        Ok(_) if revision != Some(snapshot.revision) => answer::changed(session, arrived),
        Ok(suggestion) => {
            answer::shown_among(session, arrived, &place, &snapshot.text, &suggestion, &others);
        }
        Err(none) => answer_none(session, arrived, none),
    }
}

/// Answers a request with a job that was started before it: with the rest of its suggestion, which the cache holds by now. Where
/// nothing is left, or there was no suggestion, the request gets a job of its own.
fn answer_reused(
    session: &mut Session,
    mut arrived: Arrived,
    place: Place,
    result: Result<Suggestion, NoSuggestion>,
) {
    let current = session.documents.by_id(place.document).filter(|now| now.revision == place.revision);
    let Some(text) = current.map(|document| document.text().clone()) else {
        return answer::changed(session, arrived);
    };
    if let Err(none @ (NoSuggestion::Model(_) | NoSuggestion::Internal)) = result {
        return answer_none(session, arrived, none);
    }
    let key = session.suggestions_key(session.completion.settings_key, place.document, &text, place.offset);
    match session.completion.cache.lookup(place.document, &text, place.offset, key, None) {
        Some(hit) => {
            arrived.trace.path = AnswerPath::Kept;
            arrived.trace.confidence = Some(hit.suggestion.confidence);
            arrived.trace.remote = hit.suggestion.is_remote;
            answer::shown(session, arrived, &place, &text, &hit.suggestion);
        }
        None => start(session, arrived, place),
    }
}

/// Answers a request whose job has no suggestion.
fn answer_none(session: &mut Session, arrived: Arrived, none: NoSuggestion) {
    match none {
        NoSuggestion::Refused(refusal) => answer::refused(session, arrived, refusal),
        NoSuggestion::Model(error) => {
            session.counters.n_failed += 1;
            tracing::error!(%error, "a generation failed");
            answer::nothing(session, arrived, "model-failed", format!("{error}."));
        }
        NoSuggestion::Internal => {
            session.counters.n_failed += 1;
            let sentence = "An internal error happened; the log names the place.";
            let mut error = Error::internal_error();
            error.message = "Internal error while computing a completion".into();
            answer::finish(session, arrived, Err(error), |trace| {
                trace.conclude_nothing("internal-error", sentence)
            });
        }
    }
}
