//! What fits the time budget. Invariant: it changes between two lines only, never while one is being typed; what is computed for a
//! request is computed with the budget of its start.

use fimble_model::Speeds;

use crate::settings::Settings;

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

/// The line that the budget was set for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetedLine {
    pub(crate) document: u64,
    pub(crate) line: usize,
}

/// Whether the longest prompt is known to be read within the time that a suggestion may take.
pub(crate) fn reads_within_budget(speeds: Speeds, settings: &Settings) -> bool {
    let n_tokens = settings.completion.token_budget.prompt_tokens;
    #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
    let fits = |speed: f64| n_tokens as f64 * 1000.0 <= speed * settings.budget_ms as f64;
    speeds.prefill.is_some_and(fits)
}
