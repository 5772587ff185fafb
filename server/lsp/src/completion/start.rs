//! Step 3 of a keystroke: the job of a request starts, or the request waits until a model is there. Invariant: a job is started for a
//! document that is open and a model that answers.

use std::sync::Arc;
use std::time::Duration;

use fimble_model::{CancelToken, Speeds};

use crate::completion::answer::{self, Arrived};
use crate::completion::job::Purpose;
use crate::completion::new_job::JobParts;
use crate::completion::place::Place;
use crate::completion::progress::{Due, JobProgress};
use crate::completion::registry::Waiter;
use crate::completion::token_budget::BudgetedLine;
use crate::completion::work;
use crate::models::state::ModelState;
use crate::session::Session;
use crate::trace::micros;

/// A request as one that waits.
fn waiter(session: &Session, arrived: Arrived, place: Place) -> Waiter {
    let Arrived { id, reply, trace, received } = arrived;
    let small_model_at = session.small_model_at(&place);
    Waiter { id, reply, place, received, trace, small_model_at }
}

/// When a request that arrived just now is to be answered with what is written. `is_written`: whether a part of the suggestion was
/// shown before.
fn due(session: &Session, place: &Place, is_written: bool) -> Due {
    let budget = Duration::from_millis(session.settings.budget_ms as u64);
    Due::of(place, budget, session.client.asks_again, is_written)
}

/// Keeps a request until a model is there.
pub(crate) fn park(session: &mut Session, arrived: Arrived, place: Place) {
    let waiter = Waiter { small_model_at: None, ..waiter(session, arrived, place) };
    session.completion.jobs.register(waiter, CancelToken::new(), None);
}

/// Resumes a parked request: a model answers now, or none will.
pub(crate) fn resume(session: &mut Session, parked: Waiter) {
    let place = parked.place.clone();
    let mut arrived = Arrived::from(parked);
    arrived.trace.times.queue = micros(arrived.received.elapsed());
    let is_current =
        session.documents.by_id(place.document).is_some_and(|document| document.revision == place.revision);
    match &session.models.completion {
        _ if !is_current => answer::changed(session, arrived),
        state if state.current().is_some() => start(session, arrived, place),
        ModelState::Failed(error, _) => {
            let sentence = format!("The model could not be loaded: {error}");
            answer::nothing(session, arrived, "no-model", sentence);
        }
        _ => park(session, arrived, place),
    }
}

/// Sets the token budget for the line of a place.
pub(crate) fn budget_line(session: &mut Session, document: u64, line: usize) {
    let speeds = session.models.current().map_or_else(Speeds::default, |model| model.speeds());
    session.completion.budget_line(BudgetedLine { document, line }, speeds, &mut session.settings);
}

/// Starts the job of a request. The document is open, and a model answers.
pub(crate) fn start(session: &mut Session, mut arrived: Arrived, place: Place) {
    arrived.trace.stand_in = session.models.stand_in_reason(&session.settings).unwrap_or_default();
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let update = session.first_update(place.document);
    let (Some(model), Some(document)) =
        (session.models.current().cloned(), session.documents.by_id_mut(place.document))
    else {
        return answer::changed(session, arrived);
    };
    let line = document.text().line_of(place.offset);
    let snapshot = document.snapshot(max_file_bytes);
    session.completion.preempt_speculation();
    budget_line(session, place.document, line);
    let (cancel, progress) = (CancelToken::new(), Arc::<JobProgress>::default());
    progress.set_due(Some(due(session, &place, false)));
    let trace = arrived.trace.clone();
    let Place { offset, trigger, selected, .. } = place.clone();
    let work = session.new_work(&snapshot, offset, selected.is_some(), &progress, None);
    let waiter = waiter(session, arrived, place);
    let serial = session.completion.jobs.register(waiter, cancel.clone(), Some(work));
    let parts = JobParts {
        serial,
        purpose: Purpose::Answer,
        model,
        snapshot,
        update,
        offset,
        trigger,
        selected,
        cancel,
        progress,
        trace,
    };
    let job = session.new_job(parts);
    session.counters.n_jobs_started += 1;
    session.completion.workers.spawn(move || work::run(job));
}

/// Makes a request wait for a job that is under way. Returns the request that waited for it before.
pub(crate) fn attach(
    session: &mut Session,
    arrived: Arrived,
    place: Place,
    serial: u64,
    is_partly_shown: bool,
) -> Option<Waiter> {
    let due = due(session, &place, is_partly_shown);
    let waiter = waiter(session, arrived, place);
    session.completion.jobs.attach(serial, waiter, due)
}
