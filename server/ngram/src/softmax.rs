//! Probabilities from logits. Invariant: logits that are not finite count as a probability of 0.

use crate::vocabulary::TokenId;

/// Natural logarithm of the probability that logits give to a token, among `only` these or among all.
#[must_use]
pub fn log_probability(logits: &[f32], only: Option<&[TokenId]>, id: TokenId) -> f32 {
    let Some(logit) = logits.get(id as usize) else { return f32::NEG_INFINITY };
    let log_sum = match only {
        None => log_sum_exp(logits.iter().copied()),
        Some(ids) => log_sum_exp(ids.iter().filter_map(|id| logits.get(*id as usize).copied())),
    };
    (logit - log_sum).min(0.0)
}

/// Natural logarithm of the sum of the exponentials of the finite logits.
#[must_use]
pub fn log_sum_exp(logits: impl Iterator<Item = f32> + Clone) -> f32 {
    let finite = logits.filter(|logit| logit.is_finite());
    let largest = finite.clone().fold(f32::NEG_INFINITY, f32::max);
    largest + finite.map(|logit| (logit - largest).exp()).sum::<f32>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let logits = [1.0_f32, 2.0, 3.0, f32::NEG_INFINITY];
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (id, logit) in logits.iter().enumerate() {
            let expected = (logit.exp() / sum).ln();
            let found = log_probability(&logits, None, TokenId::try_from(id).unwrap());
            assert!(found == expected || (found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // Among two, each counts as if there were no others.
        let expected = -(1.0 + (-1.0_f32).exp()).ln();
        assert!((log_probability(&logits, Some(&[0, 1]), 1) - expected).abs() < 1e-6);
        assert_eq!(log_probability(&logits, Some(&[2]), 2), 0.0);
    }
}
