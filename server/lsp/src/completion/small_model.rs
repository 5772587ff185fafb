//! Answers of a small model where the large one has written nothing in time. Invariant: a request is answered once, by whichever
//! model is first; the large model's job continues; the small model answers only automatic requests, and only with what its own
//! calibration finds likely enough.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_completion::Trigger;

use crate::completion::answer::{self, Arrived};
use crate::completion::job::{JobOutcome, Purpose};
use crate::completion::new_job::JobParts;
use crate::completion::place::Place;
use crate::completion::progress::JobProgress;
use crate::completion::work;
use crate::session::Session;
use crate::trace::AnswerPath;

/// The part of the time budget after which the small model is asked: it takes some milliseconds, and what the large one has
/// written is answered at 60 % of the budget.
const SHARE: f64 = 0.35;

impl Session {
    /// When the small model is to be asked about a place.
    pub(crate) fn small_model_at(&self, place: &Place) -> Option<Instant> {
        let may_answer = place.trigger == Trigger::Automatic && place.selected.is_none();
        let budget = Duration::from_millis(self.settings.budget_ms as u64);
        let small = self.models.completion.small();
        small.filter(|_| may_answer).map(|_| Instant::now() + budget.mul_f64(SHARE))
    }

    /// Asks the small model about the requests that are due. Returns when the next one is. To be called when no event waits.
    pub(crate) fn ask_small_model(&mut self) -> Option<Instant> {
        let (due, next) = self.completion.jobs.due_for_small_model(Instant::now());
        for serial in due {
            self.start_small(serial);
        }
        next
    }

    fn start_small(&mut self, serial: u64) {
        let (Some(model), Some((job, waiter))) =
            (self.models.completion.small().cloned(), self.completion.jobs.waiting(serial))
        else {
            return;
        };
        if !job.has_no_text() {
            return;
        }
        let (place, cancel, trace) = (waiter.place.clone(), job.cancel.clone(), waiter.trace.clone());
        let max_file_bytes = self.settings.completion.max_file_bytes;
        let document = self.documents.by_id_mut(place.document);
        let Some(document) = document.filter(|document| document.revision == place.revision) else { return };
        let parts = JobParts {
            serial,
            purpose: Purpose::Small,
            model,
            snapshot: document.snapshot(max_file_bytes),
            update: None,
            offset: place.offset,
            trigger: place.trigger,
            selected: None,
            cancel,
            progress: Arc::<JobProgress>::default(),
            trace,
        };
        let job = self.new_job(parts);
        self.completion.small_worker.spawn(move || work::run(job));
    }
}

/// The small model has answered. So is the request, if the large one has written nothing yet.
pub(crate) fn answer(session: &mut Session, outcome: JobOutcome) {
    let JobOutcome { serial, snapshot, offset, settings_key, trace, result, .. } = outcome;
    let Ok(suggestion) = result else { return };
    let is_wanted = session.completion.jobs.waiting(serial).is_some_and(|(job, waiter)| {
        job.has_no_text() && (waiter.place.revision, waiter.place.offset) == (snapshot.revision, offset)
    });
    let document = session.documents.by_id(snapshot.document);
    if !is_wanted || document.is_none_or(|document| document.revision != snapshot.revision) {
        return;
    }
    let Some(waiter) = session.completion.answer_early(serial) else { return };
    let place = waiter.place.clone();
    // What is typed along with it needs no model, until the large one has written something else.
    let key = session.suggestions_key(settings_key, place.document, &snapshot.text, offset);
    session.completion.cache.insert(place.document, &snapshot.text, offset, key, &suggestion);
    let mut arrived = Arrived::from(waiter);
    arrived.trace.take_work(trace);
    arrived.trace.path = AnswerPath::SmallModel;
    answer::shown_partly(session, arrived, &place, &snapshot.text, &suggestion);
}
