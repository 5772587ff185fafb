//! How well the confidence says what is right. Invariant: every case is in one bin.

use serde::Serialize;

use crate::cases::Kind;
use crate::outcome::Outcome;
use crate::scores::{mean, share};

/// One bin of the confidence.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bin {
    pub n: usize,
    pub mean_confidence: f64,
    pub exact: f64,
}

/// The bins of one kind of places.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reliability {
    pub kind: &'static str,
    /// Ten, from the lowest confidence to the highest.
    pub bins: Vec<Bin>,
    /// How far confidence and exactness are apart, by bin, over all cases.
    pub calibration_error: f64,
}

/// By kind; places where nothing should come have none.
pub fn by_kind(outcomes: &[Outcome]) -> Vec<Reliability> {
    let of =
        |kind: Kind| -> Vec<&Outcome> { outcomes.iter().filter(|outcome| outcome.kind == kind).collect() };
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Quiet);
    kinds
        .map(|kind| (kind, of(kind)))
        .filter(|(_, outcomes)| !outcomes.is_empty())
        .map(|(kind, outcomes)| {
            let bins = bins(&outcomes);
            Reliability { kind: kind.name(), calibration_error: calibration_error(&bins), bins }
        })
        .collect()
}

/// How often texts were exact, in ten bins of the confidence that the model had in them.
fn bins(outcomes: &[&Outcome]) -> Vec<Bin> {
    (0_u8..10)
        .map(|bin| {
            let (low, high) = (f32::from(bin) / 10.0, f32::from(bin + 1) / 10.0);
            let is_inside = |confidence: f32| confidence >= low && (confidence < high || bin == 9);
            let inside: Vec<&&Outcome> =
                outcomes.iter().filter(|outcome| is_inside(outcome.confidence)).collect();
            Bin {
                n: inside.len(),
                mean_confidence: mean(inside.iter().map(|outcome| f64::from(outcome.confidence))),
                exact: share(inside.iter().filter(|outcome| outcome.is_exact()).count(), inside.len()),
            }
        })
        .collect()
}

fn calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    bins.iter().map(|bin| share(bin.n, n) * (bin.mean_confidence - bin.exact).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn calibration_is_the_distance_of_confidence_and_exactness() {
        let with =
            |written: &str, confidence| Outcome { confidence, ..outcome(Kind::Rest, "a", written, true) };
        let outcomes = [with("a", 1.0), with("b", 0.95), with("b", 0.0), outcome(Kind::Quiet, "", "x", true)];
        let kinds = by_kind(&outcomes);
        assert_eq!(kinds.len(), 1);
        let bins = &kinds[0].bins;
        assert_eq!((bins[9].n, bins[9].exact, bins[0].n), (2, 0.5, 1));
        assert!((kinds[0].calibration_error - 2.0 / 3.0 * 0.475).abs() < 1e-6);
    }
}
