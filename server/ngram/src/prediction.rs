//! The n-gram prediction: which tokens followed the last tokens of the context elsewhere, and how often. Invariant: the shares of a
//! prediction add up to 1.

use crate::vocabulary::TokenId;

/// How near a document is to the one that is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// It is the same document.
    This,
    /// It is open.
    Open,
    /// It is in the workspace.
    Workspace,
}

/// A place that agrees with the end of the context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    /// The token that follows there.
    pub(crate) token: TokenId,
    /// Number of tokens that the place and the context have in common.
    pub(crate) length: usize,
    pub(crate) nearness: Nearness,
}

/// Discount of each different token at matches of one length: so much probability goes to shorter matches (the escape of prediction
/// by partial matching).
const ESCAPE: f32 = 0.1;
/// How much a match counts, by nearness. The number of open documents was not fitted, and lies between its neighbours.
const NEARNESS_WEIGHTS: [f32; 3] = [1.0, 0.3, 0.1];
/// Coefficient of the logarithm of the longest match's length.
const LENGTH_COEFFICIENT: f32 = 1.3;
/// Coefficient of the largest share.
const SHARE_COEFFICIENT: f32 = 1.5;

/// A distribution over the tokens that followed at the matches.
pub(crate) struct NgramPrediction {
    /// Tokens with their shares.
    tokens: Vec<(TokenId, f32)>,
    /// Length of the longest match.
    longest: usize,
    /// Whether some match is in the document that is written in.
    in_this: bool,
}

impl NgramPrediction {
    /// Adds up matches. None if there are none.
    pub(crate) fn of(matches: &[Match]) -> Option<Self> {
        let longest = matches.iter().map(|found| found.length).max()?;
        let mut tokens: Vec<(TokenId, f32)> = Vec::new();
        let mut left = 1.0;
        for length in (1..=longest).rev() {
            let of_length = matches.iter().filter(|found| found.length == length);
            let total: f32 = of_length.clone().map(|found| NEARNESS_WEIGHTS[found.nearness as usize]).sum();
            if total == 0.0 {
                continue;
            }
            let mut different: Vec<TokenId> = of_length.clone().map(|found| found.token).collect();
            different.sort_unstable();
            different.dedup();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let kept = total / (total + ESCAPE * different.len() as f32);
            for found in of_length {
                let share = left * kept * NEARNESS_WEIGHTS[found.nearness as usize] / total;
                match tokens.iter_mut().find(|(token, _)| *token == found.token) {
                    Some((_, sum)) => *sum += share,
                    None => tokens.push((found.token, share)),
                }
            }
            left *= 1.0 - kept;
        }
        let in_this = matches.iter().any(|found| found.nearness == Nearness::This);
        let mut prediction = Self { tokens, longest, in_this };
        prediction.normalise();
        Some(prediction)
    }

    /// Drops the tokens that are not wanted. The shares of the others grow in proportion.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(TokenId) -> bool) {
        self.tokens.retain(|(token, _)| is_wanted(*token));
        self.normalise();
    }

    fn normalise(&mut self) {
        let total: f32 = self.tokens.iter().map(|(_, share)| share).sum();
        self.tokens.iter_mut().for_each(|(_, share)| *share /= total);
    }

    /// Tokens with their shares.
    pub(crate) fn tokens(&self) -> &[(TokenId, f32)] {
        &self.tokens
    }

    /// The share of one token; 0 if it followed nowhere.
    pub(crate) fn share(&self, token: TokenId) -> f32 {
        self.tokens.iter().find(|(other, _)| *other == token).map_or(0.0, |(_, share)| *share)
    }

    /// Whether some match is in the document that is written in.
    pub(crate) fn in_this(&self) -> bool {
        self.in_this
    }

    /// The part of the logit of the mixture weight that the matches decide.
    pub(crate) fn strength(&self) -> f32 {
        let most = self.tokens.iter().fold(0.0, |most: f32, (_, share)| most.max(*share));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let length = (self.longest as f32).ln();
        LENGTH_COEFFICIENT * length + SHARE_COEFFICIENT * most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_and_nearer_matches_have_larger_shares() {
        let found = |token, length, nearness| Match { token, length, nearness };
        let mixed = NgramPrediction::of(&[
            found(1, 4, Nearness::Workspace),
            found(2, 4, Nearness::This),
            found(3, 2, Nearness::This),
        ])
        .unwrap();
        assert!(mixed.share(2) > 0.5 && mixed.share(2) > mixed.share(1) + mixed.share(3));
        assert_eq!(mixed.share(4), 0.0);
        let long = NgramPrediction::of(&[found(1, 9, Nearness::This)]).unwrap();
        let short = NgramPrediction::of(&[found(1, 1, Nearness::This)]).unwrap();
        assert!(long.strength() > short.strength() && mixed.strength() < long.strength());
        assert!(NgramPrediction::of(&[]).is_none());
    }
}
