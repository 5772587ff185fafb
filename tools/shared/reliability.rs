//! How well a confidence says what is right. Invariant: every case is in one bin.

use serde::Serialize;

use crate::ratios::{mean, share};

/// One bin of the confidence.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bin {
    /// Number of cases.
    pub n: usize,
    /// Their mean confidence, from 0 to 1.
    pub mean_confidence: f64,
    /// The share of them that is right, from 0 to 1.
    pub right: f64,
}

/// Ten bins, from the lowest confidence to the highest, of cases with their confidence and whether they are right.
#[must_use]
pub fn bins(cases: &[(f32, bool)]) -> Vec<Bin> {
    (0_u8..10)
        .map(|bin| {
            let (low, high) = (f32::from(bin) / 10.0, f32::from(bin + 1) / 10.0);
            let is_inside = |confidence: f32| confidence >= low && (confidence < high || bin == 9);
            let inside: Vec<_> = cases.iter().filter(|(confidence, _)| is_inside(*confidence)).collect();
            Bin {
                n: inside.len(),
                mean_confidence: mean(inside.iter().map(|(confidence, _)| f64::from(*confidence))),
                right: share(inside.iter().filter(|(_, is_right)| *is_right).count(), inside.len()),
            }
        })
        .collect()
}

/// The expected calibration error: how far confidence and rightness are apart, by bin, over all cases.
#[must_use]
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    bins.iter().map(|bin| share(bin.n, n) * (bin.mean_confidence - bin.right).abs()).sum()
}
