//! The mixture weight of a document, learned from its own lines. Invariant: without evidence it is that of the prior; a document that
//! repeats the index gets a larger one than a document that does not.
//!
//! New code repeats little, the tenth handler of a kind repeats much, and no fixed weight fits both. Each chunk of an open document is
//! looked up before it is added: what the index predicted for its tokens is the evidence. The weight is a logistic function, and what
//! is learned is its intercept: the one under which the evidence is most likely.

use crate::prediction::NgramPrediction;
use crate::vocabulary::TokenId;

/// Tokens of a chunk that are looked up: some microseconds each.
pub(crate) const MOST_IN_CHUNK: usize = 16;
/// Chunks on each side of the cursor whose evidence counts: a bound on the work for one generation.
pub(crate) const CHUNKS_AROUND: usize = 16;
/// Coefficient of the highest probability that the model gives to a token.
const MODEL_COEFFICIENT: f32 = -1.8;
/// Bonus where the token must begin with what was typed, so that fewer tokens are possible.
const FORCED_BONUS: f32 = 1.0;
/// Assumed probabilities under the model of the true token and of the likeliest one. Evidence is collected without the model.
const MODEL_TRUE: f32 = 0.2;
const MODEL_MOST: f32 = 0.4;
/// Weight of one piece of evidence: the tokens of one line are not independent.
const EVIDENCE_WEIGHT: f32 = 0.35;
/// A share of 0 would make every weight but 0 impossible.
const SMALLEST_SHARE: f32 = 1e-3;
/// Newton steps towards the likeliest intercept, and the longest of them.
const N_STEPS: usize = 8;
const LONGEST_STEP: f32 = 1.0;

/// A normal distribution of intercepts.
struct Prior {
    mean: f32,
    deviation: f32,
}

// These constants and those of `prediction` lie between two fits: to random places of five packages (caddy, httpx, leveldb,
// petgraph, zod), which shows most that is wrong in small projects, and to these, to 67 groups of one to four of their files, and to
// what is typed in the recorded sessions alike, which finds least in large ones. They were chosen among five candidates by what is
// shown and right in the sessions, in fixtures/eval and in eight of the twelve held-out packages; the other four were looked at
// afterwards. Neither fit improved with the probability of the prediction's favourite under the model, with how often that was
// found, or with the size of the project.

/// Prior for matches in the document itself: small, because a document that was just created repeats nothing.
const THIS: Prior = Prior { mean: -4.1, deviation: 1.5 };
/// Prior for matches elsewhere in the project: some files are the tenth of their kind, others the first.
const ELSEWHERE: Prior = Prior { mean: -2.9, deviation: 2.0 };

/// The prediction of the index for one token of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evidence {
    /// Whether a match was in the document itself.
    in_this: bool,
    /// [`NgramPrediction::strength`].
    strength: f32,
    /// The share of the token.
    share: f32,
}

impl Evidence {
    /// The evidence of a prediction, where this token stands.
    pub(crate) fn of(prediction: &NgramPrediction, token: TokenId) -> Self {
        let share = prediction.share(token).max(SMALLEST_SHARE);
        Self { in_this: prediction.in_this(), strength: prediction.strength(), share }
    }
}

/// How much an n-gram prediction counts beside the model: the intercepts of the logit of its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MixtureWeight {
    /// With a match in the document that is written in.
    pub(crate) this: f32,
    /// Without one.
    elsewhere: f32,
}

impl MixtureWeight {
    /// The intercepts under which the evidence is most likely.
    pub(crate) fn learned(evidence: &[Evidence]) -> Self {
        let of = |in_this: bool| evidence.iter().filter(move |evidence| evidence.in_this == in_this);
        Self { this: most_likely(&THIS, of(true)), elsewhere: most_likely(&ELSEWHERE, of(false)) }
    }

    /// The weight of a prediction, from 0 to 1, where the likeliest token has the probability `model_most` under the model.
    /// `is_forced` says that only tokens which begin with typed text are possible.
    pub(crate) fn of(self, prediction: &NgramPrediction, model_most: f32, is_forced: bool) -> f32 {
        let intercept = if prediction.in_this() { self.this } else { self.elsewhere };
        let bonus = if is_forced { FORCED_BONUS } else { 0.0 };
        logistic(intercept + prediction.strength() + MODEL_COEFFICIENT * model_most + bonus)
    }
}

fn logistic(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

/// Climbs to the maximum of the log-likelihood. Where its curvature is not that of a maximum, the squares of the slopes are used
/// instead (Fisher scoring).
fn most_likely<'a>(prior: &Prior, evidence: impl Iterator<Item = &'a Evidence> + Clone) -> f32 {
    let sharpness = (prior.deviation * prior.deviation).recip();
    let mut intercept = prior.mean;
    for _ in 0..N_STEPS {
        let (mut slope, mut curve) = ((prior.mean - intercept) * sharpness, sharpness);
        for one in evidence.clone() {
            let weight = logistic(intercept + one.strength + MODEL_COEFFICIENT * MODEL_MOST);
            let mixed = (1.0 - weight) * MODEL_TRUE + weight * one.share;
            let slope_of_one = (one.share - MODEL_TRUE) * weight * (1.0 - weight) / mixed;
            slope += EVIDENCE_WEIGHT * slope_of_one;
            curve += EVIDENCE_WEIGHT
                * (slope_of_one * slope_of_one).max(slope_of_one * (slope_of_one + 2.0 * weight - 1.0));
        }
        intercept += (slope / curve).clamp(-LONGEST_STEP, LONGEST_STEP);
    }
    intercept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(share: f32, n: usize) -> Vec<Evidence> {
        vec![Evidence { in_this: true, strength: 3.0, share }; n]
    }

    #[test]
    fn repetition_raises_the_weight() {
        let nothing = MixtureWeight::learned(&[]);
        assert_eq!(nothing, MixtureWeight { this: THIS.mean, elsewhere: ELSEWHERE.mean });
        let repeats = MixtureWeight::learned(&evidence(0.9, 40));
        let differs = MixtureWeight::learned(&evidence(SMALLEST_SHARE, 40));
        assert!(repeats.this > nothing.this + 1.0 && differs.this < nothing.this);
        assert_eq!(repeats.elsewhere, nothing.elsewhere);
        let more = MixtureWeight::learned(&evidence(0.9, 80));
        assert!(more.this > repeats.this, "{more:?} {repeats:?}");
    }

    proptest! {
        /// The steps end where the likelihood is highest, near enough, whatever the evidence.
        #[test]
        fn no_intercept_nearby_is_much_likelier(
            shares in prop::collection::vec((0.0_f32..6.0, SMALLEST_SHARE..1.0), 0..200),
            aside in -1.0_f32..1.0,
        ) {
            let all: Vec<_> = shares
                .iter()
                .map(|(strength, share)| Evidence { in_this: true, strength: *strength, share: *share })
                .collect();
            let likelihood = |intercept: f32| {
                let prior = -((intercept - THIS.mean) / THIS.deviation).powi(2) / 2.0;
                let of_one = |one: &Evidence| {
                    let weight = logistic(intercept + one.strength + MODEL_COEFFICIENT * MODEL_MOST);
                    ((1.0 - weight) * MODEL_TRUE + weight * one.share).ln()
                };
                prior + EVIDENCE_WEIGHT * all.iter().map(of_one).sum::<f32>()
            };
            let intercept = MixtureWeight::learned(&all).this;
            prop_assert!(intercept.is_finite());
            prop_assert!(likelihood(intercept + aside) < likelihood(intercept) + 0.5, "{intercept} {aside}");
        }
    }
}
