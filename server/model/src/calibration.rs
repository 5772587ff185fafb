//! Maps the probability that a model gives a text to the probability that the text is right. Invariant: the second rises with the
//! first.

use serde::{Deserialize, Serialize};

/// A model's calibration: Platt scaling of the log-odds, fitted by `tools/sets/fit.py`. By default the model is believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    bias: f32,
    slope: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { bias: 0.0, slope: 1.0 }
    }
}

impl Calibration {
    /// Log-odds are multiplied by the slope, and the bias is added.
    ///
    /// # Errors
    /// The slope is not above 0, or a number is not finite.
    pub fn new(bias: f32, slope: f32) -> Result<Self, String> {
        if !bias.is_finite() || !slope.is_finite() || slope <= 0.0 {
            return Err(format!(
                "a calibration needs finite numbers and a slope above 0, not {bias} and {slope}"
            ));
        }
        Ok(Self { bias, slope })
    }

    /// The probability that a text is right, 0 to 1, by the probability that the model gives it.
    #[must_use]
    pub fn probability(&self, of_model: f32) -> f32 {
        if *self == Self::default() {
            return of_model;
        }
        sigmoid(self.slope * log_odds(of_model) + self.bias)
    }

    /// The probability that the model must give a text for it to be as likely as this: the inverse of
    /// [`Self::probability`].
    #[must_use]
    pub fn of_model(&self, probability: f32) -> f32 {
        if *self == Self::default() {
            return probability;
        }
        sigmoid((log_odds(probability) - self.bias) / self.slope)
    }
}

fn log_odds(probability: f32) -> f32 {
    (probability / (1.0 - probability)).ln()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_lead_back_and_the_order_stays() {
        let calibration = Calibration::new(-0.5, 0.9).unwrap();
        let mut before = -1.0;
        for step in 0..=20_u8 {
            let of_model = f32::from(step) / 20.0;
            let probability = calibration.probability(of_model);
            assert!((0.0..=1.0).contains(&probability) && probability > before, "{of_model}: {probability}");
            assert!((calibration.of_model(probability) - of_model).abs() < 1e-4, "{of_model}");
            before = probability;
        }
        assert!((calibration.probability(0.5) - 0.377_541).abs() < 1e-5);
        assert_eq!((calibration.of_model(0.0), calibration.of_model(1.0)), (0.0, 1.0));
    }

    #[test]
    fn by_default_the_model_is_believed() {
        assert_eq!(
            (Calibration::default().probability(0.3), Calibration::default().of_model(0.7)),
            (0.3, 0.7)
        );
    }

    #[test]
    fn numbers_that_turn_the_order_around_are_refused() {
        for (bias, slope) in [(0.0, 0.0), (0.0, -1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY)] {
            assert!(Calibration::new(bias, slope).is_err(), "{bias} {slope}");
        }
    }
}
