//! Speculative work: reading a prompt before a request comes (warm-up), completing where a key was typed in the time that clients
//! wait before they ask, and completing the place behind a suggestion that was just shown, as if it were accepted (look-ahead).
//! Invariant: it starts only when no event and no request waits; at most one job of it runs; a request that needs the model stops it,
//! unless the job is what answers that request.

use std::sync::Arc;

use fimble_completion::{Suggestion, Trigger, place_key};
use fimble_document::Position;
use fimble_model::CancelToken;

use crate::completion::job::Purpose;
use crate::completion::new_job::JobParts;
use crate::completion::new_trace::new_trace;
use crate::completion::next_step::ineligible_reason;
use crate::completion::place::Ask;
use crate::completion::progress::JobProgress;
use crate::completion::registry::{Target, Work};
use crate::completion::speculation::Expected;
use crate::completion::start::budget_line;
use crate::completion::work;
use crate::documents::snapshot::DocumentSnapshot;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;
use crate::trace::TraceMethod;

impl Session {
    /// Starts speculative work. To be called when no event waits.
    pub(crate) fn speculate(&mut self) {
        let is_allowed = self.settings.enabled && self.settings.look_ahead != AutoAlwaysNever::Never;
        if !is_allowed {
            return self.completion.suspend_speculation();
        }
        if self.completion.jobs.n_waiting() > 0 || self.models.current().is_none() {
            return;
        }
        let is_idle = self.completion.jobs.speculative().is_none();
        if let Some((document, revision, suggestion)) = self.completion.speculation.take_shown() {
            self.look_ahead(document, revision, &suggestion);
        } else if let Some(expected) = self.completion.speculation.take_expected(is_idle) {
            self.prepare(expected);
        }
    }

    fn look_ahead(&mut self, id: u64, revision: u64, suggestion: &Suggestion) {
        let document = self.documents.by_id(id).filter(|document| document.revision == revision);
        let Some((snapshot, offset)) = document.and_then(|document| document.if_accepted(suggestion)) else {
            return;
        };
        let place = place_key(&snapshot.text, offset);
        let target = Target { document: id, settings_key: self.completion.settings_key, place };
        let speculative = self.completion.jobs.speculative();
        let running = speculative.and_then(|job| job.work.as_ref()?.target);
        if running == Some(target) || self.completion.speculation.last_target() == Some(target) {
            return;
        }
        self.completion.stop_speculative();
        self.completion.speculation.set_last_target(Some(target));
        self.start_speculative(snapshot, offset, Purpose::LookAhead, Some(target));
    }

    /// Completes a place where a key was typed, or reads the prompt of another one.
    fn prepare(&mut self, Expected { document: id, offset, is_typed }: Expected) {
        if !self.options.warm_up {
            return;
        }
        let Some(document) = self.documents.by_id(id) else { return };
        if ineligible_reason(self, document).is_some() {
            return;
        }
        let text = document.text().clone();
        let key = self.suggestions_key(self.completion.settings_key, id, &text, offset);
        // A request for a known place is answered without the model.
        if self.completion.cache.knows(id, &text, offset, key) {
            return;
        }
        let completes = is_typed && !self.completion.cache.is_dismissed(id, &text, offset);
        if completes {
            budget_line(self, id, text.line_of(offset));
        }
        // A running job is left alone where it leads to the same; else it is for a text that is outdated.
        if self.completion.jobs.speculative().is_some() {
            let key = self.completion.settings_key;
            let is_same = self.completion.jobs.reusable_speculative(id, &text, offset, key).is_some();
            if !completes || is_same {
                return;
            }
            self.completion.stop_speculative();
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        let Some(document) = self.documents.by_id_mut(id) else { return };
        let snapshot = document.snapshot(max_file_bytes);
        let purpose = if completes { Purpose::Typed } else { Purpose::WarmUp };
        self.start_speculative(snapshot, offset, purpose, None);
    }

    fn start_speculative(
        &mut self,
        snapshot: DocumentSnapshot,
        offset: usize,
        purpose: Purpose,
        target: Option<Target>,
    ) {
        let Some(model) = self.models.current().cloned() else { return };
        let (cancel, progress) = (CancelToken::new(), Arc::<JobProgress>::default());
        let ask = Ask {
            method: TraceMethod::InlineCompletion,
            uri: snapshot.path.clone(),
            position: Position { line: 0, character: 0 },
            trigger: Trigger::Automatic,
            selected: None,
        };
        let stand_in = self.models.stand_in_reason(&self.settings);
        let work = match purpose {
            Purpose::WarmUp => Work { view: None, progress: Arc::clone(&progress), target },
            _ => self.new_work(&snapshot, offset, false, &progress, target),
        };
        let jobs = &mut self.completion.jobs;
        let serial = jobs.register_speculative(snapshot.document, cancel.clone(), work);
        let job = self.new_job(JobParts {
            serial,
            purpose,
            model,
            snapshot,
            update: None,
            offset,
            trigger: ask.trigger,
            selected: None,
            cancel,
            progress,
            trace: new_trace(self.counters.n_requests, &ask, stand_in),
        });
        self.counters.n_jobs_started += 1;
        let on_battery =
            self.options.on_battery.clone().filter(|_| self.settings.look_ahead == AutoAlwaysNever::Auto);
        self.completion.speculator.spawn(move || {
            // The probe is asked here and not on the loop, because it may read files.
            if on_battery.is_some_and(|on_battery| on_battery()) {
                job.cancel.cancel();
            }
            work::run(job);
        });
    }
}
