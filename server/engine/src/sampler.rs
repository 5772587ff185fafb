//! Choosing the next token from logits. Invariant: a token that the tokenizer does not know is never chosen; equal logits,
//! options and seeds give equal tokens on every machine; ties go to the lower id.

use fimble_model::{Sampling, TokenId};

use crate::random::SplitMix64;

/// Which tokens may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Allowed<'a> {
    /// Those marked, by id. Ids beyond the end are not.
    Marked(&'a [bool]),
    /// Just these, in ascending order.
    Only(&'a [TokenId]),
}

impl Allowed<'_> {
    /// Whether a token may be chosen.
    pub(crate) fn contains(&self, id: TokenId) -> bool {
        match self {
            Self::Marked(marks) => marks.get(id as usize).copied().unwrap_or(false),
            Self::Only(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

/// Chooses tokens for one generation.
pub(crate) struct Sampler {
    sampling: Sampling,
    random: SplitMix64,
}

impl Sampler {
    /// A sampler that begins at the options' seed. A temperature that is not above 0 means the most likely token.
    pub(crate) fn new(sampling: &Sampling) -> Self {
        let seed = if let Sampling::Random { seed, .. } = sampling { *seed } else { 0 };
        let is_greedy = matches!(sampling, Sampling::Random { temperature, .. } if temperature.is_nan() || *temperature <= 0.0);
        let sampling = if is_greedy { Sampling::Greedy } else { sampling.clone() };
        Self { sampling, random: SplitMix64::new(seed) }
    }

    /// Whether equal logits always give equal tokens.
    pub(crate) fn is_greedy(&self) -> bool {
        self.sampling == Sampling::Greedy
    }

    /// The next token; none if no allowed token has a finite logit.
    pub(crate) fn choose(&mut self, logits: &[f32], allowed: Allowed<'_>) -> Option<TokenId> {
        match self.sampling {
            Sampling::Greedy => most_likely(logits, allowed),
            Sampling::Random { temperature, top_k, top_p, .. } => {
                let mut candidates = candidates(logits, allowed);
                keep_top_k(&mut candidates, top_k);
                weigh(&mut candidates, temperature);
                keep_top_p(&mut candidates, top_p);
                self.draw(&candidates)
            }
        }
    }

    /// Draws by weight.
    fn draw(&mut self, weighted: &[(f32, TokenId)]) -> Option<TokenId> {
        let total: f64 = weighted.iter().map(|(weight, _)| f64::from(*weight)).sum();
        let mut left = self.random.next_unit() * total;
        for (weight, id) in weighted {
            left -= f64::from(*weight);
            if left < 0.0 {
                return Some(*id);
            }
        }
        weighted.last().map(|(_, id)| *id)
    }
}

/// The likeliest token that is allowed; none if no number is usable.
pub(crate) fn most_likely(logits: &[f32], allowed: Allowed<'_>) -> Option<TokenId> {
    let mut best: Option<(f32, TokenId)> = None;
    let mut offer = |logit: f32, id: TokenId| {
        if logit.is_finite() && best.is_none_or(|(highest, _)| logit > highest) {
            best = Some((logit, id));
        }
    };
    match allowed {
        Allowed::Marked(marks) => {
            for ((logit, marked), id) in logits.iter().zip(marks).zip(0..) {
                if *marked {
                    offer(*logit, id);
                }
            }
        }
        Allowed::Only(ids) => {
            for id in ids {
                if let Some(logit) = logits.get(*id as usize) {
                    offer(*logit, *id);
                }
            }
        }
    }
    best.map(|(_, id)| id)
}

/// The allowed tokens with finite logits, in ascending order of ids.
fn candidates(logits: &[f32], allowed: Allowed<'_>) -> Vec<(f32, TokenId)> {
    let all: Vec<(f32, TokenId)> = match allowed {
        Allowed::Marked(marks) => {
            let marked = logits.iter().zip(marks).zip(0..).filter(|((_, marked), _)| **marked);
            marked.map(|((logit, _), id)| (*logit, id)).collect()
        }
        Allowed::Only(ids) => ids.iter().filter_map(|id| Some((*logits.get(*id as usize)?, *id))).collect(),
    };
    all.into_iter().filter(|(logit, _)| logit.is_finite()).collect()
}

/// The likeliest tokens that are allowed with their logits, the likeliest first.
pub(crate) fn likeliest(logits: &[f32], allowed: Allowed<'_>, n_wanted: usize) -> Vec<(f32, TokenId)> {
    if n_wanted == 0 {
        return Vec::new();
    }
    let mut candidates = candidates(logits, allowed);
    keep_top_k(&mut candidates, Some(n_wanted));
    candidates.sort_unstable_by(by_rank);
    candidates
}

/// Highest first, and the lower id first among equals.
fn by_rank(left: &(f32, TokenId), right: &(f32, TokenId)) -> std::cmp::Ordering {
    right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
}

fn keep_top_k(candidates: &mut Vec<(f32, TokenId)>, top_k: Option<usize>) {
    if let Some(k) = top_k.map(|k| k.max(1)).filter(|k| *k < candidates.len()) {
        candidates.select_nth_unstable_by(k - 1, by_rank);
        candidates.truncate(k);
        // The order of the rest depends on the selection's inner workings, and the draw on the order.
        candidates.sort_unstable_by(by_rank);
    }
}

/// Turns logits into weights in proportion to the probabilities at a temperature.
fn weigh(candidates: &mut [(f32, TokenId)], temperature: f32) {
    let largest = candidates.iter().map(|(logit, _)| *logit).fold(f32::NEG_INFINITY, f32::max);
    for (logit, _) in candidates {
        *logit = ((*logit - largest) / temperature).exp();
    }
}

fn keep_top_p(candidates: &mut Vec<(f32, TokenId)>, top_p: Option<f32>) {
    let Some(top_p) = top_p.filter(|top_p| *top_p < 1.0) else { return };
    candidates.sort_unstable_by(by_rank);
    let total: f32 = candidates.iter().map(|(weight, _)| weight).sum();
    let mut sum = 0.0;
    let mut n_kept = 0;
    for (weight, _) in candidates.iter() {
        n_kept += 1;
        sum += weight;
        if sum >= top_p * total {
            break;
        }
    }
    candidates.truncate(n_kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: [bool; 5] = [true, true, true, false, true];

    fn random(top_k: Option<usize>, top_p: Option<f32>, seed: u64) -> Sampling {
        Sampling::Random { temperature: 1.0, top_k, top_p, seed }
    }

    fn draws(sampling: &Sampling, logits: &[f32]) -> Vec<TokenId> {
        let mut sampler = Sampler::new(sampling);
        (0..400).map(|_| sampler.choose(logits, Allowed::Marked(&MARKS)).unwrap()).collect()
    }

    #[test]
    fn greedy_takes_the_highest_allowed_and_the_lower_id_among_equals() {
        for (logits, expected) in [
            ([0.0, 3.0, 1.0, 9.0, 2.0], Some(1)),
            ([5.0, 5.0, 5.0, 5.0, 5.0], Some(0)),
            ([f32::NAN, f32::NEG_INFINITY, -1.0, 9.0, -2.0], Some(2)),
            ([f32::NAN; 5], None),
        ] {
            assert_eq!(Sampler::new(&Sampling::Greedy).choose(&logits, Allowed::Marked(&MARKS)), expected);
        }
        let only =
            Sampler::new(&Sampling::Greedy).choose(&[0.0, 3.0, 1.0, 9.0, 2.0], Allowed::Only(&[0, 4, 77]));
        assert_eq!(only, Some(4));
    }

    #[test]
    fn the_likeliest_are_in_order_and_allowed() {
        let logits = [1.0, 3.0, 3.0, 9.0, f32::NAN];
        for (n_wanted, expected) in
            [(0, vec![]), (1, vec![1]), (2, vec![1, 2]), (3, vec![1, 2, 0]), (9, vec![1, 2, 0])]
        {
            let found = likeliest(&logits, Allowed::Marked(&MARKS), n_wanted);
            assert_eq!(found.iter().map(|(_, id)| *id).collect::<Vec<_>>(), expected, "{n_wanted}");
        }
    }

    #[test]
    fn filters_leave_only_the_most_likely() {
        let logits = [3.0, 2.0, 1.0, 9.0, -5.0];
        for (sampling, allowed) in [
            (random(Some(1), None, 1), vec![0]),
            (random(Some(2), None, 1), vec![0, 1]),
            (random(None, Some(0.1), 1), vec![0]),
            (random(None, Some(0.9), 1), vec![0, 1]),
            (random(Some(0), Some(1.0), 1), vec![0]),
        ] {
            let mut seen = draws(&sampling, &logits);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, allowed, "{sampling:?}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_tokens_in_the_right_proportion() {
        let logits = [1.0, 0.0, 0.0, 50.0, f32::NEG_INFINITY];
        assert_eq!(draws(&random(None, None, 7), &logits), draws(&random(None, None, 7), &logits));
        assert_ne!(draws(&random(None, None, 7), &logits), draws(&random(None, None, 8), &logits));
        let first = draws(&random(None, None, 7), &logits).iter().filter(|id| **id == 0).count();
        // e / (e + 2) = 0.576 of 400 is 230, with a standard deviation of 10.
        assert!((190..270).contains(&first), "{first}");
    }

    #[test]
    fn no_temperature_means_greedy() {
        for temperature in [0.0, -1.0, f32::NAN] {
            let sampling = Sampling::Random { temperature, top_k: None, top_p: None, seed: 3 };
            assert_eq!(draws(&sampling, &[0.0, 1.0, 0.9, 0.0, 0.8]), vec![1; 400]);
        }
    }
}
