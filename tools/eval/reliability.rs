//! How well the confidence says what is right, by kind of place. Invariant: every case is in one bin.

use serde::Serialize;

use crate::cases::Kind;
use crate::outcome::{Candidate, Outcome};
use fimble_tools::reliability::{Bin, bins, calibration_error};

/// The bins of one kind of places.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reliability {
    pub kind: &'static str,
    /// Ten, from the lowest confidence to the highest.
    pub bins: Vec<Bin>,
    /// How far confidence and rightness are apart, by bin, over all cases.
    pub calibration_error: f64,
}

/// By kind and over all of them. A place counts where there is a text that could be shown.
pub fn by_kind(outcomes: &[Outcome]) -> Vec<Reliability> {
    let of = |kind: Option<Kind>| -> Vec<&Candidate> {
        let of_kind = outcomes.iter().filter(|outcome| kind.is_none_or(|kind| outcome.kind == kind));
        of_kind.filter_map(|outcome| outcome.candidates.first()).collect()
    };
    let kinds = Kind::ALL.into_iter().map(|kind| (kind.name(), of(Some(kind))));
    kinds
        .chain([("all", of(None))])
        .filter(|(_, whole)| !whole.is_empty())
        .map(|(kind, whole)| {
            let cases: Vec<_> =
                whole.iter().map(|candidate| (candidate.calibrated, candidate.right)).collect();
            let bins = bins(&cases);
            Reliability { kind, calibration_error: calibration_error(&bins), bins }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn calibration_is_the_distance_of_confidence_and_rightness() {
        let with = |calibrated, right| {
            let candidate = Candidate { text: "a".to_owned(), of_model: calibrated, calibrated, right };
            Outcome { candidates: vec![candidate], ..outcome(Kind::Rest, "a", "a", true) }
        };
        let outcomes =
            [with(1.0, true), with(0.95, false), with(0.0, false), outcome(Kind::Quiet, "", "x", true)];
        let kinds = by_kind(&outcomes);
        assert_eq!(kinds.iter().map(|kind| kind.kind).collect::<Vec<_>>(), ["rest", "all"]);
        let bins = &kinds[0].bins;
        assert_eq!((bins[9].n, bins[9].right, bins[0].n), (2, 0.5, 1));
        assert!((kinds[0].calibration_error - 2.0 / 3.0 * 0.475).abs() < 1e-6);
    }
}
