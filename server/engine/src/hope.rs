//! Whether a generation can still become sure enough to be shown. Must hold: hope is lost only if no end of the text behind a
//! whole line has a confidence that reaches the bar, even if every further token were certain.

use fimble_model::GenerateOptions;

/// Rounding of the sum that is compared in the end, as a share of the bar's logarithm.
const MARGIN: f64 = 1e-3;

/// The log-probabilities of one generation so far.
pub(crate) struct Hope {
    /// Logarithm of the bar, a little lower; none if there is no bar.
    bar: Option<f64>,
    most_lines: usize,
    sum: f64,
    /// Lines so far, blank ones included: their confidence is at least what it would be without these.
    n_lines: usize,
    has_text: bool,
    /// Whether the lines that are whole reach the bar: cut behind them the text would be shown.
    reached: bool,
}

impl Hope {
    pub(crate) fn new(options: &GenerateOptions) -> Self {
        let bar = f64::from(options.least_confidence);
        Self {
            bar: (bar > 0.0).then(|| bar.min(1.0).ln() * (1.0 + MARGIN) - f64::EPSILON),
            most_lines: options.most_lines.max(1),
            sum: 0.0,
            n_lines: 1,
            has_text: false,
            reached: false,
        }
    }

    /// Takes the next token with its bytes; whether hope is lost with it.
    pub(crate) fn is_lost_with(&mut self, logprob: f32, bytes: &[u8]) -> bool {
        let Some(bar) = self.bar else { return false };
        let least = |n_lines: usize| {
            #[expect(clippy::cast_precision_loss, reason = "a number of lines")]
            let n_lines = n_lines as f64;
            bar * n_lines
        };
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let end_of_line = pieces.next().unwrap_or_default();
        self.has_text |= !end_of_line.trim_ascii().is_empty();
        let before = self.sum;
        self.sum += f64::from(logprob);
        // A line break that begins a token is no part of the line before it.
        let mut of_line = if end_of_line.is_empty() { before } else { self.sum };
        for line in pieces {
            self.reached |= self.has_text && of_line >= least(self.n_lines.min(self.most_lines));
            self.has_text |= !line.trim_ascii().is_empty();
            self.n_lines += 1;
            of_line = self.sum;
        }
        !self.reached && self.sum < least(self.most_lines)
    }
}

#[cfg(test)]
mod tests {
    use fimble_model::{GeneratedToken, Generation, StopReason, Usage};
    use proptest::prelude::*;

    use super::*;

    fn hope(least_confidence: f32, most_lines: usize) -> Hope {
        Hope::new(&GenerateOptions { least_confidence, most_lines, ..GenerateOptions::default() })
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
            found.tokens.push(GeneratedToken { id: 0, logprob: *logprob, text_end: found.text.len() });
        }
        found
    }

    proptest! {
        #[test]
        fn what_is_given_up_could_never_be_shown(
            tokens in prop::collection::vec(
                (prop::sample::select(vec!["a", " b", "\n", "c\n", "\n\n", "\n  d", " "]), -4.0_f32..=0.0), 1..12),
            more in prop::collection::vec(prop::sample::select(vec!["e", "\n", "f\n"]), 0..12),
            bar in 0.05_f32..=1.0,
            most_lines in 1_usize..5,
        ) {
            let mut hope = hope(bar, most_lines);
            let lost = tokens.iter().position(|(text, logprob)| hope.is_lost_with(*logprob, text.as_bytes()));
            if let Some(at) = lost {
                // What came, and then nothing but certainty, cut behind any line that may be shown.
                let certain = more.iter().map(|text| (*text, 0.0));
                let all = generation(&tokens[..=at].iter().copied().chain(certain).collect::<Vec<_>>());
                let ends = all.text.match_indices('\n').map(|(at, _)| at).chain([all.text.len()]);
                for end in ends {
                    let n_lines = all.text[..end].lines().filter(|line| !line.trim().is_empty()).count();
                    if (1..=most_lines).contains(&n_lines) {
                        prop_assert!(all.confidence(end) < bar, "{:?} cut at {end}", all.text);
                    }
                }
            }
        }
    }

    #[test]
    fn hope_is_lost_as_soon_as_it_can_be() {
        let mut line = hope(0.5, 1);
        assert!(!line.is_lost_with(0.9_f32.ln(), b"a"));
        assert!(!line.is_lost_with(0.6_f32.ln(), b"b"));
        assert!(line.is_lost_with(0.9_f32.ln(), b"c"));
        let mut lines = hope(0.5, 2);
        assert!(!lines.is_lost_with(0.4_f32.ln(), b"a"), "a certain second line makes up for it");
        assert!(!lines.is_lost_with(1.0_f32.ln(), b"\nb"));
        assert!(lines.is_lost_with(0.6_f32.ln(), b"c"));
        let mut begun_well = hope(0.5, 2);
        assert!(!begun_well.is_lost_with(0.9_f32.ln(), b"a\n"));
        assert!(!begun_well.is_lost_with(1e-6_f32.ln(), b"b"), "cut behind its first line it can be shown");
        assert!(!hope(0.0, 1).is_lost_with(-100.0, b"a"), "without a bar nothing is given up");
    }
}
