//! How much the project is believed, and in what. Must hold: the mixture is a probability distribution; what the project
//! never said keeps the proportions that the model gave it.

use fimble_model::TokenId;

use super::trust::Trust;
use crate::sampler::{Allowed, log_sum_exp};

/// How near a text is to the one being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// It is the one.
    This,
    /// It is open.
    Open,
    /// It is in the workspace.
    Workspace,
}

/// A token that followed the like of the context once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) token: TokenId,
    /// Tokens in common.
    pub(crate) length: usize,
    pub(crate) nearness: Nearness,
}

// Between two fits: to random places of five packages (caddy, httpx, leveldb, petgraph, zod), which shows most that is wrong in
// small projects, and to these, to 67 groups of one to four of their files, and to what is typed in the recorded sessions alike,
// which finds least in large ones. Chosen among five by what is shown and right in the sessions, in fixtures/eval and in eight
// of the twelve held-out packages; the other four were looked at afterwards. What the model makes of the project's favourite,
// how often that was seen, and how large the project is added nothing to either fit.

/// How much each token that was seen at places of one length counts against what they say together: so much goes over to
/// places with less in common (the escape of prediction by partial matching).
const OF_DOUBT: f32 = 0.1;
/// How telling a place is, by nearness. The one of open files is a guess between its neighbours.
const BY_NEARNESS: [f32; 3] = [1.0, 0.3, 0.1];
/// The weight of the project is the logistic function of the trust (see [`super::trust`]) and of these times what they stand
/// for. Logarithm of the number of tokens in common.
const OF_LENGTH: f32 = 1.3;
/// Share of what the project says most.
const OF_SHARE: f32 = 1.5;
/// What the model finds most likely, as a probability.
pub(crate) const OF_MODEL: f32 = -1.8;
/// Where the token is known to begin with what was typed: the project was found by that much more.
const OF_FORCED: f32 = 1.0;

/// What the project says comes next.
pub(crate) struct Said {
    /// Tokens with their probability in the project.
    tokens: Vec<(TokenId, f32)>,
    /// Tokens that the longest match has in common.
    longest: usize,
    /// Whether some place is in the text being written.
    pub(crate) in_this: bool,
}

impl Said {
    /// Adds up what was seen; none if nothing was.
    pub(crate) fn of(seen: &[Seen]) -> Option<Self> {
        let longest = seen.iter().map(|seen| seen.length).max()?;
        let mut tokens: Vec<(TokenId, f32)> = Vec::new();
        let mut left = 1.0;
        for length in (1..=longest).rev() {
            let places = seen.iter().filter(|seen| seen.length == length);
            let said: f32 = places.clone().map(|seen| BY_NEARNESS[seen.nearness as usize]).sum();
            if said == 0.0 {
                continue;
            }
            let mut different: Vec<TokenId> = places.clone().map(|seen| seen.token).collect();
            different.sort_unstable();
            different.dedup();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let kept = said / (said + OF_DOUBT * different.len() as f32);
            for place in places {
                let share = left * kept * BY_NEARNESS[place.nearness as usize] / said;
                match tokens.iter_mut().find(|(token, _)| *token == place.token) {
                    Some((_, sum)) => *sum += share,
                    None => tokens.push((place.token, share)),
                }
            }
            left *= 1.0 - kept;
        }
        let mut said =
            Self { tokens, longest, in_this: seen.iter().any(|seen| seen.nearness == Nearness::This) };
        said.normalise();
        Some(said)
    }

    fn normalise(&mut self) {
        let total: f32 = self.tokens.iter().map(|(_, share)| share).sum();
        self.tokens.iter_mut().for_each(|(_, share)| *share /= total);
    }

    /// The probability of a token.
    pub(crate) fn share(&self, token: TokenId) -> f32 {
        self.tokens.iter().find(|(said, _)| *said == token).map_or(0.0, |(_, share)| *share)
    }

    /// How much it is worth believing, as the logit of a weight, but for where it was seen and for what the model says.
    pub(crate) fn strength(&self) -> f32 {
        let most = self.tokens.iter().fold(0.0, |most: f32, (_, share)| most.max(*share));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let length = (self.longest as f32).ln();
        OF_LENGTH * length + OF_SHARE * most
    }
}

/// What the project says, beside what the model does.
pub(crate) struct Prediction {
    /// Tokens with their log-probability under the model, and their probability in the project.
    tokens: Vec<(TokenId, f32, f32)>,
    /// Logarithm of the sum of the exponentials of the logits.
    log_sum: f32,
    weight: f32,
}

/// Weighs what the project says against the model. None if the model can say nothing of it.
pub(crate) fn predict(
    mut said: Said,
    logits: &[f32],
    allowed: Allowed<'_>,
    trust: Trust,
) -> Option<Prediction> {
    let logit = |token: TokenId| logits.get(token as usize).copied().filter(|logit| logit.is_finite());
    said.tokens.retain(|(token, _)| logit(*token).is_some());
    said.normalise();
    let (log_sum, highest, forced) = match allowed {
        Allowed::Marked(_) => (log_sum_exp(logits.iter().copied()), highest(logits.iter().copied()), 0.0),
        Allowed::Only(ids) => {
            let logits = ids.iter().filter_map(|id| logits.get(*id as usize).copied());
            (log_sum_exp(logits.clone()), highest(logits), OF_FORCED)
        }
    };
    let model = (highest - log_sum).exp();
    let sum = trust.of(&said) + said.strength() + OF_MODEL * model + forced;
    let weight = logistic(sum);
    let tokens: Vec<_> = (said.tokens.iter())
        .filter_map(|(token, share)| Some((*token, (logit(*token)? - log_sum).min(0.0), *share)))
        .collect();
    (!tokens.is_empty() && weight.is_finite()).then_some(Prediction { tokens, log_sum, weight })
}

pub(crate) fn logistic(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

fn highest(logits: impl Iterator<Item = f32>) -> f32 {
    logits.filter(|logit| logit.is_finite()).fold(f32::NEG_INFINITY, f32::max)
}

impl Prediction {
    /// Raises the logits of the tokens that the project says, so that the softmax of the row is the mixture. All others lose
    /// by the sum that grows.
    pub(crate) fn raise(&self, row: &mut [f32]) {
        let odds = self.weight / (1.0 - self.weight);
        for (token, log_probability, share) in &self.tokens {
            if let Some(logit) = row.get_mut(*token as usize) {
                *logit = self.log_sum + (log_probability.exp() + odds * share).ln();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sampler::log_probability;

    fn seen(token: TokenId, length: usize, nearness: Nearness) -> Seen {
        Seen { token, length, nearness }
    }

    proptest! {
        /// The softmax of the row is the mixture: it adds up, and what was not seen keeps its proportions.
        #[test]
        fn a_mixture_is_a_distribution(
            logits in prop::collection::vec(-20.0_f32..20.0, 12),
            places in prop::collection::vec((0_u32..12, 1_usize..17, 0_usize..3), 1..30),
        ) {
            let nearness = [Nearness::This, Nearness::Open, Nearness::Workspace];
            let seen: Vec<_> =
                places.iter().map(|(token, length, near)| seen(*token, *length, nearness[*near])).collect();
            let prediction = predict(Said::of(&seen).unwrap(), &logits, Allowed::Marked(&[true; 12]), Trust::learned(&[])).unwrap();
            let shares: f32 = prediction.tokens.iter().map(|(.., share)| share).sum();
            prop_assert!((shares - 1.0).abs() < 1e-4);
            let weight = prediction.weight;
            let mut row = logits.clone();
            prediction.raise(&mut row);
            for id in 0..12 {
                let said = prediction.tokens.iter().find(|(token, ..)| *token == id).map_or(0.0, |(.., share)| *share);
                let expected = (1.0 - weight) * log_probability(&logits, None, id).exp() + weight * said;
                prop_assert!((log_probability(&row, None, id).exp() - expected).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn longer_and_nearer_matches_are_believed_more() {
        let logits = [0.0; 4];
        let weight = |places: &[Seen]| {
            let said = Said::of(places).unwrap();
            predict(said, &logits, Allowed::Only(&[0, 1, 2, 3]), Trust::learned(&[])).unwrap()
        };
        let long = weight(&[seen(1, 9, Nearness::This)]);
        let short = weight(&[seen(1, 1, Nearness::This)]);
        assert!(long.weight > short.weight);
        let mixed = weight(&[
            seen(1, 4, Nearness::Workspace),
            seen(2, 4, Nearness::This),
            seen(3, 2, Nearness::This),
        ]);
        let share = |token| mixed.tokens.iter().find(|(other, ..)| *other == token).unwrap().2;
        assert!(share(2) > 0.5 && share(2) > share(1) + share(3));
        assert!(mixed.weight < long.weight);
    }

    #[test]
    fn what_the_model_cannot_say_is_not_believed() {
        let logits = [f32::NAN, 1.0];
        let said = Said::of(&[seen(0, 4, Nearness::This), seen(7, 4, Nearness::This)]).unwrap();
        assert!(predict(said, &logits, Allowed::Only(&[0, 1]), Trust::learned(&[])).is_none());
        assert!(Said::of(&[]).is_none());
    }
}
