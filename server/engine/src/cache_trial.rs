//! What was measured of a cache in 8 bits: its scales, and whether the model's predictions stay close. Invariant: a trial says nothing
//! of another model or another runtime than those that it names; a scale is above 0.

use std::collections::BTreeMap;

use fimble_onnx::edit::{LayerCache, Rotation};
use serde::{Deserialize, Serialize};

use crate::evaluator::Evaluator;

/// The largest integer of a quantised number.
const LARGEST: f32 = 127.0;
/// Room above the largest number that the calibration text gave, as a factor.
const MARGIN: f32 = 1.2;
/// The smallest scale: channels that were always 0 get it.
const SMALLEST_SCALE: f32 = 1e-6;

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheTrial {
    /// Which files in which state, and which runtime.
    pub(crate) subject: String,
    /// Why the cache is not to be used, if it is not.
    pub(crate) failure: Option<String>,
    /// By the name of the input: one scale for each channel of each head.
    pub(crate) scales: BTreeMap<String, Vec<f32>>,
}

impl CacheTrial {
    /// The trial in a text that [`CacheTrial::to_text`] gave, if it is of this subject and usable.
    pub(crate) fn parse(text: &str, subject: &str) -> Option<Self> {
        let trial: Self = serde_json::from_str(text).ok()?;
        let is_usable = |scale: &f32| scale.is_finite() && *scale >= SMALLEST_SCALE;
        (trial.subject == subject && trial.scales.values().flatten().all(is_usable)).then_some(trial)
    }

    /// The trial as text.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The largest magnitudes of each channel, by the name of the input.
#[derive(Default)]
pub(crate) struct Extremes(BTreeMap<String, Vec<f32>>);

impl Extremes {
    /// Adds what a slot of an exact cache holds.
    ///
    /// # Errors
    /// The cache cannot be read, holds numbers that are none, or belongs to other layers than these.
    pub(crate) fn add(
        &mut self,
        evaluator: &Evaluator,
        slot: usize,
        layers: &[LayerCache],
    ) -> Result<(), String> {
        for (index, spec) in evaluator.cache_specs().iter().enumerate() {
            let layer = layers.iter().find(|layer| layer.keys == spec.past || layer.values == spec.past);
            let layer = layer
                .ok_or_else(|| format!("its cache {} belongs to an attention of another kind", spec.past))?;
            let numbers = evaluator.cached_numbers(slot, index)?.ok_or("its cache is quantised already")?;
            let rotation = (layer.keys == spec.past).then_some(layer.rotation);
            let width = spec.step() / spec.element.size();
            let found = largest_by_channel(&numbers, spec.n_rows(), width, rotation);
            if !found.iter().all(|largest| largest.is_finite()) {
                return Err("its keys or values are infinite".to_owned());
            }
            let largest = self.0.entry(spec.past.clone()).or_insert_with(|| vec![0.0; found.len()]);
            for (largest, found) in largest.iter_mut().zip(found) {
                *largest = largest.max(found);
            }
        }
        Ok(())
    }

    /// A scale for each channel.
    pub(crate) fn into_scales(self) -> BTreeMap<String, Vec<f32>> {
        let scale = |largest: f32| (largest * MARGIN / LARGEST).max(SMALLEST_SCALE);
        let scales = |channels: Vec<f32>| channels.into_iter().map(scale).collect();
        self.0.into_iter().map(|(input, channels)| (input, scales(channels))).collect()
    }
}

/// The largest magnitude of each channel of each row. Both numbers of a pair that is rotated get the length of the pair, which they may
/// reach at other positions.
fn largest_by_channel(numbers: &[f32], n_rows: usize, width: usize, rotation: Option<Rotation>) -> Vec<f32> {
    let per_row = numbers.len() / n_rows.max(1);
    let mut largest = vec![0.0_f32; n_rows * width];
    if per_row == 0 || width == 0 {
        return largest;
    }
    for (row, largest) in numbers.chunks(per_row).zip(largest.chunks_mut(width)) {
        for token in row.chunks(width) {
            for (channel, largest) in largest.iter_mut().enumerate() {
                let partner = rotation.and_then(|rotation| partner(channel, width, rotation));
                let other = partner.map_or(0.0, |partner| token[partner]);
                let length = token[channel].hypot(other);
                // Comparisons with what is no number are false: it must not be lost.
                *largest = if length.is_nan() || largest.is_nan() { f32::NAN } else { largest.max(length) };
            }
        }
    }
    largest
}

/// The channel that is rotated together with another one.
fn partner(channel: usize, width: usize, rotation: Rotation) -> Option<usize> {
    let n_rotated = rotation.n_rotated.unwrap_or(width).min(width);
    let half = n_rotated / 2;
    if channel >= 2 * half {
        None
    } else if rotation.interleaved {
        Some(channel ^ 1)
    } else {
        Some((channel + half) % (2 * half))
    }
}

/// The mean divergence of predictions from the exact ones, in nats; infinite where they cannot be compared.
pub(crate) fn divergence(exact: &[Vec<f32>], found: &[Vec<f32>]) -> f64 {
    if exact.is_empty() || exact.len() != found.len() {
        return f64::INFINITY;
    }
    let total: f64 = exact.iter().zip(found).map(|(exact, found)| row_divergence(exact, found)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let mean = total / exact.len() as f64;
    if mean.is_finite() { mean } else { f64::INFINITY }
}

fn row_divergence(exact: &[f32], found: &[f32]) -> f64 {
    if exact.len() != found.len() {
        return f64::INFINITY;
    }
    let log_sum = |row: &[f32]| {
        let largest = row.iter().fold(f32::NEG_INFINITY, |largest, logit| largest.max(*logit));
        let sum: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
        f64::from(largest) + sum.ln()
    };
    let (exact_sum, found_sum) = (log_sum(exact), log_sum(found));
    let term = |(exact, found): (&f32, &f32)| {
        let exact = f64::from(*exact) - exact_sum;
        let found = f64::from(*found) - found_sum;
        // What the model never writes counts nothing.
        if exact.exp() == 0.0 { 0.0 } else { exact.exp() * (exact - found) }
    };
    exact.iter().zip(found).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVES: Rotation = Rotation { interleaved: false, n_rotated: None };

    #[test]
    fn a_rotated_pair_gets_its_length_wherever_it_points() {
        // Two heads of four channels, two tokens each.
        let numbers = [3.0, 1.0, 4.0, 0.0, 0.0, -2.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 1.0, 0.0];
        let plain = [3.0, 2.0, 4.0, 0.0, 1.0, 0.0, 1.0, 0.5];
        assert_eq!(largest_by_channel(&numbers, 2, 4, None), plain);
        assert_eq!(
            largest_by_channel(&numbers, 2, 4, Some(HALVES)),
            [5.0, 2.0, 5.0, 2.0, 1.0, 0.5, 1.0, 0.5]
        );
        let neighbours = Rotation { interleaved: true, n_rotated: Some(2) };
        let found = largest_by_channel(&numbers, 2, 4, Some(neighbours));
        assert_eq!(found, [10.0_f32.sqrt(), 10.0_f32.sqrt(), 4.0, 0.0, 1.0, 1.0, 1.0, 0.5]);
    }

    #[test]
    fn what_is_no_number_is_found() {
        for bad in [f32::NAN, f32::INFINITY] {
            for numbers in [[bad, 1.0, 2.0, 3.0], [1.0, 2.0, bad, 3.0]] {
                let found = largest_by_channel(&numbers, 1, 2, Some(HALVES));
                assert!(!found.iter().all(|largest| largest.is_finite()), "{found:?}");
            }
        }
    }

    #[test]
    fn equal_predictions_are_0_apart_and_others_are_not() {
        let row = vec![1.0, -4.0, 0.5];
        let shifted = row.iter().map(|logit| logit + 7.0).collect();
        assert!(divergence(std::slice::from_ref(&row), &[shifted]).abs() < 1e-6);
        // Certain of one of two equally likely tokens: half of the time it is wrong, as far as the other is from impossible.
        let found = divergence(&[vec![0.0, 0.0]], &[vec![0.0, -10.0]]);
        assert!((found - (5.0 - std::f64::consts::LN_2)).abs() < 1e-3, "{found}");
        for other in [vec![], vec![vec![1.0]], vec![vec![f32::NAN, 0.0, 0.0]]] {
            assert_eq!(divergence(std::slice::from_ref(&row), &other), f64::INFINITY);
        }
    }
}
