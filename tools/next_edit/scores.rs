//! What came out, in numbers. Invariant: every place counts once in every share that it can count in.

use std::time::Duration;

use fimble_tools::ratios::share;
use fimble_tools::reliability::{Bin, bins, calibration_error};
use serde::Serialize;

use crate::case::{Case, Kind};
use crate::outcome::{Outcome, Proposal};

/// Shares of some places, all from 0 to 1.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    pub kind: &'static str,
    /// A language or a sort; "all" over all of them.
    pub group: String,
    /// Places.
    pub n: usize,
    /// Places with a proposal, shown or not. The best one counts in the three shares below.
    pub proposed: f64,
    /// It is in lines that the author changed.
    pub place: f64,
    /// It makes changes that the author made, and no other.
    pub right: f64,
    /// The same, if blanks do not count.
    pub up_to_blanks: f64,
    /// Places where one is shown.
    pub shown: f64,
    /// Of these, the ones where it is right up to blanks.
    pub precision: f64,
    /// Places where one is shown that is right up to blanks.
    pub shown_right: f64,
    /// Places where none is shown.
    pub quiet: f64,
}

/// Times of the proposals, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

/// How good the proposals of one detector are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detector {
    /// "all" over all detectors.
    pub name: &'static str,
    /// Places where its proposal is the best one.
    pub n: usize,
    /// Of these, the ones that are right up to blanks.
    pub right: f64,
    /// Places where its proposal is shown.
    pub n_shown: usize,
    /// Of these, the ones that are right up to blanks.
    pub shown_right: f64,
    /// The confidence of the best proposals in ten bins, from the lowest.
    pub bins: Vec<Bin>,
    /// How far confidence and rightness are apart, by bin, over all best proposals.
    pub calibration_error: f64,
}

impl Scores {
    /// The shares in the order of the tables.
    pub fn shares(&self) -> [f64; 8] {
        [
            self.proposed,
            self.place,
            self.right,
            self.up_to_blanks,
            self.shown,
            self.precision,
            self.shown_right,
            self.quiet,
        ]
    }
}

/// The scores of each kind by language, and over all languages.
pub fn by_language(cases: &[Case], outcomes: &[Outcome]) -> Vec<Scores> {
    by(cases, outcomes, true, |case| &case.language)
}

/// The scores of each kind by sort.
pub fn by_sort(cases: &[Case], outcomes: &[Outcome]) -> Vec<Scores> {
    by(cases, outcomes, false, |case| &case.sort)
}

fn by(cases: &[Case], outcomes: &[Outcome], has_all: bool, group_of: impl Fn(&Case) -> &str) -> Vec<Scores> {
    let pairs: Vec<(&Case, &Outcome)> = cases.iter().zip(outcomes).collect();
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = pairs.iter().copied().filter(|(case, _)| case.kind == kind).collect();
        let mut groups: Vec<&str> = of_kind.iter().map(|(case, _)| group_of(case)).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let of_group = of_kind.iter().filter(|(case, _)| group_of(case) == group);
            rows.extend(row(kind, group, of_group.map(|(_, outcome)| *outcome)));
        }
        if has_all {
            rows.extend(row(kind, "all", of_kind.iter().map(|(_, outcome)| *outcome)));
        }
    }
    rows
}

fn row<'a>(kind: Kind, group: &str, outcomes: impl Iterator<Item = &'a Outcome>) -> Option<Scores> {
    let outcomes: Vec<&Outcome> = outcomes.collect();
    if outcomes.is_empty() {
        return None;
    }
    let n = outcomes.len();
    let best = |is: fn(&Proposal) -> bool| {
        share(
            outcomes.iter().filter_map(|outcome| outcome.proposals.first()).filter(|best| is(best)).count(),
            n,
        )
    };
    let n_shown = outcomes.iter().filter(|outcome| outcome.shown.is_some()).count();
    let shown = outcomes.iter().filter_map(|outcome| outcome.shown());
    let n_right = shown.filter(|shown| shown.judgement.up_to_blanks).count();
    Some(Scores {
        kind: kind.name(),
        group: group.to_owned(),
        n,
        proposed: best(|_| true),
        place: best(|best| best.judgement.place),
        right: best(|best| best.judgement.exact),
        up_to_blanks: best(|best| best.judgement.up_to_blanks),
        shown: share(n_shown, n),
        precision: share(n_right, n_shown),
        shown_right: share(n_right, n),
        quiet: share(n - n_shown, n),
    })
}

/// Each detector with its proposals, at whatever places.
pub fn detectors(outcomes: &[Outcome]) -> Vec<Detector> {
    let mut names: Vec<&str> =
        outcomes.iter().filter_map(|outcome| Some(outcome.proposals.first()?.edit.kind.name())).collect();
    names.sort_unstable();
    names.dedup();
    names.push("all");
    names
        .into_iter()
        .map(|name| {
            let is_of = |proposal: &&Proposal| name == "all" || proposal.edit.kind.name() == name;
            let best: Vec<&Proposal> =
                outcomes.iter().filter_map(|outcome| outcome.proposals.first()).filter(is_of).collect();
            let shown: Vec<&Proposal> = outcomes.iter().filter_map(Outcome::shown).filter(is_of).collect();
            let cases: Vec<_> = best
                .iter()
                .map(|proposal| (proposal.edit.confidence, proposal.judgement.up_to_blanks))
                .collect();
            let bins = bins(&cases);
            Detector {
                name,
                n: best.len(),
                right: share_right(&best),
                n_shown: shown.len(),
                shown_right: share_right(&shown),
                calibration_error: calibration_error(&bins),
                bins,
            }
        })
        .collect()
}

fn share_right(proposals: &[&Proposal]) -> f64 {
    share(proposals.iter().filter(|proposal| proposal.judgement.up_to_blanks).count(), proposals.len())
}

/// The times below which a share of the proposals stays.
pub fn times(outcomes: &[Outcome]) -> Times {
    let mut all: Vec<Duration> = outcomes.iter().map(|outcome| outcome.took).collect();
    all.sort_unstable();
    let percentile = |percent: usize| {
        let took = all.get((all.len() * percent).div_ceil(100).saturating_sub(1));
        took.map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
    };
    Times { p50_ms: percentile(50), p95_ms: percentile(95), p99_ms: percentile(99) }
}

#[cfg(test)]
mod tests {
    use fimble_next_edit::{NextEdit, NextEditKind};

    use super::*;
    use crate::judge::Judgement;

    /// A proposal of each pair: confidence, and whether it is right. Those from 0.7 on are shown.
    fn outcome(proposals: &[(f32, bool)], ms: u64) -> Outcome {
        let proposals: Vec<Proposal> = proposals
            .iter()
            .map(|(confidence, is_right)| Proposal {
                edit: NextEdit {
                    document: "a.py".into(),
                    range: 0..1,
                    old_text: "a".to_owned(),
                    new_text: "b".to_owned(),
                    kind: NextEditKind::Rename,
                    confidence: *confidence,
                    agreeing: 1,
                    evidence: Vec::new(),
                },
                judgement: Judgement {
                    place: true,
                    exact: false,
                    up_to_blanks: *is_right,
                    follows: true,
                    rewritten: false,
                },
                breaks_syntax: false,
                silence: (*confidence < 0.7).then_some("lowConfidence"),
                line: 1,
                now: "a".to_owned(),
            })
            .collect();
        let shown = proposals.iter().position(|proposal| proposal.silence.is_none());
        Outcome { proposals, shown, cursor_line: 1, took: Duration::from_millis(ms) }
    }

    #[test]
    fn the_best_proposal_counts_and_the_shown_one_apart() {
        let outcomes = [
            outcome(&[(0.9, true), (0.8, false)], 1),
            outcome(&[(0.6, false)], 2),
            outcome(&[(0.75, false)], 3),
            outcome(&[], 4),
        ];
        let row = row(Kind::Rename, "all", outcomes.iter()).unwrap();
        assert_eq!((row.n, row.proposed, row.place, row.right, row.up_to_blanks), (4, 0.75, 0.75, 0.0, 0.25));
        assert_eq!((row.shown, row.precision, row.shown_right, row.quiet), (0.5, 0.5, 0.25, 0.5));
        assert!(super::row(Kind::Rename, "go", [].into_iter()).is_none());
        let detectors = detectors(&outcomes);
        assert_eq!(detectors.iter().map(|detector| detector.name).collect::<Vec<_>>(), ["rename", "all"]);
        assert_eq!((detectors[0].n, detectors[0].n_shown, detectors[0].shown_right), (3, 2, 0.5));
        let counts: Vec<usize> = detectors[1].bins.iter().map(|bin| bin.n).collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 1, 1, 0, 1]);
        assert!((detectors[1].calibration_error - (0.6 + 0.75 + 0.1) / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let outcomes: Vec<Outcome> = (1..=200).map(|ms| outcome(&[], ms)).collect();
        let Times { p50_ms, p95_ms, p99_ms } = times(&outcomes);
        assert_eq!((p50_ms, p95_ms, p99_ms), (100.0, 190.0, 198.0));
        assert_eq!(times(&[]).p99_ms, 0.0);
    }
}
