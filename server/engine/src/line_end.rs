//! Choosing where only the rest of a line is wanted: tokens that differ behind the first line break say the same. Invariant: the
//! chance of what is chosen is that of its text up to the line's end, in whatever tokens; greedy only.
//!
//! A vocabulary has `)`, `);` and `);⏎`, and ends a line with a dozen tokens and with the end token. Each alone may be
//! less likely than something that is wrong.

use fimble_model::TokenId;
use fimble_ngram::log_probability;

use crate::sampler::{Allowed, most_likely};
use crate::token_bytes::TokenBytes;

/// Adds up what ends a line.
pub(crate) struct LineEnds<'a> {
    /// Tokens with a line break, and the token of what stands before it; none if nothing does.
    with_break: &'a [(TokenId, Option<TokenId>)],
    /// The model's end token: it ends the line, too.
    end: TokenId,
    row: Vec<f32>,
}

impl<'a> LineEnds<'a> {
    pub(crate) fn new(vocabulary: &'a TokenBytes, end: TokenId) -> Self {
        Self { with_break: vocabulary.with_break(), end, row: Vec::new() }
    }

    /// The likeliest token, and the logarithm of the probability of its text on this line; none if no number is usable.
    pub(crate) fn choose(&mut self, logits: &[f32], allowed: Allowed<'_>) -> Option<(TokenId, f32)> {
        let same = self.add_up(logits, allowed);
        let best = most_likely(&self.row, allowed)?;
        let logprob = log_probability(&self.row, only(allowed), best);
        let spellings = same.iter().filter(|(_, onto)| *onto == best).map(|(token, _)| *token);
        let likelier = |one: TokenId, other: TokenId| {
            let (left, right) = (logits[one as usize], logits[other as usize]);
            if right > left || left.is_nan() { other } else { one }
        };
        Some((spellings.fold(best, likelier), logprob))
    }

    /// The logarithm of the probability of a token's text on this line. The token has no line break.
    pub(crate) fn log_probability(&mut self, logits: &[f32], allowed: Allowed<'_>, token: TokenId) -> f32 {
        self.add_up(logits, allowed);
        log_probability(&self.row, only(allowed), token)
    }

    /// Moves what tokens with a line break have to those that say the same on this line. Returns both of each pair.
    fn add_up(&mut self, logits: &[f32], allowed: Allowed<'_>) -> Vec<(TokenId, TokenId)> {
        self.row.clear();
        self.row.extend_from_slice(logits);
        let mut same = Vec::new();
        for (token, before) in self.with_break {
            let onto = before.unwrap_or(self.end);
            let (from, to) = (*token as usize, onto as usize);
            if onto == *token || from.max(to) >= self.row.len() {
                continue;
            }
            if allowed.contains(*token) && allowed.contains(onto) && logits[from].is_finite() {
                self.row[to] = log_add(self.row[to], logits[from]);
                self.row[from] = f32::NEG_INFINITY;
                same.push((*token, onto));
            }
        }
        same
    }
}

fn only(allowed: Allowed<'_>) -> Option<&[TokenId]> {
    match allowed {
        Allowed::Only(ids) => Some(ids),
        Allowed::Marked(_) => None,
    }
}

/// Logarithm of the sum of two exponentials; what is not a number counts as nothing.
fn log_add(left: f32, right: f32) -> f32 {
    if !left.is_finite() {
        return right;
    }
    let (low, high) = if left < right { (left, right) } else { (right, left) };
    high + (low - high).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `)`, `);`, `);⏎`, a line break, another, the end token, and a word.
    const WITH_BREAK: [(TokenId, Option<TokenId>); 3] = [(2, Some(1)), (3, None), (4, None)];

    fn choose(shares: [f32; 7], allowed: Allowed<'_>) -> Option<(TokenId, f32)> {
        let logits: Vec<f32> = shares.iter().map(|share| share.ln()).collect();
        let mut ends = LineEnds { with_break: &WITH_BREAK, end: 5, row: Vec::new() };
        ends.choose(&logits, allowed).map(|(id, logprob)| (id, logprob.exp()))
    }

    #[test]
    fn what_says_the_same_is_added_up() {
        let all = Allowed::Marked(&[true; 7]);
        for (shares, expected, share) in [
            ([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.4], 2, 0.5),
            ([0.1, 0.3, 0.2, 0.0, 0.0, 0.0, 0.4], 1, 0.5),
            ([0.0, 0.0, 0.0, 0.2, 0.25, 0.15, 0.4], 4, 0.6),
            ([0.0, 0.0, 0.0, 0.2, 0.1, 0.3, 0.4], 5, 0.6),
            ([0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.6], 6, 0.6),
        ] {
            let (id, found) = choose(shares, all).unwrap();
            assert_eq!(id, expected, "{shares:?}");
            assert!((found - share).abs() < 1e-4, "{shares:?}: {found}");
        }
        assert_eq!(choose([f32::NAN; 7], all), None);
    }

    #[test]
    fn what_is_not_allowed_adds_nothing() {
        let (id, share) = choose([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.4], Allowed::Only(&[0, 1, 6])).unwrap();
        assert_eq!(id, 6);
        assert!((share - 0.4 / 0.7).abs() < 1e-4);
    }
}
