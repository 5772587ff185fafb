//! The token budget of a request: tokens to read, tokens to generate, one line or several. Invariant: it moves in steps of two with
//! hysteresis, because a prompt of another length is read again from its start; settings of the user override it. The time until
//! something is shown does not depend on the tokens to generate: the beginning is shown while the model continues.

use std::ops::RangeInclusive;
use std::time::Duration;

use fimble_model::Speeds;

/// Most seconds of generating: later the user has moved on.
const WRITING_SECONDS: f64 = 3.0;
/// Fewer tokens are half a line.
const NEW_TOKENS: RangeInclusive<usize> = 16..=MOST_NEW_TOKENS;
/// Eight lines of code, however quick the model is.
pub(crate) const MOST_NEW_TOKENS: usize = 128;
/// The most for the rest of one line.
pub(crate) const MOST_LINE_TOKENS: usize = 64;
/// With fewer tokens several lines end in the middle of the second.
const LEAST_FOR_SEVERAL_LINES: usize = 32;

/// Number of latency budgets that a prompt may take of which nothing is cached. It is read when a file is opened, after a jump, and when
/// the window moves, mostly ahead of the request; every other key reads a few tokens, whatever the length of the prompt.
const COLD_BUDGETS: f64 = 10.0;
/// Less context costs more in quality than it saves in time.
const PROMPT_TOKENS: RangeInclusive<usize> = 256..=MOST_PROMPT_TOKENS;
/// More context than this is no default, however quick the model is.
pub(crate) const MOST_PROMPT_TOKENS: usize = 1024;

/// When a number is halved, and when it is doubled, as shares of the new number. The gap between the two is the hysteresis.
struct Step {
    keep: f64,
    grow: f64,
}

/// A prompt is shortened late, because that invalidates its cache.
const PROMPT_STEP: Step = Step { keep: 0.6, grow: 0.8 };
const NEW_STEP: Step = Step { keep: 0.85, grow: 1.05 };

/// The tokens of a request for which the user set no limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBudget {
    /// Tokens that are read, at most.
    pub prompt_tokens: usize,
    /// Tokens that are produced, at most.
    pub new_tokens: usize,
    /// Whether several lines fit.
    pub several_lines: bool,
}

impl Default for TokenBudget {
    /// The largest budget, until the speed of the model is known.
    fn default() -> Self {
        Self { prompt_tokens: MOST_PROMPT_TOKENS, new_tokens: MOST_NEW_TOKENS, several_lines: true }
    }
}

impl TokenBudget {
    /// The budget from now on, with a model of these speeds. Not to be changed while a line is typed. A prompt becomes shorter only if it
    /// `is_cold`, because a longer one that is cached is quicker still.
    #[must_use]
    pub fn next(self, budget: Duration, speeds: Speeds, is_cold: bool) -> Self {
        let seconds = budget.as_secs_f64();
        let mut prompt_tokens = self.prompt_tokens;
        if let Some(prefill) = speeds.prefill {
            prompt_tokens = step(prompt_tokens, prefill * seconds * COLD_BUDGETS, PROMPT_TOKENS, PROMPT_STEP);
            if !is_cold {
                prompt_tokens = prompt_tokens.max(self.prompt_tokens);
            }
        }
        let new_tokens = speeds.decode.map_or(self.new_tokens, |decode| {
            step(self.new_tokens, decode * WRITING_SECONDS, NEW_TOKENS, NEW_STEP)
        });
        Self { prompt_tokens, new_tokens, several_lines: new_tokens >= LEAST_FOR_SEVERAL_LINES }
    }
}

/// The next number of tokens, if so many fit.
#[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
fn step(current: usize, fits: f64, range: RangeInclusive<usize>, step: Step) -> usize {
    let (least, most) = range.into_inner();
    let mut tokens = current.clamp(least, most);
    while tokens > least && fits < tokens as f64 * step.keep {
        tokens = (tokens / 2).max(least);
    }
    while tokens < most && fits >= (2 * tokens) as f64 * step.grow {
        tokens = (2 * tokens).min(most);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Duration = Duration::from_millis(250);

    fn speeds(prefill: f64, decode: f64) -> Speeds {
        Speeds { prefill: Some(prefill), decode: Some(decode) }
    }

    fn allotted(prefill: f64, decode: f64) -> (usize, usize, bool) {
        let TokenBudget { prompt_tokens, new_tokens, several_lines } =
            TokenBudget::default().next(BUDGET, speeds(prefill, decode), true);
        (prompt_tokens, new_tokens, several_lines)
    }

    #[test]
    fn slow_models_write_one_line_and_keep_a_context_worth_having() {
        for (prefill, decode, expected) in [
            // The bundled model, on a fast machine and on one ten times slower.
            (12_000.0, 3_000.0, (1024, 128, true)),
            (1_200.0, 300.0, (1024, 128, true)),
            // 0.5 billion parameters on two cores, and on four.
            (410.0, 92.0, (1024, 128, true)),
            (900.0, 180.0, (1024, 128, true)),
            // 1.5 and 7 billion.
            (140.0, 28.0, (512, 64, true)),
            (30.0, 6.0, (256, 16, false)),
        ] {
            assert_eq!(allotted(prefill, decode), expected, "{prefill}, {decode}");
        }
        let unknown = TokenBudget::default().next(BUDGET, Speeds::default(), true);
        assert_eq!(unknown, TokenBudget::default());
        let patient = TokenBudget::default().next(Duration::from_secs(1), speeds(140.0, 32.0), true);
        assert_eq!((patient.prompt_tokens, patient.new_tokens), (1024, 64));
    }

    #[test]
    fn a_warm_prompt_is_not_shortened_but_may_grow() {
        let short = TokenBudget { prompt_tokens: 512, ..TokenBudget::default() };
        assert_eq!(short.next(BUDGET, speeds(60.0, 92.0), false).prompt_tokens, 512);
        assert_eq!(short.next(BUDGET, speeds(60.0, 92.0), true).prompt_tokens, 256);
        assert_eq!(short.next(BUDGET, speeds(900.0, 92.0), false).prompt_tokens, 1024);
    }

    proptest! {
        #[test]
        fn speeds_that_waver_by_a_tenth_change_it_once_at_most(
            prefill in 10.0_f64..3000.0,
            decode in 1.0_f64..1000.0,
            wavering in prop::collection::vec(0.9_f64..=1.1, 1..40),
        ) {
            let mut budget = TokenBudget::default();
            let mut seen = vec![budget];
            // From the slowest on: what comes after it is at most a fifth faster.
            for factor in std::iter::once(&0.9).chain(&wavering) {
                budget = budget.next(BUDGET, speeds(prefill * factor, decode * factor), true);
                if seen.last() != Some(&budget) {
                    seen.push(budget);
                }
            }
            prop_assert!(seen.len() <= 2, "{seen:?}");
        }

        #[test]
        fn a_larger_budget_never_gives_less(prefill in 1.0_f64..5000.0, decode in 1.0_f64..5000.0, ms in 1_u64..5000) {
            let [small, large] = [ms, 2 * ms].map(|ms| {
                TokenBudget::default().next(Duration::from_millis(ms), speeds(prefill, decode), true)
            });
            prop_assert!(small.prompt_tokens <= large.prompt_tokens);
            prop_assert!(small.new_tokens <= large.new_tokens);
            prop_assert!(PROMPT_TOKENS.contains(&small.prompt_tokens) && NEW_TOKENS.contains(&small.new_tokens));
        }
    }
}
