//! A request for a suggestion, from the message to the answer, whatever the method. Must hold: what can be answered
//! without the model is answered in the same turn; every way out goes through
//! [`crate::answers`], so that it answers the request and leaves a trace with its reason.

mod new_trace;
mod next_step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_completion::{CacheHit, HitKind, SelectedItem, Suggestion, Trigger};
use fimble_document::{Position, PositionRange, Text};
use fimble_model::CancelToken;
use tower_lsp_server::jsonrpc::{Error, Id};

use crate::ahead::Taken;
use crate::answers::{self, Arrived};
use crate::begun::Begun;
use crate::completion_job::{self, CompletionJob, JobOutcome, NoSuggestion, Purpose};
use crate::convert::from_proto;
use crate::event::Reply;
use crate::model_state::ModelState;
use crate::partial::{self, Due, JobProgress};
use crate::requests::{Pending, Running};
use crate::session::Session;
use crate::small_first;
use crate::trace::{AnswerPath, TraceMethod, micros};

pub(crate) use new_trace::new_trace;
pub(crate) use next_step::obstacle;
use next_step::{Next, next_step};

/// What was asked, as it was read.
pub(crate) struct Ask {
    pub(crate) method: TraceMethod,
    pub(crate) uri: String,
    pub(crate) position: Position,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<(PositionRange, String)>,
}

/// The place that was asked about, in bytes of one revision of one document.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
}

/// Handles a request.
pub(crate) fn begin(session: &mut Session, id: Id, ask: Ask, reply: Reply) {
    let received = Instant::now();
    session.counters.n_requests += 1;
    session.ahead.asked();
    let mut arrived = Arrived { id, reply, trace: new_trace(session, &ask), received };
    let Some(document) = session.documents.get(&ask.uri) else {
        return answers::nothing(session, arrived, "not-open", "The document is not open.");
    };
    arrived.trace.version = document.version();
    arrived.trace.language = match document.language {
        Some(language) => language.name().to_owned(),
        None if document.language_id.is_empty() => "plain text".to_owned(),
        None => format!("{} (as plain text)", document.language_id),
    };
    let text = document.text().clone();
    let encoding = session.client.encoding;
    let place = Place {
        document: document.id,
        revision: document.revision,
        offset: from_proto::offset(&text, ask.position, encoding),
        trigger: ask.trigger,
        selected: ask.selected.map(|(range, item)| SelectedItem {
            range: from_proto::range(&text, range, encoding),
            text: item,
        }),
    };
    let next = next_step(session, document.id, &text, &place, ask.method);
    let key = session.settings_key;
    let begun = session.ahead.begun.take_if(|begun| begun.is_about(&place, key));
    // Work that would lead to the same goes on for the newer request; all else that is older ends.
    let kept =
        if matches!(next, Next::Compute) { take_agreeing(session, &text, &place, ask.method) } else { None };
    let kept = kept.map(|(serial, mut pending)| {
        let running = pending.running.take();
        let cancel = pending.cancel.clone();
        answers::superseded(session, pending);
        (serial, running, cancel)
    });
    for superseded in session.requests.take_superseded(place.document, ask.method) {
        answers::superseded(session, superseded);
    }
    match next {
        Next::Refuse(reason, sentence) => answers::nothing(session, arrived, reason, sentence),
        Next::Answer(CacheHit { suggestion, kind }) => {
            let path = match kind {
                HitKind::Same => AnswerPath::Same,
                HitKind::TypedThrough => AnswerPath::TypedThrough,
                HitKind::DeletedBack => AnswerPath::DeletedBack,
                HitKind::LookAhead => AnswerPath::LookAhead,
            };
            match begun {
                Some(Begun { trace, refusal: None, .. }) if path == AnswerPath::Same => {
                    arrived.trace.take_work(trace);
                    arrived.trace.path = AnswerPath::Kept;
                }
                _ => {
                    arrived.trace.path = path;
                    session.counters.n_without_model += 1;
                }
            }
            arrived.trace.confidence = Some(suggestion.confidence);
            arrived.trace.remote = suggestion.is_remote;
            // What is still being written may take its place.
            match session.ahead.is_writing_on(place.document) {
                true => answers::shown_partly(session, arrived, &place, &text, &suggestion),
                false => answers::shown(session, arrived, &place, &text, &suggestion),
            }
        }
        Next::Park => {
            arrived.trace.notes.push("it waited for the model to be loaded".to_owned());
            park(session, arrived, place);
        }
        Next::Choose => start(session, arrived, place),
        Next::Compute => match (kept, begun) {
            (Some((serial, running, cancel)), _) => {
                take_over(session, arrived, place, serial, running, cancel, false);
            }
            (None, Some(Begun { trace, refusal: Some(refusal), .. }))
                if place.trigger == Trigger::Automatic =>
            {
                arrived.trace.take_work(trace);
                answer_none(session, arrived, NoSuggestion::Refused(refusal));
            }
            (None, _) => {
                let agrees = |running: &Running| {
                    place.selected.is_none() && running.agrees_with(&text, place.offset, key)
                };
                match session.ahead.take_agreeing(place.document, agrees) {
                    Some(Taken { serial, running, cancel, is_shown }) => {
                        take_over(session, arrived, place, serial, Some(running), cancel, is_shown);
                    }
                    None => start(session, arrived, place),
                }
            }
        },
    }
}

/// The older request of the same document and method whose running work agrees with this place.
fn take_agreeing(
    session: &mut Session,
    text: &Text,
    place: &Place,
    method: TraceMethod,
) -> Option<(u64, Pending)> {
    if place.selected.is_some() {
        return None;
    }
    let key = session.settings_key;
    let offset = place.offset;
    session.requests.take_running(place.document, method, |running| running.agrees_with(text, offset, key))
}

/// Lets work that was begun for another request answer this one.
fn take_over(
    session: &mut Session,
    arrived: Arrived,
    place: Place,
    serial: u64,
    running: Option<Running>,
    cancel: CancelToken,
    is_shown: bool,
) {
    let Arrived { id, reply, trace, received } = arrived;
    if let Some(running) = &running {
        let budget = Duration::from_millis(session.settings.budget_ms as u64);
        running.progress.set_due(Some(Due::of(&place, budget, session.client.asks_again, is_shown)));
    }
    let running = running.map(|running| Running { is_kept: true, ..running });
    let small_model_at = session.small_model_at(&place);
    let pending = Pending { id, reply, place, received, cancel, trace, running, small_model_at };
    session.requests.register_under(serial, pending);
}

/// Keeps a request until the model is there.
fn park(session: &mut Session, arrived: Arrived, place: Place) {
    let Arrived { id, reply, trace, received } = arrived;
    let cancel = CancelToken::new();
    let pending = Pending { id, reply, trace, received, place, cancel, running: None, small_model_at: None };
    session.requests.register(pending);
}

/// A model answers now, or none will: resumes a parked request.
pub(crate) fn resume(session: &mut Session, parked: Pending) {
    let Pending { id, reply, mut trace, received, place, .. } = parked;
    trace.times.queue = micros(received.elapsed());
    let arrived = Arrived { id, reply, trace, received };
    let is_current =
        session.documents.by_id(place.document).is_some_and(|document| document.revision == place.revision);
    match &session.model {
        _ if !is_current => answers::changed(session, arrived),
        state if state.current().is_some() => start(session, arrived, place),
        ModelState::Failed(error, _) => {
            let sentence = format!("The model could not be loaded: {error}");
            answers::nothing(session, arrived, "no-model", sentence);
        }
        _ => park(session, arrived, place),
    }
}

/// Starts the work of a request. The document is open, and a model answers.
fn start(session: &mut Session, arrived: Arrived, place: Place) {
    let Arrived { id, reply, mut trace, received } = arrived;
    trace.stand_in = session.stand_in_reason().unwrap_or_default();
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let telling = session.first_telling(place.document);
    let (Some(model), Some(document)) =
        (session.model.current(), session.documents.by_id_mut(place.document))
    else {
        return answers::changed(session, Arrived { id, reply, trace, received });
    };
    let (model, line) = (Arc::clone(model), document.text().line_of(place.offset));
    let snapshot = document.snapshot(max_file_bytes);
    session.ahead.give_way();
    session.allot(place.document, line);
    let cancel = CancelToken::new();
    let progress: Arc<JobProgress> = Arc::default();
    let budget = Duration::from_millis(session.settings.budget_ms as u64);
    progress.set_due(Some(Due::of(&place, budget, session.client.asks_again, false)));
    let running = Running {
        text: snapshot.text.clone(),
        offset: place.offset,
        settings_key: session.settings_key,
        has_selected: place.selected.is_some(),
        progress: Arc::clone(&progress),
        is_kept: false,
    };
    let pending = Pending {
        id,
        reply,
        trace: trace.clone(),
        received,
        place: place.clone(),
        cancel: cancel.clone(),
        running: Some(running),
        small_model_at: session.small_model_at(&place),
    };
    let job = CompletionJob {
        serial: session.requests.register(pending),
        purpose: Purpose::Answer,
        snapshot,
        telling,
        offset: place.offset,
        trigger: place.trigger,
        selected: place.selected,
        settings: Arc::clone(&session.settings),
        settings_key: session.settings_key,
        workspace: session.snippet_source(),
        model,
        cancel,
        progress,
        events: session.events.clone(),
        trace,
        queued: Instant::now(),
    };
    session.counters.n_jobs_started += 1;
    session.completions.spawn(move || completion_job::run(job));
}

/// A job reports.
pub(crate) fn computed(session: &mut Session, outcome: JobOutcome) {
    if outcome.purpose == Purpose::Small {
        return small_first::computed(session, outcome);
    }
    let begun = if outcome.purpose == Purpose::Begin { Begun::of(&outcome) } else { None };
    let JobOutcome { serial, purpose, snapshot, offset, settings_key, trace, result, others } = outcome;
    session.counters.count_job(trace.tokens);
    let revision = session.documents.by_id(snapshot.document).map(|document| document.revision);
    // Also what nobody waits for any more is kept: it fits when the user comes back, or has typed along.
    if let (Ok(suggestion), Some(_)) = (&result, revision) {
        let (document, text) = (snapshot.document, &snapshot.text);
        let key = session.suggestions_key(settings_key, document, text, offset);
        match purpose {
            Purpose::LookAhead => {
                session.suggestions.insert_ahead(document, text, offset, key, suggestion);
            }
            Purpose::Answer | Purpose::Begin | Purpose::WarmUp | Purpose::Small => {
                session.suggestions.insert(document, text, offset, key, suggestion);
            }
        }
    }
    session.ahead.reported(serial);
    let Some(pending) = session.requests.take(serial) else {
        if let (Ok(suggestion), Purpose::Answer | Purpose::Begin) = (&result, purpose) {
            partial::completed(session, &snapshot, offset, suggestion);
        }
        // The gate let nothing be read: who asks later finds that done.
        if begun.as_ref().is_some_and(|begun| begun.trace.tokens.prompt == 0 && begun.refusal.is_some()) {
            session.ahead.expect(snapshot.document, offset);
        }
        if begun.is_some() {
            session.ahead.begun = begun;
        }
        return;
    };
    let is_kept = pending.running.as_ref().is_some_and(|running| running.is_kept);
    let Pending { id, reply, received, place, trace: own_trace, .. } = pending;
    if is_kept {
        let mut arrived = Arrived { id, reply, trace: own_trace, received };
        arrived.trace.take_work(trace);
        if place.trigger == Trigger::Automatic
            && (place.revision, place.offset) == (snapshot.revision, offset)
            && let Some(Begun { refusal: Some(refusal), .. }) = begun
        {
            return answer_none(session, arrived, NoSuggestion::Refused(refusal));
        }
        return answer_kept(session, arrived, place, result);
    }
    let arrived = Arrived { id, reply, trace, received };
    match result {
        Err(NoSuggestion::Refused(refusal)) if arrived.trace.tokens.prompt == 0 => {
            // The cursor is here, and nothing was read: the next request finds it done.
            session.ahead.expect(place.document, place.offset);
            answer_none(session, arrived, NoSuggestion::Refused(refusal));
        }
        Ok(_) if revision != Some(snapshot.revision) => answers::changed(session, arrived),
        Ok(suggestion) => {
            answers::shown_among(session, arrived, &place, &snapshot.text, &suggestion, &others);
        }
        Err(none) => answer_none(session, arrived, none),
    }
}

/// Answers a request with work that was begun for an earlier one and is done: with what is left of its suggestion, which
/// the cache knows by now. Where nothing is left, or nothing came of it, the request gets work of its own.
fn answer_kept(
    session: &mut Session,
    mut arrived: Arrived,
    place: Place,
    result: Result<Suggestion, NoSuggestion>,
) {
    let current = session.documents.by_id(place.document).filter(|now| now.revision == place.revision);
    let Some(text) = current.map(|document| document.text().clone()) else {
        return answers::changed(session, arrived);
    };
    if let Err(none @ (NoSuggestion::Model(_) | NoSuggestion::Internal)) = result {
        return answer_none(session, arrived, none);
    }
    let key = session.suggestions_key(session.settings_key, place.document, &text, place.offset);
    match session.suggestions.lookup(place.document, &text, place.offset, key, None) {
        Some(hit) => {
            arrived.trace.path = AnswerPath::Kept;
            arrived.trace.confidence = Some(hit.suggestion.confidence);
            arrived.trace.remote = hit.suggestion.is_remote;
            answers::shown(session, arrived, &place, &text, &hit.suggestion);
        }
        None => start(session, arrived, place),
    }
}

/// Answers a request whose work has no suggestion.
fn answer_none(session: &mut Session, arrived: Arrived, none: NoSuggestion) {
    match none {
        NoSuggestion::Refused(refusal) => {
            answers::nothing(session, arrived, refusal.kind.name(), refusal.reason);
        }
        NoSuggestion::Model(error) => {
            session.counters.n_failed += 1;
            tracing::error!(%error, "a generation failed");
            answers::nothing(session, arrived, "model-failed", format!("{error}."));
        }
        NoSuggestion::Internal => {
            session.counters.n_failed += 1;
            let sentence = "An internal error happened; the log names the place.";
            let mut error = Error::internal_error();
            error.message = "Internal error while computing a completion".into();
            answers::finish(session, arrived, Err(error), |trace| {
                trace.conclude_nothing("internal-error", sentence)
            });
        }
    }
}
