//! The state of completion: jobs, speculation, cached suggestions, and the suggestion on the screen. Invariant: stopping speculative
//! work leaves nothing that would keep it from being tried again.

use std::sync::Arc;
use std::time::Duration;

use fimble_completion::SuggestionCache;
use fimble_model::Speeds;

use crate::completion::job::Reporters;
use crate::completion::registry::{JobRegistry, Waiter};
use crate::completion::shown::ShownSuggestion;
use crate::completion::speculation::Speculation;
use crate::completion::token_budget::BudgetedLine;
use crate::settings::Settings;
use crate::workers::Workers;

/// Completions that are computed at once. The model does one at a time; the others parse and plan meanwhile, or find out
/// that they were cancelled.
const MAX_COMPLETION_THREADS: usize = 3;
/// Suggestions that are kept for one document.
const SUGGESTIONS_PER_DOCUMENT: usize = 16;
/// Suggestions that are kept, over all documents.
const SUGGESTIONS: usize = 256;

/// The state of completion.
pub(crate) struct CompletionState {
    pub(crate) jobs: JobRegistry,
    pub(crate) speculation: Speculation,
    pub(crate) cache: SuggestionCache,
    pub(crate) last_shown: Option<ShownSuggestion>,
    /// Number of the request whose suggestion was accepted last; 0 if none was.
    last_accepted: u64,
    /// Stands for the settings and the model that suggestions are made with.
    pub(crate) settings_key: u64,
    /// The line that the token budget was set for.
    pub(crate) budgeted_line: Option<BudgetedLine>,
    /// Where jobs report.
    pub(crate) reporters: Reporters,
    /// Threads for requests.
    pub(crate) workers: Workers,
    /// The thread that asks the small model.
    pub(crate) small_worker: Workers,
    /// The thread for filters of suggestions that are still being written.
    pub(crate) filters: Workers,
    /// The thread for speculative work.
    pub(crate) speculator: Workers,
}

impl CompletionState {
    pub(crate) fn new(reporters: Reporters) -> Self {
        Self {
            jobs: JobRegistry::default(),
            speculation: Speculation::default(),
            cache: SuggestionCache::new(SUGGESTIONS_PER_DOCUMENT, SUGGESTIONS),
            last_shown: None,
            last_accepted: 0,
            settings_key: 0,
            budgeted_line: None,
            reporters,
            workers: Workers::new("fimble-complete", MAX_COMPLETION_THREADS),
            small_worker: Workers::new("fimble-small", 1),
            filters: Workers::new("fimble-partial", 1),
            speculator: Workers::new("fimble-ahead", 1),
        }
    }

    /// Stops the speculative job.
    pub(crate) fn stop_speculative(&mut self) {
        let stopped = self.jobs.stop_speculative();
        if stopped.is_some_and(|job| job.work.is_some_and(|work| work.target.is_some())) {
            self.speculation.set_last_target(None);
        }
    }

    /// A request needs the model: stops the speculative job and drops the plans.
    pub(crate) fn preempt_speculation(&mut self) {
        self.stop_speculative();
        self.speculation.drop_plans();
    }

    /// Speculation is not allowed: drops the plans and stops the speculative job, except one that writes the rest of a
    /// suggestion whose beginning was shown.
    pub(crate) fn suspend_speculation(&mut self) {
        if self.jobs.speculative().is_some_and(|job| !job.is_partly_shown) {
            self.stop_speculative();
        }
        self.speculation.drop_plans();
    }

    /// Takes the request that waits for a job, to be answered before the job ends. The job becomes the speculative one.
    pub(crate) fn answer_early(&mut self, serial: u64) -> Option<Waiter> {
        self.jobs.waiting(serial)?;
        self.preempt_speculation();
        self.jobs.answer_early(serial)
    }

    /// Whether the rest of what was shown in a document is being written.
    pub(crate) fn is_writing_rest(&self, document: u64) -> bool {
        self.jobs.speculative().is_some_and(|job| job.is_partly_shown && job.document == document)
    }

    /// Whether a suggestion counts as accepted for the first time. The client's command and the edit that it made both report
    /// the acceptance.
    pub(crate) fn is_first_acceptance(&mut self, id: u64) -> bool {
        let is_first = id != self.last_accepted;
        self.last_accepted = id;
        is_first
    }

    /// Sets what fits the time budget anew if another line than the last one is asked about.
    pub(crate) fn budget_line(&mut self, line: BudgetedLine, speeds: Speeds, settings: &mut Arc<Settings>) {
        let last = self.budgeted_line.replace(line);
        if last == Some(line) {
            return;
        }
        let is_cold = last.is_none_or(|last| last.document != line.document);
        let budget = Duration::from_millis(settings.budget_ms as u64);
        let current = settings.completion.token_budget;
        let next = current.next(budget, speeds, is_cold);
        if next != current {
            tracing::debug!(?next, "another amount of work fits the time budget");
            Arc::make_mut(settings).completion.token_budget = next;
            self.settings_key += 1;
        }
    }

    /// Settings or model are new: suggestions of the old ones are not shown any more.
    pub(crate) fn renew(&mut self) {
        self.settings_key += 1;
        self.budgeted_line = None;
        self.stop_speculative();
    }

    /// A document is gone.
    pub(crate) fn forget(&mut self, document: u64) {
        if self.jobs.speculative().is_some_and(|job| job.document == document) {
            self.stop_speculative();
        }
        self.speculation.forget(document);
        self.cache.forget(document);
        self.last_shown.take_if(|shown| shown.document == document);
    }
}
