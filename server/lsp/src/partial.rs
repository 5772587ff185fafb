//! A suggestion that is answered while the model still writes it. Invariant: what is answered early passed every filter that a
//! whole suggestion passes; the model's thread only appends text and sends an event; a job whose request is answered goes on
//! until another request needs the model.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fimble_completion::{
    CompletionSettings, Elsewhere, Plan, SelectedItem, Suggestion, SuggestionCache, Trigger, finish,
};
use fimble_document::Text;
use fimble_model::fim::Snippet;
use fimble_model::{GeneratedToken, Generation, StopReason, TokenObserver, Usage};
use fimble_syntax::ParseBudget;
use fimble_workspace::Workspace;

use crate::answers::{self, Arrived};
use crate::completion_job::{CHECK_BUDGET, DocumentSnapshot};
use crate::event::{Event, EventSender};
use crate::hidden_secrets;
use crate::outgoing::Message;
use crate::requests::Pending;
use crate::session::Session;
use crate::suggest::Place;
use crate::trace::{AnswerPath, TraceMethod};

/// The part of the time budget after which what is known is answered; the rest goes to filters and the way to the screen.
const SHARE: f64 = 0.6;
/// Whoever asks by hand, in an editor that asks for the rest by itself, waits this long for a first whole line.
const FIRST_LINE: Duration = Duration::from_secs(2);
/// The same in an editor that does not ask again: all that is written until then is the answer.
const WHOLE: Duration = Duration::from_secs(5);
/// Where an early answer was refused by a filter, it is tried again after so many more pieces of text.
const PIECES_BETWEEN: usize = 3;

/// When a request is to be answered with what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// From then on.
    pub(crate) at: Instant,
    /// Before this, only if the first line is whole; later whatever there is.
    pub(crate) any_at: Instant,
}

impl Due {
    /// For a request that arrived just now. `is_written`: whether text for it was shown before, so that the rest is only longer.
    pub(crate) fn of(place: &Place, budget: Duration, asks_again: bool, is_written: bool) -> Self {
        let now = Instant::now();
        let at = now + budget.mul_f64(SHARE);
        match (place.trigger, asks_again) {
            (Trigger::Automatic, _) if is_written => Self { at: now, any_at: now },
            (Trigger::Automatic, _) => Self { at, any_at: at },
            (Trigger::Invoked, true) => Self { at, any_at: now + FIRST_LINE },
            (Trigger::Invoked, false) => Self { at: now + WHOLE, any_at: now + WHOLE },
        }
    }
}

/// What a job has written until now, shared by the model's thread and the loop.
#[derive(Debug, Default)]
pub(crate) struct JobProgress {
    so_far: Mutex<String>,
    due: Mutex<Option<Due>>,
}

impl JobProgress {
    /// Calls `look` with the text so far. The model's thread waits meanwhile.
    pub(crate) fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        look(&self.so_far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, piece: &str) {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).push_str(piece);
    }

    /// Forgets the text: another model writes from now on.
    pub(crate) fn clear(&self) {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Somebody waits; or nobody does any more.
    pub(crate) fn set_due(&self, due: Option<Due>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
    }

    /// Whether a request waits that was not answered yet.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn is_due(&self, text: &str) -> bool {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.is_some_and(|due| {
            let now = Instant::now();
            now >= due.any_at || now >= due.at && text.trim_start().contains('\n')
        })
    }
}

/// All that the filters need, besides what the model writes.
pub(crate) struct PartialSource {
    pub(crate) serial: u64,
    pub(crate) plan: Plan,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) snippets: Vec<Snippet>,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) completion: CompletionSettings,
    pub(crate) workspace: Option<Arc<Workspace>>,
    pub(crate) is_remote: bool,
}

/// What was written when an answer was due.
pub(crate) struct Written {
    source: Arc<PartialSource>,
    generation: Generation,
}

/// What is left of it after the filters.
pub(crate) struct PartialOutcome {
    source: Arc<PartialSource>,
    suggestion: Option<Suggestion>,
}

/// An observer that writes down what it sees, and reports it once it is due.
pub(crate) fn watched(
    mut observer: TokenObserver,
    progress: &Arc<JobProgress>,
    source: PartialSource,
    events: &EventSender,
) -> TokenObserver {
    let (progress, events, source) = (Arc::clone(progress), events.clone(), Arc::new(source));
    let mut text = String::new();
    let (mut n_pieces, mut next_report) = (0, 0);
    Box::new(move |piece: &str, tokens: &[GeneratedToken]| {
        text.push_str(piece);
        n_pieces += 1;
        progress.push(piece);
        let verdict = observer(piece, tokens);
        if verdict.is_continue()
            && n_pieces >= next_report
            && !text.trim().is_empty()
            && progress.is_due(&text)
        {
            next_report = n_pieces + PIECES_BETWEEN;
            let generation = so_far(&text, tokens);
            events.send(Event::Written(Box::new(Written { source: Arc::clone(&source), generation })));
        }
        verdict
    })
}

/// A generation that is not over.
fn so_far(text: &str, tokens: &[GeneratedToken]) -> Generation {
    let shown = tokens.iter().copied().filter(|token| token.text_end <= text.len());
    Generation {
        text: text.to_owned(),
        tokens: shown.collect(),
        stop: StopReason::MaxTokens,
        usage: Usage::default(),
    }
}

impl Written {
    /// Runs the filters.
    fn finish(self) -> PartialOutcome {
        let Self { source, generation } = self;
        let snapshot = &source.snapshot;
        let holds = |text: &str| source.workspace.as_ref().is_some_and(|workspace| workspace.holds(text));
        let selected = source.selected.clone();
        let elsewhere = Elsewhere::new(&holds);
        let input = snapshot.input(&source.snippets, source.offset, source.trigger, selected, elsewhere);
        let budget = ParseBudget { time: Some(CHECK_BUDGET), cancelled: &|| false };
        let finished = finish(&source.plan, &input, &source.completion, &generation, &budget);
        let suggestion =
            finished.result.ok().filter(|suggestion| !hidden_secrets::writes_secret(&input, suggestion));
        let suggestion =
            suggestion.map(|suggestion| Suggestion { is_remote: source.is_remote, ..suggestion });
        PartialOutcome { source, suggestion }
    }
}

/// The model has written something for a request that is due.
pub(crate) fn written(session: &mut Session, written: Written) {
    if session.requests.peek(written.source.serial).is_none() {
        return;
    }
    let events = session.events.clone();
    session.partials.spawn(move || events.send(Event::PartlyComputed(Box::new(written.finish()))));
}

/// The filters have run: answers the request, and leaves its job to the requests that come.
pub(crate) fn computed(session: &mut Session, outcome: PartialOutcome) {
    let PartialOutcome { source, suggestion } = outcome;
    let Some(suggestion) = suggestion else { return };
    let Some(pending) = session.requests.peek(source.serial) else { return };
    let Some(document) = session.documents.by_id(pending.place.document) else { return };
    if document.revision != pending.place.revision {
        return;
    }
    let text = document.text().clone();
    let left = match &source.selected {
        Some(_) => Some(suggestion),
        None => left_of(&source.snapshot.text, source.offset, &suggestion, &text, pending.place.offset),
    };
    let Some(left) = left else { return };
    let Some(pending) = session.requests.take(source.serial) else { return };
    let Pending { id, reply, received, place, trace, cancel, running, .. } = pending;
    let mut arrived = Arrived { id, reply, trace, received };
    arrived.trace.path = AnswerPath::Partial;
    arrived.trace.confidence = Some(left.confidence);
    arrived.trace.remote = left.is_remote;
    if let Some(running) = running {
        running.progress.set_due(None);
        session.ahead.keep(source.serial, place.document, cancel, running);
    }
    answers::shown_partly(session, arrived, &place, &text, &left);
}

/// What is left of a suggestion where a part of it was typed meanwhile.
fn left_of(
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

/// A job whose request was answered early is done: an editor that asks again for the rest is asked to.
pub(crate) fn completed(
    session: &Session,
    snapshot: &DocumentSnapshot,
    offset: usize,
    suggestion: &Suggestion,
) {
    let Some(shown) = session.last_shown.as_ref().filter(|shown| shown.document == snapshot.document) else {
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
    let left = is_wanted.then(|| left_of(&snapshot.text, offset, suggestion, document.text(), shown.offset));
    if left.flatten().is_some_and(|left| shown.is_worse_than(&left)) {
        session.outgoing.send(Message::Refresh { uri: uri.to_owned(), version: document.version() });
    }
}
