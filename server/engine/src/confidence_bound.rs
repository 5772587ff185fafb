//! The highest confidence that a running generation can still reach. Invariant: the threshold is unreachable only if no cut of the text
//! behind a whole line has a confidence that reaches it, even if every further token had a probability of 1.

use fimble_model::GenerateOptions;

/// Rounding error of the sum that is compared in the end, as a share of the threshold's logarithm.
const MARGIN: f64 = 1e-3;

/// The log-probabilities of one generation so far.
pub(crate) struct ConfidenceBound {
    /// Logarithm of the threshold, a little lower; none if there is no threshold.
    threshold: Option<f64>,
    most_lines: usize,
    sum: f64,
    /// Lines so far, blank ones included: with them the bound is not too low.
    n_lines: usize,
    has_text: bool,
    /// Whether whole lines reach the threshold: the text would be shown if it were cut behind them.
    is_reached: bool,
}

impl ConfidenceBound {
    pub(crate) fn new(options: &GenerateOptions) -> Self {
        let threshold = f64::from(options.least_confidence);
        Self {
            threshold: (threshold > 0.0).then(|| threshold.min(1.0).ln() * (1.0 + MARGIN) - f64::EPSILON),
            most_lines: options.most_lines.max(1),
            sum: 0.0,
            n_lines: 1,
            has_text: false,
            is_reached: false,
        }
    }

    /// Adds the next token with its bytes.
    pub(crate) fn push(&mut self, logprob: f32, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let end_of_line = pieces.next().unwrap_or_default();
        self.has_text |= !end_of_line.trim_ascii().is_empty();
        let before = self.sum;
        self.sum += f64::from(logprob);
        // A line break at the start of a token is no part of the line before it.
        let mut of_line = if end_of_line.is_empty() { before } else { self.sum };
        for line in pieces {
            let least = self.least(self.n_lines.min(self.most_lines));
            self.is_reached |= self.has_text && least.is_some_and(|least| of_line >= least);
            self.has_text |= !line.trim_ascii().is_empty();
            self.n_lines += 1;
            of_line = self.sum;
        }
    }

    /// Whether the text can no longer reach the threshold.
    pub(crate) fn is_unreachable(&self) -> bool {
        !self.is_reached && self.least(self.most_lines).is_some_and(|least| self.sum < least)
    }

    /// The least sum of log-probabilities of so many lines.
    fn least(&self, n_lines: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a number of lines")]
        let n_lines = n_lines as f64;
        Some(self.threshold? * n_lines)
    }
}

#[cfg(test)]
mod tests {
    use fimble_model::{GeneratedToken, Generation, StopReason, Usage};
    use proptest::prelude::*;

    use super::*;

    fn bound(least_confidence: f32, most_lines: usize) -> ConfidenceBound {
        ConfidenceBound::new(&GenerateOptions { least_confidence, most_lines, ..GenerateOptions::default() })
    }

    /// Adds a token. Returns whether the threshold is unreachable then.
    fn push(bound: &mut ConfidenceBound, logprob: f32, text: &str) -> bool {
        bound.push(logprob, text.as_bytes());
        bound.is_unreachable()
    }

    fn generation(tokens: &[(&str, f32)]) -> Generation {
        let mut found = Generation {
            text: String::new(),
            tokens: vec![],
            stop: StopReason::Finished,
            usage: Usage::default(),
        };
        for (text, logprob) in tokens {
            found.text.push_str(text);
            found.tokens.push(GeneratedToken {
                id: 0,
                logprob: *logprob,
                text_end: found.text.len(),
                details: None,
            });
        }
        found
    }

    proptest! {
        #[test]
        fn an_unreachable_threshold_is_never_reached(
            tokens in prop::collection::vec(
                (prop::sample::select(vec!["a", " b", "\n", "c\n", "\n\n", "\n  d", " "]), -4.0_f32..=0.0), 1..12),
            more in prop::collection::vec(prop::sample::select(vec!["e", "\n", "f\n"]), 0..12),
            threshold in 0.05_f32..=1.0,
            most_lines in 1_usize..5,
        ) {
            let mut bound = bound(threshold, most_lines);
            let end = tokens.iter().position(|(text, logprob)| push(&mut bound, *logprob, text));
            if let Some(at) = end {
                // The text so far, then tokens with a probability of 1, cut behind any line that may be shown.
                let certain = more.iter().map(|text| (*text, 0.0));
                let all = generation(&tokens[..=at].iter().copied().chain(certain).collect::<Vec<_>>());
                let ends = all.text.match_indices('\n').map(|(at, _)| at).chain([all.text.len()]);
                for end in ends {
                    let n_lines = all.text[..end].lines().filter(|line| !line.trim().is_empty()).count();
                    if (1..=most_lines).contains(&n_lines) {
                        prop_assert!(all.confidence(end) < threshold, "{:?} cut at {end}", all.text);
                    }
                }
            }
        }
    }

    #[test]
    fn the_bound_is_as_low_as_it_can_be() {
        let mut line = bound(0.5, 1);
        assert!(!push(&mut line, 0.9_f32.ln(), "a"));
        assert!(!push(&mut line, 0.6_f32.ln(), "b"));
        assert!(push(&mut line, 0.9_f32.ln(), "c"));
        let mut lines = bound(0.5, 2);
        assert!(!push(&mut lines, 0.4_f32.ln(), "a"), "a certain second line makes up for it");
        assert!(!push(&mut lines, 1.0_f32.ln(), "\nb"));
        assert!(push(&mut lines, 0.6_f32.ln(), "c"));
        let mut good_start = bound(0.5, 2);
        assert!(!push(&mut good_start, 0.9_f32.ln(), "a\n"));
        assert!(!push(&mut good_start, 1e-6_f32.ln(), "b"), "cut behind its first line it can be shown");
        assert!(!push(&mut bound(0.0, 1), -100.0, "a"), "without a threshold nothing is given up");
    }
}
