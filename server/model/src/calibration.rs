//! How likely a text is what was meant, by what a model says about it and by where it stands. Invariant: all else equal, the
//! probability does not fall when the model's own probability rises.

use std::ops::{Index, IndexMut};

/// One thing that is known of a text which could be shown. All are 0 where nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// The log-odds of the model's own probability ([`Generation::confidence`](crate::Generation::confidence)).
    Likelihood,
    /// The logarithm of its length in tokens.
    Length,
    /// The cursor stands behind a character of a word: 1.
    InWord,
    /// Nothing but white space stands before the cursor on its line: 1.
    LineStart,
    /// The cursor is in a string or a comment: 1.
    InText,
    /// It has several lines: 1.
    SeveralLines,
    /// The logarithm of one and the number of names in it that the model did not read.
    UnknownNames,
    /// It equals a line near the cursor: 1.
    Repeats,
    /// It is the beginning of a longer text: 1.
    Beginning,
}

impl Feature {
    /// All, with their names in files.
    pub const ALL: [(Self, &'static str); N_FEATURES] = [
        (Self::Likelihood, "likelihood"),
        (Self::Length, "length"),
        (Self::InWord, "in_word"),
        (Self::LineStart, "line_start"),
        (Self::InText, "in_text"),
        (Self::SeveralLines, "several_lines"),
        (Self::UnknownNames, "unknown_names"),
        (Self::Repeats, "repeats"),
        (Self::Beginning, "beginning"),
    ];
}

/// How many features there are.
pub const N_FEATURES: usize = 9;

/// What is known of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence([f32; N_FEATURES]);

impl Index<Feature> for Evidence {
    type Output = f32;

    fn index(&self, feature: Feature) -> &f32 {
        &self.0[feature as usize]
    }
}

impl IndexMut<Feature> for Evidence {
    fn index_mut(&mut self, feature: Feature) -> &mut f32 {
        &mut self.0[feature as usize]
    }
}

/// The odds of a probability, as a logarithm; at most 8 either way.
#[must_use]
pub fn log_odds(probability: f32) -> f32 {
    let odds = (probability / (1.0 - probability)).ln();
    if odds.is_nan() { -MOST_LOG_ODDS } else { odds.clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS) }
}

const MOST_LOG_ODDS: f32 = 8.0;

/// The weights of a model's evidence: a logistic regression, fitted by `fimble-eval --fit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    bias: f32,
    weights: [f32; N_FEATURES],
}

impl Default for Calibration {
    /// The model is believed.
    fn default() -> Self {
        let mut weights = [0.0; N_FEATURES];
        weights[Feature::Likelihood as usize] = 1.0;
        Self { bias: 0.0, weights }
    }
}

impl Calibration {
    /// From weights by the names of their features, and `bias`. What is missing weighs nothing.
    ///
    /// # Errors
    /// A name is unknown, a number is not finite, or a larger probability of the model would count against a text.
    pub fn from_weights<'a>(weights: impl IntoIterator<Item = (&'a str, f32)>) -> Result<Self, String> {
        let mut found = Self { bias: 0.0, weights: [0.0; N_FEATURES] };
        for (name, weight) in weights {
            if !weight.is_finite() {
                return Err(format!("the weight of `{name}` is not a finite number"));
            }
            match Feature::ALL.iter().find(|(_, known)| *known == name) {
                Some((feature, _)) => found.weights[*feature as usize] = weight,
                None if name == "bias" => found.bias = weight,
                None => return Err(format!("`{name}` is not known of a text")),
            }
        }
        if found.weights[Feature::Likelihood as usize] < 0.0 {
            return Err("a larger probability of the model would count against a text".to_owned());
        }
        Ok(found)
    }

    /// How likely a text is what was meant, 0 to 1.
    #[must_use]
    pub fn probability(&self, evidence: &Evidence) -> f32 {
        sigmoid(
            self.bias
                + self.weights.iter().zip(evidence.0).map(|(weight, value)| weight * value).sum::<f32>(),
        )
    }

    /// The model's own probability below which no text can be as likely as that, whatever else is known of it. 0 if there is
    /// none such.
    #[must_use]
    pub fn least_likelihood(&self, probability: f32) -> f32 {
        if probability <= 0.0 {
            return 0.0;
        }
        let weight = |feature: Feature| self.weights[feature as usize];
        // What else could speak for it: the largest value of each, as far as it has one.
        let mut most = self.bias;
        for (feature, _) in Feature::ALL {
            most += match feature {
                Feature::Likelihood => 0.0,
                Feature::Length => (weight(feature) * LONGEST.ln_1p()).max(weight(feature) * 1_f32.ln_1p()),
                Feature::UnknownNames => (weight(feature) * LONGEST.ln_1p()).max(0.0),
                _ => weight(feature).max(0.0),
            };
        }
        let slope = weight(Feature::Likelihood);
        if slope <= 0.0 {
            return 0.0;
        }
        let least = (log_odds(probability) - most) / slope;
        if least <= -MOST_LOG_ODDS { 0.0 } else { sigmoid(least) }
    }
}

/// No suggestion is longer, in tokens.
const LONGEST: f32 = 256.0;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_weights_the_model_is_believed() {
        let calibration = Calibration::default();
        for probability in [0.01, 0.3, 0.5, 0.99] {
            let mut evidence = Evidence::default();
            evidence[Feature::Likelihood] = log_odds(probability);
            evidence[Feature::UnknownNames] = 2.0;
            assert!((calibration.probability(&evidence) - probability).abs() < 1e-5);
            assert!((calibration.least_likelihood(probability) - probability).abs() < 1e-5);
        }
        assert_eq!(calibration.least_likelihood(0.0), 0.0);
    }

    #[test]
    fn weights_have_known_names_and_believe_the_model() {
        assert!(Calibration::from_weights([("bias", 0.5), ("likelihood", 1.0), ("in_word", -1.0)]).is_ok());
        for (weights, expected) in [
            ([("likelihood", 1.0), ("mood", 1.0)], "`mood`"),
            ([("likelihood", -1.0), ("bias", 1.0)], "larger probability"),
            ([("likelihood", f32::NAN), ("bias", 1.0)], "not a finite number"),
        ] {
            assert!(Calibration::from_weights(weights).unwrap_err().contains(expected), "{weights:?}");
        }
    }

    #[test]
    fn below_the_least_likelihood_nothing_is_likely_enough() {
        let calibration = Calibration::from_weights([
            ("bias", 0.4),
            ("likelihood", 0.8),
            ("length", -0.2),
            ("in_word", 0.5),
            ("unknown_names", -0.7),
            ("several_lines", -0.4),
        ])
        .unwrap();
        let mut best: f32 = 0.0;
        for bits in 0..32_u8 {
            let bit = |at: u8| f32::from(bits >> at & 1);
            for n_tokens in [1.0_f32, 2.0, 9.0, 200.0] {
                let mut evidence = Evidence::default();
                evidence[Feature::Likelihood] = log_odds(calibration.least_likelihood(0.6)) - 0.01;
                evidence[Feature::Length] = n_tokens.ln_1p();
                evidence[Feature::InWord] = bit(0);
                evidence[Feature::LineStart] = bit(1);
                evidence[Feature::SeveralLines] = bit(2);
                evidence[Feature::UnknownNames] = bit(3) * 2_f32.ln_1p();
                evidence[Feature::Beginning] = bit(4);
                best = best.max(calibration.probability(&evidence));
            }
        }
        assert!(best < 0.6 && best > 0.55, "{best}");
    }
}
