//! A request for a suggestion, from the message to the answer, whatever the method. Must hold: what can be answered
//! without the model is answered in the same turn; every way out answers the request and leaves a trace with its reason.

use std::ops::Range;
use std::time::Instant;

use fimble_completion::{CacheHit, HitKind, SelectedItem, Suggestion, Trigger};
use fimble_document::{Position, PositionEncoding, PositionRange, Text};
use fimble_model::CancelToken;
use serde_json::Value;
use tower_lsp_server::jsonrpc::{Error, Id};

use crate::completion_job::{self, CompletionJob, DocumentSnapshot, JobOutcome, NoSuggestion};
use crate::convert::from_proto;
use crate::documents::{OpenDocument, Unfit};
use crate::event::Reply;
use crate::handlers;
use crate::model_state::ModelState;
use crate::requests::Pending;
use crate::session::{Session, ShownSuggestion, unix_millis};
use crate::trace::{
    AnswerPath, Decision, RequestTrace, StepTimes, TokenCounts, TraceMethod, TraceTrigger, micros,
};

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

/// What a method's answer is made from.
pub(crate) struct Shown<'a> {
    pub(crate) suggestion: &'a Suggestion,
    pub(crate) text: &'a Text,
    pub(crate) offset: usize,
    pub(crate) encoding: PositionEncoding,
    pub(crate) language_id: &'a str,
    pub(crate) trace: &'a RequestTrace,
}

impl Shown<'_> {
    /// What is replaced. The protocol wants it on one line.
    pub(crate) fn replaced(&self) -> Range<usize> {
        let line_end = self.text.line_end(self.text.line_of(self.offset));
        let start = self.suggestion.replace.start.min(self.offset);
        start..self.suggestion.replace.end.min(line_end).max(start)
    }
}

/// A request that was read just now.
struct Arrived {
    id: Id,
    reply: Reply,
    trace: RequestTrace,
    received: Instant,
}

/// Handles a request.
pub(crate) fn begin(session: &mut Session, id: Id, ask: Ask, reply: Reply) {
    let received = Instant::now();
    session.counters.n_requests += 1;
    let mut arrived = Arrived { id, reply, trace: new_trace(session, &ask), received };
    let Some(document) = session.documents.get(&ask.uri) else {
        return answer_nothing(session, arrived, "not-open", "The document is not open.");
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
    let obstacle = obstacle(session, document);
    for superseded in session.requests.take_superseded(place.document, ask.method) {
        answer_superseded(session, superseded);
    }
    if let Some((reason, sentence)) = obstacle {
        return answer_nothing(session, arrived, reason, sentence);
    }

    let key = session.settings_key;
    if place.trigger == Trigger::Automatic
        && session.suggestions.is_dismissed(place.document, &text, place.offset)
    {
        let sentence =
            "The suggestion at this place was dismissed; it stays away until the text around it changes.";
        return answer_nothing(session, arrived, "dismissed", sentence);
    }
    let hit = session.suggestions.lookup(place.document, &text, place.offset, key, place.selected.as_ref());
    if let Some(CacheHit { suggestion, kind }) = hit {
        arrived.trace.path = match kind {
            HitKind::Same => AnswerPath::Same,
            HitKind::TypedThrough => AnswerPath::TypedThrough,
            HitKind::DeletedBack => AnswerPath::DeletedBack,
        };
        arrived.trace.confidence = Some(suggestion.confidence);
        session.counters.n_without_model += 1;
        return answer_shown(session, arrived, &place, &text, &suggestion);
    }
    match &session.model {
        ModelState::Ready(_) => start(session, arrived, place),
        ModelState::Idle | ModelState::Loading if place.trigger == Trigger::Invoked => {
            arrived.trace.notes.push("it waited for the model to be loaded".to_owned());
            park(session, arrived, place);
        }
        ModelState::Idle | ModelState::Loading => {
            answer_nothing(session, arrived, "loading", "The model is still being loaded.");
        }
        ModelState::Failed(error) => {
            let sentence = format!("The model could not be loaded: {error}");
            answer_nothing(session, arrived, "no-model", sentence);
        }
    }
}

fn new_trace(session: &Session, ask: &Ask) -> RequestTrace {
    RequestTrace {
        id: session.counters.n_requests,
        time: unix_millis(),
        method: ask.method,
        trigger: match ask.trigger {
            Trigger::Invoked => TraceTrigger::Invoked,
            Trigger::Automatic => TraceTrigger::Automatic,
        },
        document: from_proto::file_name(&from_proto::path(&ask.uri)).to_owned(),
        language: String::new(),
        version: 0,
        line: ask.position.line,
        character: ask.position.character,
        decision: Decision::Pending,
        path: AnswerPath::None,
        mode: String::new(),
        pieces: Vec::new(),
        tokens: TokenCounts::default(),
        model: String::new(),
        provider: String::new(),
        template: String::new(),
        times: StepTimes::default(),
        stop: String::new(),
        filters: Vec::new(),
        confidence: None,
        notes: Vec::new(),
    }
}

/// Why a document is not completed at all, if it is not.
fn obstacle(session: &Session, document: &OpenDocument) -> Option<(&'static str, String)> {
    let settings = &session.settings;
    let language_name = document.language.map_or("", |language| language.name());
    let is_disabled = settings.disabled_languages.iter().any(|disabled| {
        *disabled == document.language_id || (*disabled == language_name && !disabled.is_empty())
    });
    if !settings.enabled {
        return Some(("disabled", "Suggestions are switched off by the setting fimble.enabled.".to_owned()));
    }
    if is_disabled {
        let language = &document.language_id;
        return Some((
            "language-disabled",
            format!("The setting fimble.languages.disabled names the language {language}."),
        ));
    }
    if !document.is_in_sync() {
        let sentence =
            "The editor's text and the server's differ; it mends itself when the file is opened again.";
        return Some(("out-of-sync", sentence.to_owned()));
    }
    let n_bytes = document.text().len();
    if n_bytes > settings.completion.max_file_bytes {
        let limit = settings.completion.max_file_bytes;
        return Some((
            "file-too-large",
            format!("The file has {n_bytes} bytes; the setting fimble.maxFileBytes allows {limit}."),
        ));
    }
    match document.unfit()? {
        Unfit::Binary => Some(("binary-file", "The file holds NUL characters: it is not text.".to_owned())),
        Unfit::LongLine => Some((
            "line-too-long",
            "The file has a line that is too long to be code that somebody types.".to_owned(),
        )),
    }
}

/// Keeps a request until the model is there.
fn park(session: &mut Session, arrived: Arrived, place: Place) {
    let Arrived { id, reply, trace, received } = arrived;
    let cancel = CancelToken::new();
    session.requests.register(Pending { id, reply, trace, received, place, cancel, is_parked: true });
}

/// The model was loaded, or failed to: goes on with a parked request.
pub(crate) fn resume(session: &mut Session, parked: Pending) {
    let Pending { id, reply, mut trace, received, place, .. } = parked;
    trace.times.queue = micros(received.elapsed());
    let arrived = Arrived { id, reply, trace, received };
    let is_current =
        session.documents.by_id(place.document).is_some_and(|document| document.revision == place.revision);
    match &session.model {
        _ if !is_current => answer_changed(session, arrived),
        ModelState::Ready(_) => start(session, arrived, place),
        ModelState::Failed(error) => {
            let sentence = format!("The model could not be loaded: {error}");
            answer_nothing(session, arrived, "no-model", sentence);
        }
        ModelState::Idle | ModelState::Loading => park(session, arrived, place),
    }
}

/// Starts the work of a request. The document is open and the model ready.
fn start(session: &mut Session, arrived: Arrived, place: Place) {
    let Arrived { id, reply, trace, received } = arrived;
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let (ModelState::Ready(model), Some(document)) =
        (&session.model, session.documents.by_id_mut(place.document))
    else {
        return answer_changed(session, Arrived { id, reply, trace, received });
    };
    let (tree, is_fresh) = document.tree();
    let tree = tree.cloned();
    let needs_parse = !is_fresh && document.is_parsable(max_file_bytes);
    if needs_parse {
        document.n_parses += 1;
    }
    let snapshot = DocumentSnapshot {
        document: document.id,
        revision: document.revision,
        text: document.text().clone(),
        language: document.language,
        path: document.path.clone(),
        repository: document.repository.clone(),
        tree,
        needs_parse,
    };
    let cancel = CancelToken::new();
    let model = std::sync::Arc::clone(model);
    let pending = Pending {
        id,
        reply,
        trace: trace.clone(),
        received,
        place: place.clone(),
        cancel: cancel.clone(),
        is_parked: false,
    };
    let job = CompletionJob {
        serial: session.requests.register(pending),
        snapshot,
        offset: place.offset,
        trigger: place.trigger,
        selected: place.selected,
        settings: std::sync::Arc::clone(&session.settings),
        settings_key: session.settings_key,
        model,
        cancel,
        trace,
        queued: Instant::now(),
    };
    let events = session.events.clone();
    session.completions.spawn(move || completion_job::run(job, &events));
}

/// A job reports.
pub(crate) fn computed(session: &mut Session, outcome: JobOutcome) {
    let JobOutcome { serial, snapshot, offset, settings_key, trace, result } = outcome;
    let revision = session.documents.by_id(snapshot.document).map(|document| document.revision);
    // Also what nobody waits for any more is kept: it fits when the user comes back, or has typed along.
    if let (Ok(suggestion), Some(_)) = (&result, revision) {
        session.suggestions.insert(snapshot.document, &snapshot.text, offset, settings_key, suggestion);
    }
    let Some(pending) = session.requests.take(serial) else { return };
    let Pending { id, reply, received, place, .. } = pending;
    let arrived = Arrived { id, reply, trace, received };
    match result {
        Ok(_) if revision != Some(snapshot.revision) => answer_changed(session, arrived),
        Ok(suggestion) => answer_shown(session, arrived, &place, &snapshot.text, &suggestion),
        Err(NoSuggestion::Refused(refusal)) => {
            answer_nothing(session, arrived, refusal.kind.name(), refusal.reason);
        }
        Err(NoSuggestion::Model(error)) => {
            session.counters.n_failed += 1;
            tracing::error!(%error, "a generation failed");
            answer_nothing(session, arrived, "model-failed", format!("{error}."));
        }
        Err(NoSuggestion::Internal) => {
            session.counters.n_failed += 1;
            let sentence = "An internal error happened; the log names the place.";
            let mut error = Error::internal_error();
            error.message = "Internal error while computing a completion".into();
            finish(session, arrived, Err(error), |trace| trace.conclude_nothing("internal-error", sentence));
        }
    }
}

fn answer_shown(
    session: &mut Session,
    mut arrived: Arrived,
    place: &Place,
    text: &Text,
    suggestion: &Suggestion,
) {
    session.counters.n_shown += 1;
    arrived.trace.times.total = micros(arrived.received.elapsed());
    let language_id =
        session.documents.by_id(place.document).map_or("", |document| document.language_id.as_str());
    let shown = Shown {
        suggestion,
        text,
        offset: place.offset,
        encoding: session.client.encoding,
        language_id,
        trace: &arrived.trace,
    };
    let answer = match arrived.trace.method {
        TraceMethod::InlineCompletion => handlers::inline_completion::answer(&shown),
        TraceMethod::Completion => handlers::completion::answer(&shown),
    };
    session.last_shown = Some(ShownSuggestion {
        id: arrived.trace.id,
        document: place.document,
        revision: place.revision,
        offset: place.offset,
    });
    finish(session, arrived, Ok(answer), |trace| trace.conclude_shown(&suggestion.text));
}

fn answer_nothing(session: &mut Session, arrived: Arrived, reason: &str, sentence: impl Into<String>) {
    let answer = empty(arrived.trace.method);
    finish(session, arrived, Ok(answer), |trace| trace.conclude_nothing(reason, sentence));
}

fn answer_changed(session: &mut Session, arrived: Arrived) {
    let sentence = "The document changed while the suggestion was computed; the next request can have it.";
    answer_nothing(session, arrived, "document-changed", sentence);
}

/// A newer request took its place.
fn answer_superseded(session: &mut Session, pending: Pending) {
    session.counters.n_superseded += 1;
    let sentence = "A newer request for the same document took its place.";
    answer_nothing(session, pending.into(), "superseded", sentence);
}

/// Its document was closed.
pub(crate) fn answer_closed(session: &mut Session, pending: Pending) {
    answer_nothing(session, pending.into(), "closed", "The document was closed.");
}

/// It is not wanted any more.
pub(crate) fn answer_cancelled(session: &mut Session, pending: Pending, why: &str) {
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
fn finish(
    session: &mut Session,
    arrived: Arrived,
    answer: Result<Value, Error>,
    conclude: impl FnOnce(&mut RequestTrace),
) {
    let Arrived { id, reply, mut trace, received } = arrived;
    conclude(&mut trace);
    trace.times.total = micros(received.elapsed());
    tracing::debug!(%id, trace = trace.id, total_us = trace.times.total, path = ?trace.path, "answered");
    session.traces.push(trace);
    // The receiver is gone only when the connection is.
    let _ = reply.send(answer);
}

/// No suggestion, in the form of a method. Never null: some clients would keep an old suggestion.
pub(crate) fn empty(method: TraceMethod) -> Value {
    match method {
        TraceMethod::InlineCompletion => handlers::inline_completion::empty(),
        TraceMethod::Completion => handlers::completion::empty(true),
    }
}
