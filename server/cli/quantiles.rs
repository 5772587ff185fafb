//! Quantiles of durations, and durations for people. Invariant: a quantile is a duration that was measured.

use std::time::Duration;

/// Quantiles of some durations.
#[derive(Clone, Debug)]
pub struct Quantiles {
    /// How many there are.
    pub n: usize,
    sorted: Vec<Duration>,
}

impl Quantiles {
    /// Of these; they are sorted in place.
    pub fn of(durations: &mut [Duration]) -> Self {
        durations.sort_unstable();
        Self { n: durations.len(), sorted: durations.to_vec() }
    }

    /// The smallest duration that this share of them does not exceed, in milliseconds; 0 of none.
    pub fn at(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = ((self.n as f64 * share).ceil() as usize).clamp(1, self.n.max(1)) - 1;
        self.sorted.get(index).map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
    }

    /// The share of them that is longer than this, in milliseconds; 0 of none.
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    pub fn share_over(&self, limit_ms: f64) -> f64 {
        let n_over = self.sorted.iter().filter(|time| time.as_secs_f64() * 1e3 > limit_ms).count();
        n_over as f64 / self.n.max(1) as f64
    }

    /// The median, for people.
    pub fn p50(&self) -> String {
        millis(self.at(0.5))
    }

    /// For people.
    pub fn p95(&self) -> String {
        millis(self.at(0.95))
    }

    /// For people.
    pub fn p99(&self) -> String {
        millis(self.at(0.99))
    }

    /// For people.
    pub fn max(&self) -> String {
        millis(self.at(1.0))
    }
}

/// Milliseconds for people: two digits that matter.
pub fn millis(value: f64) -> String {
    if value < 1.0 { format!("{value:.2} ms") } else { format!("{value:.1} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let mut durations: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let quantiles = Quantiles::of(&mut durations);
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|share| quantiles.at(share)), [50.0, 95.0, 99.0, 100.0]);
        assert_eq!(Quantiles::of(&mut []).at(0.5), 0.0);
        assert_eq!(quantiles.share_over(75.0), 0.25);
        assert_eq!(Quantiles::of(&mut []).share_over(1.0), 0.0);
    }
}
