//! The mixture of the model's distribution with an n-gram prediction. Invariant: the mixture is a probability distribution; tokens
//! that the prediction does not have keep their proportions.

use crate::prediction::NgramPrediction;
use crate::softmax::log_sum_exp;
use crate::vocabulary::TokenId;
use crate::weight::MixtureWeight;

/// A prediction with its weight beside the model.
pub(crate) struct Mixture {
    /// Tokens with their log-probability under the model, and their share.
    tokens: Vec<(TokenId, f32, f32)>,
    /// Logarithm of the sum of the exponentials of the logits.
    log_sum: f32,
    weight: f32,
}

impl Mixture {
    /// Weighs a prediction against the logits of the model, of which `only` these count or all. None if the model knows none of the
    /// predicted tokens.
    pub(crate) fn new(
        mut prediction: NgramPrediction,
        logits: &[f32],
        only: Option<&[TokenId]>,
        weight: MixtureWeight,
    ) -> Option<Self> {
        let logit = |token: TokenId| logits.get(token as usize).copied().filter(|logit| logit.is_finite());
        prediction.retain(|token| logit(token).is_some());
        let (log_sum, highest) = match only {
            None => (log_sum_exp(logits.iter().copied()), highest(logits.iter().copied())),
            Some(ids) => {
                let logits = ids.iter().filter_map(|id| logits.get(*id as usize).copied());
                (log_sum_exp(logits.clone()), highest(logits))
            }
        };
        let weight = weight.of(&prediction, (highest - log_sum).exp(), only.is_some());
        let tokens: Vec<_> = (prediction.tokens().iter())
            .filter_map(|(token, share)| Some((*token, (logit(*token)? - log_sum).min(0.0), *share)))
            .collect();
        (!tokens.is_empty() && weight.is_finite()).then_some(Self { tokens, log_sum, weight })
    }

    /// Raises the logits of the predicted tokens, so that the softmax of the row is the mixture. The probabilities of all others
    /// fall, because the sum grows.
    pub(crate) fn raise(&self, row: &mut [f32]) {
        let odds = self.weight / (1.0 - self.weight);
        for (token, log_probability, share) in &self.tokens {
            if let Some(logit) = row.get_mut(*token as usize) {
                *logit = self.log_sum + (log_probability.exp() + odds * share).ln();
            }
        }
    }
}

fn highest(logits: impl Iterator<Item = f32>) -> f32 {
    logits.filter(|logit| logit.is_finite()).fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prediction::{Match, Nearness};
    use crate::softmax::log_probability;

    fn found(token: TokenId, length: usize, nearness: Nearness) -> Match {
        Match { token, length, nearness }
    }

    proptest! {
        /// The softmax of the row is the mixture: it adds up, and other tokens keep their proportions.
        #[test]
        fn a_mixture_is_a_distribution(
            logits in prop::collection::vec(-20.0_f32..20.0, 12),
            places in prop::collection::vec((0_u32..12, 1_usize..17, 0_usize..3), 1..30),
        ) {
            let nearness = [Nearness::This, Nearness::Open, Nearness::Workspace];
            let matches: Vec<_> =
                places.iter().map(|(token, length, near)| found(*token, *length, nearness[*near])).collect();
            let prediction = NgramPrediction::of(&matches).unwrap();
            let weight = MixtureWeight::learned(&[]);
            let mixture = Mixture::new(prediction, &logits, None, weight).unwrap();
            let shares: f32 = mixture.tokens.iter().map(|(.., share)| share).sum();
            prop_assert!((shares - 1.0).abs() < 1e-4);
            let weight = mixture.weight;
            let mut row = logits.clone();
            mixture.raise(&mut row);
            for id in 0..12 {
                let share = mixture.tokens.iter().find(|(token, ..)| *token == id).map_or(0.0, |(.., share)| *share);
                let expected = (1.0 - weight) * log_probability(&logits, None, id).exp() + weight * share;
                prop_assert!((log_probability(&row, None, id).exp() - expected).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn longer_and_nearer_matches_weigh_more() {
        let weight = |matches: &[Match]| {
            let prediction = NgramPrediction::of(matches).unwrap();
            let learned = MixtureWeight::learned(&[]);
            Mixture::new(prediction, &[0.0; 4], Some(&[0, 1, 2, 3]), learned).unwrap().weight
        };
        let long = weight(&[found(1, 9, Nearness::This)]);
        assert!(long > weight(&[found(1, 1, Nearness::This)]));
        let mixed = weight(&[
            found(1, 4, Nearness::Workspace),
            found(2, 4, Nearness::This),
            found(3, 2, Nearness::This),
        ]);
        assert!(mixed < long);
    }

    #[test]
    fn tokens_without_a_logit_are_not_mixed_in() {
        let logits = [f32::NAN, 1.0];
        let matches = [found(0, 4, Nearness::This), found(7, 4, Nearness::This)];
        let prediction = NgramPrediction::of(&matches).unwrap();
        let weight = MixtureWeight::learned(&[]);
        assert!(Mixture::new(prediction, &logits, Some(&[0, 1]), weight).is_none());
    }
}
