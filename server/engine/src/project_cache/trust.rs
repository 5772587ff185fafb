//! How far a text repeats what is remembered, learned from its own lines. Must hold: a text that says nothing of it is
//! believed as the prior says; what repeats is believed more than what does not.
//!
//! Who writes something new repeats little, who writes the tenth handler of a kind repeats much, and no fixed weight fits both.
//! Each chunk of an open text is looked up before it is remembered: what was known by then about its tokens is the
//! evidence. The trust is the intercept of the mixture's weight under which the evidence is most likely.

use fimble_model::TokenId;

use super::mixture::{OF_MODEL, Said, logistic};

/// Tokens of a chunk that are looked up: some microseconds each.
pub(crate) const MOST_IN_CHUNK: usize = 16;
/// Chunks on each side of the cursor whose evidence counts: a bound on the work for one generation.
pub(crate) const CHUNKS_AROUND: usize = 16;
/// The probabilities that the model is taken to give to the true token and to its favourite, as it was not asked.
const MODEL_TRUE: f32 = 0.2;
const MODEL_MOST: f32 = 0.4;
/// What one piece of evidence counts: tokens of one line tell much the same.
const OF_EVIDENCE: f32 = 0.35;
/// A share of nothing would say that trust is impossible.
const SMALLEST_SHARE: f32 = 1e-3;
/// Steps towards the most likely trust, and the longest of them.
const N_STEPS: usize = 8;
const LONGEST_STEP: f32 = 1.0;

/// A normal distribution of trusts.
struct Prior {
    mean: f32,
    deviation: f32,
}

// Fitted with the weights of the mixture, see there.

/// Of what stands in the text itself: small, for a text that is just begun repeats nothing.
const THIS: Prior = Prior { mean: -4.1, deviation: 1.5 };
/// Of what stands elsewhere in the project: some files are the tenth of their kind, others the first.
const ELSEWHERE: Prior = Prior { mean: -2.9, deviation: 2.0 };

/// What the rest of a project said about one token of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evidence {
    /// Whether it stood in the text itself, among others.
    in_this: bool,
    /// How much it was worth believing, without the trust.
    strength: f32,
    /// The probability that it gave to the token.
    share: f32,
}

impl Evidence {
    /// What was said where this token stands.
    pub(crate) fn of(said: &Said, token: TokenId) -> Self {
        let share = said.share(token).max(SMALLEST_SHARE);
        Self { in_this: said.in_this, strength: said.strength(), share }
    }
}

/// How much the project is believed: intercepts of the mixture's weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trust {
    /// Where some place is in the text being written.
    pub(super) this: f32,
    /// Where none is.
    elsewhere: f32,
}

impl Trust {
    /// The trust that the evidence makes most likely.
    pub(crate) fn learned(evidence: &[Evidence]) -> Self {
        let of = |in_this: bool| evidence.iter().filter(move |evidence| evidence.in_this == in_this);
        Self { this: most_likely(&THIS, of(true)), elsewhere: most_likely(&ELSEWHERE, of(false)) }
    }

    /// The one that counts for what was said.
    pub(crate) fn of(self, said: &Said) -> f32 {
        if said.in_this { self.this } else { self.elsewhere }
    }
}

/// Climbs to the top of the logarithm of the likelihood. Where that is not curved as a top is, the squares of the slopes stand
/// in for the curvature (Fisher's scoring).
fn most_likely<'a>(prior: &Prior, evidence: impl Iterator<Item = &'a Evidence> + Clone) -> f32 {
    let sharpness = (prior.deviation * prior.deviation).recip();
    let mut trust = prior.mean;
    for _ in 0..N_STEPS {
        let (mut slope, mut curve) = ((prior.mean - trust) * sharpness, sharpness);
        for seen in evidence.clone() {
            let weight = logistic(trust + seen.strength + OF_MODEL * MODEL_MOST);
            let mixed = (1.0 - weight) * MODEL_TRUE + weight * seen.share;
            let one = (seen.share - MODEL_TRUE) * weight * (1.0 - weight) / mixed;
            slope += OF_EVIDENCE * one;
            curve += OF_EVIDENCE * (one * one).max(one * (one + 2.0 * weight - 1.0));
        }
        trust += (slope / curve).clamp(-LONGEST_STEP, LONGEST_STEP);
    }
    trust
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(share: f32, n: usize) -> Vec<Evidence> {
        vec![Evidence { in_this: true, strength: 3.0, share }; n]
    }

    #[test]
    fn what_repeats_is_believed_and_what_does_not_is_not() {
        let nothing = Trust::learned(&[]);
        assert_eq!(nothing, Trust { this: THIS.mean, elsewhere: ELSEWHERE.mean });
        let (repeats, differs) =
            (Trust::learned(&evidence(0.9, 40)), Trust::learned(&evidence(SMALLEST_SHARE, 40)));
        assert!(repeats.this > nothing.this + 1.0 && differs.this < nothing.this);
        assert_eq!(repeats.elsewhere, nothing.elsewhere);
        let more = Trust::learned(&evidence(0.9, 80));
        assert!(more.this > repeats.this, "{more:?} {repeats:?}");
    }

    proptest! {
        /// The steps end where the likelihood is highest, near enough, whatever the evidence.
        #[test]
        fn no_trust_nearby_is_much_likelier(
            shares in prop::collection::vec((0.0_f32..6.0, SMALLEST_SHARE..1.0), 0..200),
            aside in -1.0_f32..1.0,
        ) {
            let all: Vec<_> = shares
                .iter()
                .map(|(strength, share)| Evidence { in_this: true, strength: *strength, share: *share })
                .collect();
            let likelihood = |trust: f32| {
                let prior = -((trust - THIS.mean) / THIS.deviation).powi(2) / 2.0;
                let one = |seen: &Evidence| {
                    let weight = logistic(trust + seen.strength + OF_MODEL * MODEL_MOST);
                    ((1.0 - weight) * MODEL_TRUE + weight * seen.share).ln()
                };
                prior + OF_EVIDENCE * all.iter().map(one).sum::<f32>()
            };
            let trust = Trust::learned(&all).this;
            prop_assert!(trust.is_finite());
            prop_assert!(likelihood(trust + aside) < likelihood(trust) + 0.5, "{trust} {aside}");
        }
    }
}
