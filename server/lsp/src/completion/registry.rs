//! The jobs under way and the requests that wait for them. Invariant: a request waits for one job at most and is answered once; of
//! each document and method at most one request waits; at most one job is speculative, which means that no request waits for it;
//! a job that is taken out of the registry is cancelled unless it has reported.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use fimble_completion::agrees;
use fimble_document::Text;
use fimble_model::CancelToken;
use tower_lsp_server::jsonrpc::Id;

use crate::completion::place::Place;
use crate::completion::progress::{Due, JobProgress};
use crate::event::Reply;
use crate::trace::{RequestTrace, TraceMethod};

/// A request that waits.
pub(crate) struct Waiter {
    pub(crate) id: Id,
    pub(crate) reply: Reply,
    /// What it is about.
    pub(crate) place: Place,
    /// When it was read.
    pub(crate) received: Instant,
    /// The trace so far.
    pub(crate) trace: RequestTrace,
    /// When the small model is to be asked as well.
    pub(crate) small_model_at: Option<Instant>,
}

/// What a job completes.
pub(crate) struct View {
    /// The text.
    pub(crate) text: Text,
    /// The cursor.
    pub(crate) offset: usize,
    /// Stands for the settings and the model.
    pub(crate) settings_key: u64,
    /// Whether a selected item of a menu is a part of the input.
    pub(crate) has_selected: bool,
}

/// What a job computes.
pub(crate) struct Work {
    /// What it completes; none if it only reads a prompt.
    pub(crate) view: Option<View>,
    /// What the model has written so far.
    pub(crate) progress: Arc<JobProgress>,
    /// The place behind a suggestion that it completes, if it looks ahead.
    pub(crate) target: Option<Target>,
}

/// A place behind a suggestion, as if that were accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) document: u64,
    pub(crate) settings_key: u64,
    /// The key of the place (`fimble_completion::place_key`).
    pub(crate) place: (u64, u64),
}

impl Work {
    /// Whether the expected suggestion answers this place as well: the same place, or one that is reached by typing what the
    /// model has written.
    fn agrees_with(&self, text: &Text, offset: usize, settings_key: u64) -> bool {
        self.view.as_ref().is_some_and(|view| {
            settings_key == view.settings_key
                && !view.has_selected
                && self.progress.with_text(|so_far| agrees(&view.text, view.offset, so_far, text, offset))
        })
    }
}

/// A job under way.
pub(crate) struct Job {
    pub(crate) document: u64,
    pub(crate) cancel: CancelToken,
    /// None while it waits for a model to be loaded.
    pub(crate) work: Option<Work>,
    /// None for a speculative job.
    pub(crate) waiter: Option<Waiter>,
    /// Whether it was started for another request than its waiter, or for none.
    pub(crate) is_reused: bool,
    /// Whether the beginning of its suggestion was shown.
    pub(crate) is_partly_shown: bool,
}

impl Job {
    /// Whether the model has written nothing yet.
    pub(crate) fn has_no_text(&self) -> bool {
        let is_blank = |text: &str| text.trim().is_empty();
        self.work.as_ref().is_some_and(|work| work.progress.with_text(is_blank))
    }

    fn waits(&self, document: u64, method: TraceMethod) -> bool {
        self.document == document && self.waiter.as_ref().is_some_and(|waiter| waiter.trace.method == method)
    }
}

/// All jobs under way.
#[derive(Default)]
pub(crate) struct JobRegistry {
    by_serial: HashMap<u64, Job>,
    n_serials: u64,
}

impl JobRegistry {
    /// A number that no other job reports under. (A client may use an id again once it was answered; a late report for the old
    /// request must not answer the new one.)
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.n_serials += 1;
        self.n_serials
    }

    /// Registers a job for a request and returns its serial. Without work it is parked: it waits for a model.
    pub(crate) fn register(&mut self, waiter: Waiter, cancel: CancelToken, work: Option<Work>) -> u64 {
        let serial = self.next_serial();
        let document = waiter.place.document;
        let job =
            Job { document, cancel, work, waiter: Some(waiter), is_reused: false, is_partly_shown: false };
        self.by_serial.insert(serial, job);
        serial
    }

    /// Registers a speculative job and returns its serial. The one before it is cancelled.
    pub(crate) fn register_speculative(&mut self, document: u64, cancel: CancelToken, work: Work) -> u64 {
        let _ = self.stop_speculative();
        let serial = self.next_serial();
        let job = Job {
            document,
            cancel,
            work: Some(work),
            waiter: None,
            is_reused: false,
            is_partly_shown: false,
        };
        self.by_serial.insert(serial, job);
        serial
    }

    /// Makes a request wait for a job that is under way; `due`: when it is to be answered with what is written. Returns the
    /// request that waited for the job before.
    pub(crate) fn attach(&mut self, serial: u64, waiter: Waiter, due: Due) -> Option<Waiter> {
        let job = self.by_serial.get_mut(&serial)?;
        job.is_reused = true;
        if let Some(work) = &job.work {
            work.progress.set_due(Some(due));
        }
        job.waiter.replace(waiter)
    }

    /// Takes the request that waits for a job, so that it can be answered before the job ends. The job becomes the speculative
    /// one, whose suggestion was shown in part; the speculative one before it is cancelled.
    pub(crate) fn answer_early(&mut self, serial: u64) -> Option<Waiter> {
        let _ = self.stop_speculative();
        let job = self.by_serial.get_mut(&serial)?;
        let waiter = job.waiter.take()?;
        job.is_partly_shown = true;
        if let Some(work) = &job.work {
            work.progress.set_due(None);
        }
        Some(waiter)
    }

    /// The job under way for a document and method whose suggestion is expected to answer this place.
    pub(crate) fn reusable(
        &self,
        method: TraceMethod,
        place: &Place,
        text: &Text,
        settings_key: u64,
    ) -> Option<u64> {
        if place.selected.is_some() {
            return None;
        }
        self.by_serial.iter().find_map(|(serial, job)| {
            let agrees =
                || job.work.as_ref().is_some_and(|work| work.agrees_with(text, place.offset, settings_key));
            (job.waits(place.document, method) && agrees()).then_some(*serial)
        })
    }

    /// The speculative job.
    pub(crate) fn speculative(&self) -> Option<&Job> {
        self.speculative_entry().map(|(_, job)| job)
    }

    fn speculative_entry(&self) -> Option<(u64, &Job)> {
        self.by_serial.iter().find(|(_, job)| job.waiter.is_none()).map(|(serial, job)| (*serial, job))
    }

    /// The speculative job, if its suggestion is expected to answer this place, with whether a part of that was shown.
    pub(crate) fn reusable_speculative(
        &self,
        document: u64,
        text: &Text,
        offset: usize,
        settings_key: u64,
    ) -> Option<(u64, bool)> {
        let (serial, job) = self.speculative_entry().filter(|(_, job)| job.document == document)?;
        let agrees = job.work.as_ref().is_some_and(|work| work.agrees_with(text, offset, settings_key));
        agrees.then_some((serial, job.is_partly_shown))
    }

    /// Cancels the speculative job and returns it.
    pub(crate) fn stop_speculative(&mut self) -> Option<Job> {
        let (serial, _) = self.speculative_entry()?;
        let job = self.by_serial.remove(&serial)?;
        job.cancel.cancel();
        Some(job)
    }

    /// The jobs for which the small model is to be asked now, and when the next one is due. Each is named once.
    pub(crate) fn due_for_small_model(&mut self, now: Instant) -> (Vec<u64>, Option<Instant>) {
        let (mut due, mut next) = (Vec::new(), None);
        for (serial, job) in &mut self.by_serial {
            let Some(waiter) = &mut job.waiter else { continue };
            match waiter.small_model_at {
                Some(at) if at <= now => {
                    waiter.small_model_at = None;
                    due.push(*serial);
                }
                Some(at) => next = Some(next.map_or(at, |next: Instant| next.min(at))),
                None => {}
            }
        }
        (due, next)
    }

    /// Whether a request with this id waits.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.by_serial.values().any(|job| job.waiter.as_ref().is_some_and(|waiter| waiter.id == *id))
    }

    /// A job, with the request that waits for it; none if that was answered meanwhile.
    pub(crate) fn waiting(&self, serial: u64) -> Option<(&Job, &Waiter)> {
        let job = self.by_serial.get(&serial)?;
        Some((job, job.waiter.as_ref()?))
    }

    /// Takes a job that has reported; none if it was cancelled meanwhile.
    pub(crate) fn finish(&mut self, serial: u64) -> Option<Job> {
        self.by_serial.remove(&serial)
    }

    /// Takes the request with this id and cancels its job.
    pub(crate) fn take_by_id(&mut self, id: &Id) -> Option<Waiter> {
        self.take_where(|_, waiter| waiter.id == *id).pop()
    }

    /// Takes the requests of a document and method and cancels their jobs, but for the job with this serial.
    pub(crate) fn take_superseded(
        &mut self,
        document: u64,
        method: TraceMethod,
        except: Option<u64>,
    ) -> Vec<Waiter> {
        let kept = except.and_then(|serial| self.by_serial.remove_entry(&serial));
        let taken = self.take_where(|job, waiter| job.document == document && waiter.trace.method == method);
        self.by_serial.extend(kept);
        taken
    }

    /// Takes all requests of a document and cancels their jobs.
    pub(crate) fn take_of_document(&mut self, document: u64) -> Vec<Waiter> {
        self.take_where(|job, _| job.document == document)
    }

    /// Takes the requests that wait for a model to be loaded, in the order in which they came.
    pub(crate) fn take_parked(&mut self) -> Vec<Waiter> {
        self.take_where(|job, _| job.work.is_none())
    }

    /// Takes all requests and cancels their jobs.
    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        self.take_where(|_, _| true)
    }

    fn take_where(&mut self, is_wanted: impl Fn(&Job, &Waiter) -> bool) -> Vec<Waiter> {
        let mut serials: Vec<u64> = self
            .by_serial
            .iter()
            .filter(|(_, job)| job.waiter.as_ref().is_some_and(|waiter| is_wanted(job, waiter)))
            .map(|(serial, _)| *serial)
            .collect();
        serials.sort_unstable();
        let jobs = serials.iter().filter_map(|serial| self.by_serial.remove(serial));
        jobs.filter_map(|job| {
            job.cancel.cancel();
            job.waiter
        })
        .collect()
    }

    /// How many requests wait.
    pub(crate) fn n_waiting(&self) -> usize {
        self.by_serial.values().filter(|job| job.waiter.is_some()).count()
    }
}
