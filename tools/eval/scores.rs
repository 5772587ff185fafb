//! What came out, in numbers. Invariant: every case counts once in every share that it can count in.

use serde::Serialize;

use crate::cases::Kind;
use crate::outcome::Outcome;
use fimble_tools::ratios::{mean, share};

/// Shares of some outcomes, all from 0 to 1.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    pub variant: String,
    pub kind: &'static str,
    /// "all" over all languages.
    pub language: String,
    /// Places.
    pub n: usize,
    /// What the model wrote is what was expected.
    pub exact: f64,
    /// One less the edits that lead to what was expected, as a share of the longer text.
    pub similarity: f64,
    pub first_word: f64,
    /// Bits for one byte of what was expected, as likely as the model held it; none where that is not known.
    pub bits_per_byte: Option<f64>,
    /// Places where something is shown.
    pub shown: f64,
    /// Of these, the ones that are right as far as they go.
    pub precision: f64,
    /// Places where exactly what was expected is shown: nothing, where nothing should come.
    pub shown_exact: f64,
    /// Characters of what was expected that are shown where all that is shown is right.
    pub kept: f64,
    /// Of the same characters, those beyond the word in which the cursor stands.
    pub useful: f64,
    /// Median time of reading the prompt, as far as it was not cached, in milliseconds.
    pub read_ms: f64,
    /// Median time of writing, in milliseconds.
    pub write_ms: f64,
    /// Places whose tests ran.
    pub n_tested: usize,
    /// Of these, the ones whose tests passed with what was shown.
    pub passed: f64,
}

/// The groups in which outcomes are counted: each kind by language, and over all languages where there are several. Each has the
/// indices of its outcomes.
pub fn groups(outcomes: &[Outcome]) -> Vec<(Kind, String, Vec<usize>)> {
    let mut groups = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<usize> = (0..outcomes.len()).filter(|at| outcomes[*at].kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut languages: Vec<&str> = of_kind.iter().map(|at| outcomes[*at].language.as_str()).collect();
        languages.sort_unstable();
        languages.dedup();
        for language in languages {
            let of_language = of_kind.iter().copied().filter(|at| outcomes[*at].language == language);
            groups.push((kind, language.to_owned(), of_language.collect()));
        }
        groups.push((kind, "all".to_owned(), of_kind));
    }
    groups
}

/// The scores of one variant, by group.
pub fn score(variant: &str, outcomes: &[Outcome]) -> Vec<Scores> {
    groups(outcomes)
        .into_iter()
        .map(|(kind, language, indices)| {
            let of_group: Vec<&Outcome> = indices.iter().map(|at| &outcomes[*at]).collect();
            score_group(variant, kind, language, &of_group)
        })
        .collect()
}

fn score_group(variant: &str, kind: Kind, language: String, outcomes: &[&Outcome]) -> Scores {
    let n = outcomes.len();
    let count = |is_so: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is_so(outcome)).count();
    let n_shown = count(&|outcome| outcome.shown.is_some());
    let n_right = count(&|outcome| outcome.right_chars().is_some());
    let n_expected = outcomes.iter().map(|outcome| outcome.expected.trim_end().chars().count()).sum();
    let n_kept = outcomes.iter().filter_map(|outcome| outcome.right_chars()).sum();
    let n_useful = outcomes.iter().map(|outcome| outcome.useful_chars()).sum();
    let weighed = || outcomes.iter().filter_map(|outcome| Some((outcome.bits?, outcome.expected.len())));
    let (bits, n_bytes) = weighed().fold((0.0, 0), |(bits, n), (more, n_more)| (bits + more, n + n_more));
    let n_tested = count(&|outcome| outcome.passed.is_some());
    Scores {
        variant: variant.to_owned(),
        kind: kind.name(),
        language,
        n,
        exact: share(count(&Outcome::is_exact), n),
        similarity: mean(outcomes.iter().map(|outcome| outcome.similarity())),
        first_word: share(count(&|outcome| first_word(&outcome.written) == first_word(&outcome.expected)), n),
        bits_per_byte: (n_bytes > 0).then(|| bits / n_bytes as f64),
        shown: share(n_shown, n),
        precision: share(n_right, n_shown),
        shown_exact: share(count(&Outcome::is_shown_exact), n),
        kept: share(n_kept, n_expected),
        useful: share(n_useful, n_expected),
        read_ms: median(outcomes.iter().map(|outcome| outcome.read_ms)),
        write_ms: median(outcomes.iter().map(|outcome| outcome.write_ms)),
        n_tested,
        passed: share(count(&|outcome| outcome.passed == Some(true)), n_tested),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The first word, or the first sign where none begins.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let n_word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let n_sign = text.chars().next().map_or(0, char::len_utf8);
    &text[..n_word.max(n_sign)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    fn in_language(language: &str, outcome: Outcome) -> Outcome {
        Outcome { language: language.to_owned(), ..outcome }
    }

    #[test]
    fn every_case_counts_once_in_its_kind() {
        let outcomes = [
            outcome(Kind::Rest, "a", "a ", true),
            outcome(Kind::Rest, "b", "c", true),
            in_language("rust", outcome(Kind::Rest, "x", "x", false)),
            outcome(Kind::Line, "y", "y", true),
        ];
        let rows = score("plain", &outcomes);
        let names: Vec<_> = rows.iter().map(|row| (row.kind, row.language.as_str(), row.n)).collect();
        assert_eq!(
            names,
            [
                ("rest", "go", 2),
                ("rest", "rust", 1),
                ("rest", "all", 3),
                ("line", "go", 1),
                ("line", "all", 1)
            ]
        );
        assert_eq!((rows[0].exact, rows[1].exact, rows[2].exact), (0.5, 1.0, 2.0 / 3.0));
        assert_eq!((rows[0].precision, rows[0].shown, rows[1].shown), (0.5, 1.0, 0.0));
    }

    #[test]
    fn a_right_beginning_is_right_and_not_exact() {
        let mut outcomes =
            [outcome(Kind::Rest, "total(a)", "total(", true), outcome(Kind::Rest, "bc", "bd", true)];
        outcomes[0].shown = Some("total(".to_owned());
        let all = &score("plain", &outcomes)[0];
        assert_eq!((all.precision, all.shown_exact, all.kept), (0.5, 0.0, 0.6));
        assert_eq!(all.bits_per_byte, Some(0.8));
    }

    #[test]
    fn only_tests_that_ran_count() {
        let mut outcomes = [0, 1, 2].map(|_| outcome(Kind::Body, "a", "a", true));
        outcomes[0].passed = Some(true);
        outcomes[1].passed = Some(false);
        let all = &score("plain", &outcomes)[0];
        assert_eq!((all.n_tested, all.passed), (2, 0.5));
    }

    #[test]
    fn the_first_word_or_sign() {
        assert_eq!((first_word("  foo_1(x)"), first_word(".len()"), first_word("")), ("foo_1", ".", ""));
    }
}
