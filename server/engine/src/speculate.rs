//! Draft tokens, looked up in the tokens that were read and generated, so that one pass over several tokens replaces several passes.
//! Invariant: a draft costs time at most, and never changes what is generated; whether drafting pays is decided by measurements on this
//! machine.

use std::collections::HashMap;
use std::time::Duration;

use fimble_model::TokenId;

/// Most draft tokens of a pass: so many only where draft after draft is accepted, as when code is copied with few changes.
pub(crate) const MOST_DRAFTED: usize = 32;
/// Draft tokens of a pass until the acceptance is known.
const FIRST_DRAFT: usize = 2;
/// So many of the last tokens must occur elsewhere for a draft: fewer match by chance.
const NGRAM: usize = 3;
/// Longer matches than this are all equally good.
const LONGEST_MATCH: usize = 16;
/// Places with the same last tokens that are compared, the latest first: a bound on the work for one token.
const MOST_PLACES: usize = 16;
/// Passes of one length that are kept: their median is not changed by one slow moment.
const N_PASSES: usize = 7;
/// Passes of a length after which its cost is known.
const N_PASSES_KNOWN: usize = 3;
/// Assumed cost of each further token of a pass, as a share of a pass over one token, until it was measured. Low, so that it is tried.
const ASSUMED_STEP: f64 = 0.1;
/// Assumed acceptance before the first draft.
const ASSUMED_ACCEPTANCE: f64 = 0.7;
/// Weight of one draft token in the estimate of the acceptance.
const ACCEPTANCE_WEIGHT: f64 = 1.0 / 16.0;
/// Least expected speedup: the expectation is made from measurements with errors.
const LEAST_GAIN: f64 = 1.05;

/// Whether to verify draft tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speculation {
    /// Where it was measured to be quicker.
    #[default]
    Auto,
    /// Wherever there is a draft. For tests and benchmarks.
    Always,
    /// Never.
    Never,
}

/// Where the last tokens of a sequence occurred before. Adding a token takes constant time.
struct NgramIndex {
    tokens: Vec<TokenId>,
    /// Position of the last token of the latest occurrence.
    latest: HashMap<[TokenId; NGRAM], usize>,
    /// For each position, the occurrence before of the n-gram that ends there.
    previous: Vec<Option<usize>>,
}

impl NgramIndex {
    fn new(tokens: &[TokenId]) -> Self {
        let mut index = Self {
            tokens: Vec::with_capacity(tokens.len()),
            latest: HashMap::with_capacity(tokens.len()),
            previous: Vec::with_capacity(tokens.len()),
        };
        for token in tokens {
            index.push(*token);
        }
        index
    }

    fn push(&mut self, token: TokenId) {
        self.tokens.push(token);
        let position = self.tokens.len() - 1;
        let ngram = self.tokens.last_chunk::<NGRAM>();
        self.previous.push(ngram.and_then(|ngram| self.latest.insert(*ngram, position)));
    }

    /// The tokens that followed the place which has most in common with the end of the sequence; of equal ones the
    /// latest. A repetition that reaches the end is thought to go on.
    fn draft(&self, n_tokens: usize) -> Vec<TokenId> {
        let mut place = self.previous.last().copied().flatten();
        let mut best: Option<(usize, usize)> = None;
        for _ in 0..MOST_PLACES {
            let Some(position) = place else { break };
            let length = self.match_length(position);
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, position));
            }
            if length >= LONGEST_MATCH {
                break;
            }
            place = self.previous[position];
        }
        let Some((_, position)) = best else { return Vec::new() };
        let period = self.tokens.len() - 1 - position;
        (0..n_tokens).map(|at| self.tokens[position + 1 + at % period]).collect()
    }

    /// How many tokens up to a position equal those at the end.
    fn match_length(&self, position: usize) -> usize {
        let earlier = self.tokens[..=position].iter().rev();
        let last = self.tokens.iter().rev();
        earlier.zip(last).take(LONGEST_MATCH).take_while(|(earlier, last)| earlier == last).count()
    }
}

/// The cost of passes and the acceptance of draft tokens, over all generations of a model.
pub(crate) struct SpeculationStats {
    speculation: Speculation,
    /// Times of the last passes in seconds, by number of tokens less one; each list is a ring.
    passes: [Vec<f64>; MOST_DRAFTED + 1],
    n_noted: [usize; MOST_DRAFTED + 1],
    /// Probability that a draft token is accepted if those before it were.
    acceptance: f64,
}

impl SpeculationStats {
    pub(crate) fn new(speculation: Speculation) -> Self {
        Self {
            speculation,
            passes: std::array::from_fn(|_| Vec::new()),
            n_noted: [0; MOST_DRAFTED + 1],
            acceptance: ASSUMED_ACCEPTANCE,
        }
    }

    /// Whether there may be drafts at all.
    pub(crate) fn is_on(&self) -> bool {
        self.speculation != Speculation::Never
    }

    /// Gives up guessing for this model.
    pub(crate) fn turn_off(&mut self) {
        self.speculation = Speculation::Never;
    }

    /// Notes what a pass over so many tokens took.
    pub(crate) fn note_pass(&mut self, n_tokens: usize, time: Duration) {
        let Some(index) = n_tokens.checked_sub(1).filter(|index| *index < self.passes.len()) else { return };
        let ring = &mut self.passes[index];
        let seconds = time.as_secs_f64();
        if ring.len() < N_PASSES {
            ring.push(seconds);
        } else {
            ring[self.n_noted[index] % N_PASSES] = seconds;
        }
        self.n_noted[index] += 1;
    }

    fn note_draft_token(&mut self, is_right: bool) {
        let target = if is_right { 1.0 } else { 0.0 };
        self.acceptance += ACCEPTANCE_WEIGHT * (target - self.acceptance);
    }

    /// The length of the next draft, at most `most`: the one with the least expected time for one token. 0 if no draft is expected to be
    /// quicker.
    fn best_draft(&self, most: usize) -> usize {
        match self.speculation {
            Speculation::Never => return 0,
            Speculation::Always => return most,
            Speculation::Auto => {}
        }
        let Some(plain) = self.measured(1) else { return 0 };
        let mut best = (plain / LEAST_GAIN, 0);
        let mut n_expected = 1.0;
        let mut all_right = 1.0;
        for n_drafted in 1..=most.min(MOST_DRAFTED) {
            all_right *= self.acceptance;
            n_expected += all_right;
            let time = self.cost(n_drafted + 1, plain) / n_expected;
            if time < best.0 {
                best = (time, n_drafted);
            }
        }
        best.1
    }

    /// Median time of a pass over so many tokens in seconds, once there were some.
    fn measured(&self, n_tokens: usize) -> Option<f64> {
        let ring = &self.passes[n_tokens - 1];
        if ring.len() < N_PASSES_KNOWN {
            return None;
        }
        let mut times = ring.clone();
        times.sort_unstable_by(f64::total_cmp);
        Some(times[times.len() / 2])
    }

    /// Time of a pass over so many tokens: measured, or what the longest shorter pass that was measured leads to expect.
    fn cost(&self, n_tokens: usize, plain: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "numbers below ten")]
        let more_than = |fewer: usize| (n_tokens - fewer) as f64;
        self.measured(n_tokens).unwrap_or_else(|| {
            let shorter = (2..n_tokens).rev().find_map(|shorter| Some((shorter, self.measured(shorter)?)));
            let step = shorter.map_or(ASSUMED_STEP * plain, |(shorter, time)| {
                (time - plain).max(0.0) / (more_than(1) - more_than(shorter))
            });
            plain + step * more_than(1)
        })
    }
}

/// The drafts of one generation.
pub(crate) struct Speculator {
    index: NgramIndex,
    /// Draft tokens that were not reached yet, verified or not. Comparing those that are not verified with the generated tokens costs
    /// nothing, and shows when verifying them would pay.
    expected: std::vec::IntoIter<TokenId>,
    /// Longest draft now: doubled after a draft that was accepted to its end, halved after one that was rejected at once.
    most: usize,
    n_right: usize,
}

impl Speculator {
    /// Begins with the prompt.
    pub(crate) fn new(prompt: &[TokenId]) -> Self {
        Self {
            index: NgramIndex::new(prompt),
            expected: Vec::new().into_iter(),
            most: FIRST_DRAFT,
            n_right: 0,
        }
    }

    /// Notes a token that was generated.
    pub(crate) fn push(&mut self, token: TokenId, stats: &mut SpeculationStats) {
        self.index.push(token);
        let Some(expected) = self.expected.next() else { return };
        stats.note_draft_token(expected == token);
        if expected == token {
            self.n_right += 1;
            if self.expected.as_slice().is_empty() {
                self.most = (2 * self.most).min(MOST_DRAFTED);
            }
        } else {
            if self.n_right == 0 {
                self.most = (self.most / 2).max(1);
            }
            self.expected = Vec::new().into_iter();
        }
    }

    /// The tokens to verify after the last one, at most `limit`, none that `ends` a generation; empty where guessing does
    /// not pay.
    pub(crate) fn draft(
        &mut self,
        stats: &SpeculationStats,
        limit: usize,
        ends: impl Fn(TokenId) -> bool,
    ) -> Vec<TokenId> {
        let n_verified = stats.best_draft(self.most.min(limit));
        if n_verified == 0 && !self.expected.as_slice().is_empty() {
            // The draft before is still being compared.
            return Vec::new();
        }
        let mut draft = self.index.draft(self.most);
        let n_inside = draft.iter().position(|token| ends(*token)).unwrap_or(draft.len());
        draft.truncate(n_inside.min(if n_verified == 0 { self.most } else { n_verified }));
        self.n_right = 0;
        self.expected = draft.clone().into_iter();
        if n_verified == 0 { Vec::new() } else { draft }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_what_followed_the_longest_match() {
        for (tokens, n_tokens, expected) in [
            (vec![1, 2, 3, 4, 5, 6, 1, 2, 3], 3, vec![4, 5, 6]),
            // Two of three tokens are no match.
            (vec![1, 2, 3, 4, 5, 9, 2, 3], 3, vec![]),
            // The longer match wins over the later one, and the later one among equals.
            (vec![7, 1, 2, 3, 40, 8, 1, 2, 3, 50, 7, 1, 2, 3], 1, vec![40]),
            (vec![7, 1, 2, 3, 40, 8, 1, 2, 3, 50, 9, 1, 2, 3], 1, vec![50]),
            // A repetition continues.
            (vec![1, 2, 1, 2, 1, 2], 5, vec![1, 2, 1, 2, 1]),
            (vec![4, 4, 4, 4], 3, vec![4, 4, 4]),
            (vec![], 3, vec![]),
            (vec![1, 2], 3, vec![]),
        ] {
            assert_eq!(NgramIndex::new(&tokens).draft(n_tokens), expected, "{tokens:?}");
        }
    }

    #[test]
    fn an_index_that_grew_is_one_that_was_made_at_once() {
        let tokens: Vec<TokenId> = (0..400_u32).map(|at| (at * at + at / 7) % 5).collect();
        let mut grown = NgramIndex::new(&tokens[..3]);
        for end in 3..tokens.len() {
            let at_once = NgramIndex::new(&tokens[..end]);
            assert_eq!(grown.draft(8), at_once.draft(8), "{end}");
            grown.push(tokens[end]);
        }
    }

    /// Statistics of passes with these costs, and of draft tokens of which so many in ten were accepted.
    fn stats(costs: &[(usize, u64)], n_right: usize) -> SpeculationStats {
        let mut stats = SpeculationStats::new(Speculation::Auto);
        for _ in 0..N_PASSES_KNOWN {
            for (n_tokens, micros) in costs {
                stats.note_pass(*n_tokens, Duration::from_micros(*micros));
            }
        }
        for guess in 0..200 {
            stats.note_draft_token(guess % 10 < n_right);
        }
        stats
    }

    #[test]
    fn the_draft_follows_costs_and_acceptance() {
        let cheap = [(1, 1000), (2, 1090), (3, 1200), (4, 1380), (5, 1500), (9, 1900)];
        let dear = [(1, 1000), (2, 2000), (3, 3000), (4, 4000), (5, 5000)];
        for (costs, n_right, most, expected) in [
            (cheap.as_slice(), 10, 8, 8),
            (&cheap, 10, 2, 2),
            (&cheap, 0, 8, 0),
            (&dear, 10, 8, 0),
            // Without a measured pass over one token there is nothing to compare with.
            (&[], 10, 8, 0),
            // Passes over more tokens were never measured: they are tried.
            (&cheap[..1], 10, 4, 4),
        ] {
            assert_eq!(stats(costs, n_right).best_draft(most), expected, "{costs:?}, {n_right} of 10");
        }
        let doubtful = stats(&cheap, 5).best_draft(8);
        assert!((1..4).contains(&doubtful), "{doubtful}");
    }

    #[test]
    fn one_slow_pass_changes_no_cost() {
        let mut stats = stats(&[(1, 1000), (2, 1100)], 10);
        stats.note_pass(2, Duration::from_secs(1));
        assert_eq!(stats.best_draft(1), 1);
        for _ in 0..N_PASSES {
            stats.note_pass(2, Duration::from_millis(4));
        }
        assert_eq!(stats.best_draft(1), 0, "it is forgotten how quick it was");
    }

    #[test]
    fn drafts_that_are_not_verified_count_too() {
        let mut stats = stats(&[(1, 1000), (2, 1100), (3, 1200)], 0);
        let mut speculator = Speculator::new(&[5, 6, 7, 8, 5, 6, 7]);
        let before = stats.acceptance;
        let mut verified = Vec::new();
        for token in [8, 5, 6, 7].iter().cycle().take(80) {
            verified.extend(speculator.draft(&stats, 8, |_| false));
            speculator.push(*token, &mut stats);
        }
        assert!(stats.acceptance > before + 0.5, "{}", stats.acceptance);
        assert!(!verified.is_empty(), "drafts that turn out right are verified again");
    }

    #[test]
    fn no_draft_holds_a_token_that_ends_a_generation() {
        let stats = SpeculationStats::new(Speculation::Always);
        let mut speculator = Speculator::new(&[1, 2, 3, 4, 0, 5, 1, 2, 3]);
        assert_eq!(speculator.draft(&stats, 8, |token| token == 0), [4]);
        assert!(speculator.draft(&stats, 0, |token| token == 0).is_empty());
        assert!(Speculator::new(&[1, 2, 3, 4]).draft(&stats, 8, |_| false).is_empty());
    }
}
