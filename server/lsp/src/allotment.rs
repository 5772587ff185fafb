//! What fits the time budget, as the session keeps it. Must hold: it changes between two lines only, never while one is being
//! typed; whatever is computed for a request is computed with what held when the request began.

use std::sync::Arc;
use std::time::Duration;

use fimble_completion::Allotment;
use fimble_model::Speeds;

use crate::session::Session;

/// How fast a model is and how fast it should be, for people.
pub(crate) fn pace(speeds: Speeds, budget_ms: usize) -> String {
    let known = [("read", speeds.prefill), ("produced", speeds.decode)];
    let known = known.iter().filter_map(|(what, speed)| Some(format!("{:.0} tokens/s {what}", (*speed)?)));
    let known: Vec<String> = known.collect();
    match known.is_empty() {
        true => format!("{budget_ms} ms allowed, speed not yet known"),
        false => format!("{budget_ms} ms allowed at {}", known.join(" and ")),
    }
}

/// The line that the allotment was made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllottedFor {
    document: u64,
    line: usize,
}

impl Session {
    /// Allots anew if another line than the last one is asked about.
    pub(crate) fn allot(&mut self, document: u64, line: usize) {
        let now = AllottedFor { document, line };
        let last = self.allotted_for.replace(now);
        if last == Some(now) {
            return;
        }
        let Some(model) = self.model.current() else { return };
        let is_cold = last.is_none_or(|last| last.document != document);
        let budget = Duration::from_millis(self.settings.budget_ms as u64);
        let allotment = self.settings.completion.allotment;
        let next = allotment.next(budget, model.speeds(), is_cold);
        if next != allotment {
            tracing::debug!(?next, "another amount of work fits the time budget");
            self.set_allotment(next);
        }
    }

    /// Whether the longest prompt is known to be read within the time that a suggestion may take.
    pub(crate) fn reads_within_budget(&self) -> bool {
        let Some(model) = self.model.current() else { return false };
        let n_tokens = self.settings.completion.allotment.prompt_tokens;
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let fits = |speed: f64| n_tokens as f64 * 1000.0 <= speed * self.settings.budget_ms as f64;
        model.speeds().prefill.is_some_and(fits)
    }

    /// Another model: nothing is known of its speed.
    pub(crate) fn forget_allotment(&mut self) {
        self.allotted_for = None;
        self.set_allotment(Allotment::default());
    }

    fn set_allotment(&mut self, allotment: Allotment) {
        Arc::make_mut(&mut self.settings).completion.allotment = allotment;
        self.settings_key += 1;
    }
}
