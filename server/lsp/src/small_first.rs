//! Answers of a small model where the large one has written nothing in time. Invariant: a request is answered once, by whichever
//! model is first; the large model's work goes on; the small model answers only what is automatic, and only what its own
//! calibration finds likely enough.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_completion::Trigger;

use crate::answers::{self, Arrived};
use crate::completion_job::{self, CompletionJob, JobOutcome, Purpose};
use crate::partial::JobProgress;
use crate::requests::Pending;
use crate::session::Session;
use crate::suggest::Place;
use crate::trace::AnswerPath;
use crate::workers::Workers;

/// The part of the time budget after which the small model is asked: it takes some milliseconds, and what the large one has
/// written is answered at 60 % of the budget.
const SHARE: f64 = 0.35;

/// The thread on which the small model is asked.
pub(crate) fn workers() -> Workers {
    Workers::new("fimble-small", 1)
}

impl Session {
    /// When the small model is to be asked about a place.
    pub(crate) fn small_model_at(&self, place: &Place) -> Option<Instant> {
        let may_answer = place.trigger == Trigger::Automatic && place.selected.is_none();
        let budget = Duration::from_millis(self.settings.budget_ms as u64);
        self.model.small().filter(|_| may_answer).map(|_| Instant::now() + budget.mul_f64(SHARE))
    }

    /// Asks the small model about the requests for which it is time. Returns when to look again. To be called when no event
    /// waits.
    pub(crate) fn ask_small_model(&mut self) -> Option<Instant> {
        let (due, next) = self.requests.due_for_small_model(Instant::now());
        for serial in due {
            self.start_small(serial);
        }
        next
    }

    fn start_small(&mut self, serial: u64) {
        let (Some(model), Some(pending)) = (self.model.small().cloned(), self.requests.peek(serial)) else {
            return;
        };
        let place = pending.place.clone();
        let (cancel, trace) = (pending.cancel.clone(), pending.trace.clone());
        if !pending.has_no_text() {
            return;
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        let document = self.documents.by_id_mut(place.document);
        let Some(document) = document.filter(|document| document.revision == place.revision) else { return };
        let job = CompletionJob {
            serial,
            purpose: Purpose::Small,
            snapshot: document.snapshot(max_file_bytes),
            telling: None,
            offset: place.offset,
            trigger: place.trigger,
            selected: None,
            settings: Arc::clone(&self.settings),
            settings_key: self.settings_key,
            workspace: self.snippet_source(),
            model,
            cancel,
            progress: Arc::<JobProgress>::default(),
            events: self.events.clone(),
            trace,
            queued: Instant::now(),
        };
        self.small_workers.spawn(move || completion_job::run(job));
    }
}

/// The small model has answered: so is the request, if the large one has written nothing yet.
pub(crate) fn computed(session: &mut Session, outcome: JobOutcome) {
    let JobOutcome { serial, snapshot, offset, settings_key, trace, result, .. } = outcome;
    let Ok(suggestion) = result else { return };
    let is_wanted = session.requests.peek(serial).is_some_and(|pending| {
        pending.has_no_text() && (pending.place.revision, pending.place.offset) == (snapshot.revision, offset)
    });
    let document = session.documents.by_id(snapshot.document);
    if !is_wanted || document.is_none_or(|document| document.revision != snapshot.revision) {
        return;
    }
    let Some(pending) = session.requests.take(serial) else { return };
    let Pending { id, reply, received, place, trace: own_trace, cancel, running, .. } = pending;
    // What is typed along with it needs no model, until the large one has written something else.
    let key = session.suggestions_key(settings_key, place.document, &snapshot.text, offset);
    session.suggestions.insert(place.document, &snapshot.text, offset, key, &suggestion);
    let mut arrived = Arrived { id, reply, trace: own_trace, received };
    arrived.trace.take_work(trace);
    arrived.trace.path = AnswerPath::SmallModel;
    if let Some(running) = running {
        running.progress.set_due(None);
        session.ahead.keep(serial, place.document, cancel, running);
    }
    answers::shown_partly(session, arrived, &place, &snapshot.text, &suggestion);
}
