//! The confidence of a draft, and its longest beginning that is likely enough to be shown. Invariant: the kept text is as likely
//! as required, by the calibration of its model; a beginning ends between words or with a whole line.

use fimble_model::{Calibration, Generation};

use crate::beginning;
use crate::post_process::{self, Draft};
use crate::surroundings::Surroundings;

/// A part of a draft that could be shown.
pub(crate) struct Candidate {
    pub(crate) draft: Draft,
    /// The probability that the model gives it, for each of its lines.
    pub(crate) of_model: f32,
}

/// Cuts a draft that is not likely enough to its longest beginning that is. Returns how likely what is left is, and whether
/// something was cut.
///
/// # Errors
/// The confidence of the whole draft, if no beginning is likely enough.
pub(crate) fn keep_likely(
    draft: &mut Draft,
    generation: &Generation,
    surroundings: &Surroundings,
    calibration: &Calibration,
    least: f32,
) -> Result<(f32, bool), f32> {
    let whole = calibration.probability(generation.confidence(draft.raw.end));
    if whole >= least {
        return Ok((whole, false));
    }
    for candidate in beginnings(draft, generation, surroundings) {
        let probability = calibration.probability(candidate.of_model);
        if probability >= least {
            *draft = candidate.draft;
            return Ok((probability, true));
        }
    }
    Err(whole)
}

/// The beginnings of a draft, the longest first: whole lines, then whole words of the first line.
pub(crate) fn beginnings(
    draft: &Draft,
    generation: &Generation,
    surroundings: &Surroundings,
) -> Vec<Candidate> {
    let n_lines = draft.text.trim_end().split('\n').count();
    let mut found = Vec::new();
    for n_kept in (1..n_lines).rev() {
        let mut lines = draft.clone();
        lines.keep_lines(n_kept);
        found.push(Candidate { of_model: generation.confidence(lines.raw.end), draft: lines });
    }
    for (end, of_model) in beginning::word_ends(generation, draft.raw.start).into_iter().rev() {
        let mut words = draft.clone();
        if beginning::keep(&mut words, generation, end) {
            found.push(Candidate { draft: words, of_model });
        }
    }
    for candidate in &mut found {
        post_process::rebalance(&mut candidate.draft, surroundings);
    }
    found.retain(|candidate| beginning::is_enough(&candidate.draft.text, &surroundings.typed));
    found
}
