//! Whether a generation can still become sure enough to be shown. Must hold: hope is lost only if no end of the text, and no
//! cut of its end or of white space at its start, has a mean probability that reaches the bar, even if every further token
//! were certain.

use fimble_model::GenerateOptions;

/// Rounding of the sum that is compared in the end, as a share of the bar's logarithm.
const MARGIN: f64 = 1e-3;

/// The log-probabilities of one generation so far.
pub(crate) struct Hope {
    /// Logarithm of the bar, a little lower; none if there is no bar.
    bar: Option<f64>,
    most_tokens: usize,
    /// For each place where the text may begin: the sum of what came from there on, and its number of tokens.
    from: Vec<(f64, usize)>,
    /// Whether all tokens so far were white space, so that the text may also begin behind them.
    is_blank: bool,
    /// Whether some part of what came reaches the bar: cut there it would be shown.
    reached: bool,
}

impl Hope {
    pub(crate) fn new(options: &GenerateOptions) -> Self {
        let bar = f64::from(options.least_confidence);
        Self {
            bar: (bar > 0.0).then(|| bar.min(1.0).ln() * (1.0 + MARGIN) - f64::EPSILON),
            most_tokens: options.max_new_tokens,
            from: vec![(0.0, 0)],
            is_blank: true,
            reached: false,
        }
    }

    /// Takes the next token with its bytes; whether hope is lost with it.
    pub(crate) fn is_lost_with(&mut self, logprob: f32, bytes: &[u8]) -> bool {
        let Some(bar) = self.bar else { return false };
        for (sum, n_tokens) in &mut self.from {
            *sum += f64::from(logprob);
            *n_tokens += 1;
            #[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
            let reached = *sum >= bar * *n_tokens as f64;
            self.reached |= reached;
        }
        let n_taken = self.from[0].1;
        #[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
        let may_rise = self.from.iter().any(|(sum, n_tokens)| {
            let n_in_the_end = n_tokens + self.most_tokens.saturating_sub(n_taken);
            *sum >= bar * n_in_the_end as f64
        });
        self.is_blank &= bytes.trim_ascii().is_empty();
        if self.is_blank {
            self.from.push((0.0, 0));
        }
        !self.is_blank && !self.reached && !may_rise
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hope(least_confidence: f32, max_new_tokens: usize) -> Hope {
        Hope::new(&GenerateOptions { least_confidence, max_new_tokens, ..GenerateOptions::default() })
    }

    fn mean(logprobs: &[f32]) -> f32 {
        (logprobs.iter().sum::<f32>() / logprobs.len() as f32).exp()
    }

    proptest! {
        #[test]
        fn what_is_given_up_could_never_be_shown(
            tokens in prop::collection::vec((-9.0_f32..=0.0, prop::bool::weighted(0.2)), 1..12),
            bar in 0.05_f32..=1.0,
            n_more in 0_usize..12,
        ) {
            let most = tokens.len() + n_more;
            let mut hope = hope(bar, most);
            let lost = tokens.iter().position(|(logprob, blank)| {
                hope.is_lost_with(*logprob, if *blank { b" " } else { b"x" })
            });
            if let Some(at) = lost {
                // What came, and then nothing but certainty.
                let mut all: Vec<f32> = tokens[..=at].iter().map(|(logprob, _)| *logprob).collect();
                all.resize(most, 0.0);
                let n_blank = tokens.iter().take_while(|(_, blank)| *blank).count();
                for start in 0..=n_blank {
                    for end in start + 1..=most {
                        prop_assert!(mean(&all[start..end]) < bar, "{:?}, {start}..{end}", tokens);
                    }
                }
            }
        }
    }

    #[test]
    fn hope_is_lost_as_soon_as_it_can_be() {
        // The bar of four tokens is 0.5 each: 1/16 in all.
        let mut hopes = hope(0.5, 4);
        assert!(!hopes.is_lost_with(0.2_f32.ln(), b"a"));
        assert!(!hopes.is_lost_with(0.4_f32.ln(), b"b"));
        assert!(hopes.is_lost_with(0.7_f32.ln(), b"c"));
        let mut begun_well = hope(0.5, 4);
        assert!(!begun_well.is_lost_with(0.9_f32.ln(), b"a"));
        assert!(!begun_well.is_lost_with(1e-6_f32.ln(), b"b"), "cut behind its first token it can be shown");
        assert!(!hope(0.0, 1).is_lost_with(-100.0, b"a"), "without a bar nothing is given up");
    }
}
