//! Two ways of answering at the same places, beside one another. Invariant: a difference is of pairs at one place; its interval
//! comes from a fixed seed, so the same outcomes give the same interval.

use fimble_engine::SplitMix64;
use serde::Serialize;

use crate::outcome::Outcome;
use crate::scores::groups;
use fimble_tools::ratios::mean;

/// How often the places are drawn anew for an interval.
const N_DRAWS: usize = 2000;
/// The shares of the draws between which the interval lies.
const INTERVAL: [f64; 2] = [0.025, 0.975];

/// A figure of both, in percent, and the difference in points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub ours: f64,
    pub theirs: f64,
    /// Ours less theirs.
    pub points: f64,
    /// Where the difference lies with 95 % probability, as far as these places tell.
    pub low: f64,
    pub high: f64,
}

/// One kind of places in one language.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub ours: String,
    pub theirs: String,
    pub kind: &'static str,
    pub language: String,
    pub n: usize,
    /// Exactly what was expected is shown; nothing, where nothing should come.
    pub exact: Figure,
    /// How like what was expected the shown text is.
    pub similarity: Figure,
    /// The mean share of the expected characters that are shown, where all that is shown is right.
    pub kept: Figure,
    /// The tests passed; none where there are no tests.
    pub passed: Option<Figure>,
}

/// Compares what is shown, by kind and language.
pub fn compare(ours: (&str, &[Outcome]), theirs: (&str, &[Outcome])) -> Vec<Difference> {
    let pairs = |indices: &[usize], value: &dyn Fn(&Outcome) -> Option<f64>| -> Vec<[f64; 2]> {
        indices.iter().filter_map(|at| Some([value(&ours.1[*at])?, value(&theirs.1[*at])?])).collect()
    };
    groups(ours.1)
        .into_iter()
        .map(|(kind, language, indices)| {
            let passed = pairs(&indices, &|outcome| outcome.passed.map(number));
            Difference {
                ours: ours.0.to_owned(),
                theirs: theirs.0.to_owned(),
                kind: kind.name(),
                language,
                n: indices.len(),
                exact: figure(&pairs(&indices, &|outcome| Some(number(outcome.is_shown_exact())))),
                similarity: figure(&pairs(&indices, &|outcome| Some(outcome.shown_similarity()))),
                kept: figure(&pairs(&indices, &|outcome| Some(kept(outcome)))),
                passed: (!passed.is_empty()).then(|| figure(&passed)),
            }
        })
        .collect()
}

fn number(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn kept(outcome: &Outcome) -> f64 {
    let n_expected = outcome.expected.trim_end().chars().count();
    fimble_tools::ratios::share(outcome.right_chars().unwrap_or(0), n_expected)
}

fn figure(pairs: &[[f64; 2]]) -> Figure {
    let percent = |side: usize| 100.0 * mean(pairs.iter().map(|pair| pair[side]));
    let (ours, theirs) = (percent(0), percent(1));
    let mut random = SplitMix64::new(pairs.len() as u64);
    let mut draws: Vec<f64> = (0..N_DRAWS)
        .map(|_| {
            let drawn = (0..pairs.len()).map(|_| &pairs[random.below(pairs.len())]);
            100.0 * mean(drawn.map(|pair| pair[0] - pair[1]))
        })
        .collect();
    draws.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let at = |share: f64| draws[(share * (N_DRAWS - 1) as f64).round() as usize];
    Figure { ours, theirs, points: ours - theirs, low: at(INTERVAL[0]), high: at(INTERVAL[1]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Kind;
    use crate::outcome::tests::outcome;

    #[test]
    fn the_interval_holds_the_difference_and_is_the_same_each_time() {
        let ours: Vec<Outcome> =
            (0..40).map(|at| outcome(Kind::Rest, "a", if at < 30 { "a" } else { "b" }, true)).collect();
        let theirs: Vec<Outcome> =
            (0..40).map(|at| outcome(Kind::Rest, "a", if at < 20 { "a" } else { "b" }, true)).collect();
        let of = || compare(("x", &ours), ("y", &theirs)).pop().unwrap().exact;
        let exact = of();
        assert_eq!((exact.ours, exact.theirs, exact.points), (75.0, 50.0, 25.0));
        // Ten pairs of forty differ, all in one direction: the standard error is 6.8 points.
        assert!((10.0..=15.0).contains(&exact.low) && (35.0..=40.0).contains(&exact.high), "{exact:?}");
        assert_eq!(exact, of());
    }

    #[test]
    fn equal_outcomes_differ_by_nothing() {
        let both = [outcome(Kind::Quiet, "", "x", false), outcome(Kind::Quiet, "", "x", true)];
        let rows = compare(("x", &both), ("y", &both));
        assert_eq!((rows[0].exact.points, rows[0].exact.low, rows[0].exact.high), (0.0, 0.0, 0.0));
        assert_eq!(rows[0].exact.ours, 50.0);
        assert!(rows[0].passed.is_none());
    }
}
