//! What came out, in numbers. Must hold: every case counts once in every share that it can count in.

use serde::Serialize;

use super::cases::Kind;

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub language: String,
    pub kind: Kind,
    pub expected: String,
    /// The first line that the model wrote, unfiltered.
    pub written: String,
    /// Its confidence, 0 to 1.
    pub confidence: f32,
    /// What the model had to be told to know the expected text, in bits.
    pub bits: f64,
    /// The first line of what a user would have seen, if anything.
    pub shown: Option<String>,
    /// Milliseconds that the writing took.
    pub ms: f64,
}

impl Outcome {
    fn is_exact(&self) -> bool {
        self.written.trim_end() == self.expected.trim_end()
    }

    fn is_shown_exact(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.trim_end() == self.expected.trim_end())
    }

    /// The characters that are shown, if all of them are right: the line as a whole or its beginning.
    fn right_chars(&self) -> Option<usize> {
        let shown = self.shown.as_ref()?.trim_end();
        self.expected.starts_with(shown).then(|| shown.chars().count())
    }
}

/// Shares of some outcomes, all from 0 to 1.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    pub variant: String,
    /// "all" over all cases.
    pub language: String,
    pub n_rest: usize,
    pub n_line: usize,
    /// Rests of lines that the model wrote to the letter.
    pub exact_rest: f64,
    /// Whole lines.
    pub exact_line: f64,
    /// One less the edits that lead to what was expected, as a share of the longer text.
    pub similarity: f64,
    pub first_word: f64,
    /// Bits for one byte of what was expected, as likely as the model held it.
    pub bits_per_byte: f64,
    /// Cases in which something would have been shown.
    pub shown: f64,
    /// Of these, the ones that are right as far as they go.
    pub precision: f64,
    /// Cases in which exactly the right line would have been shown.
    pub shown_exact: f64,
    /// Characters of what was expected that would have been shown where all that is shown is right.
    pub kept: f64,
    /// Median time of writing, the prompt being read.
    pub ms: f64,
}

/// One bin of the confidence.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bin {
    pub n: usize,
    pub mean_confidence: f64,
    pub exact: f64,
}

fn share(n: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { n as f64 / of as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    if n == 0 { 0.0 } else { sum / n as f64 }
}

/// The scores of one variant: by language, and over all cases.
pub fn score(variant: &str, outcomes: &[Outcome]) -> Vec<Scores> {
    let mut languages: Vec<&str> = outcomes.iter().map(|outcome| outcome.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    let mut rows: Vec<Scores> = languages
        .into_iter()
        .map(|language| {
            let of_language = outcomes.iter().filter(|outcome| outcome.language == language);
            score_language(variant, language, &of_language.collect::<Vec<_>>())
        })
        .collect();
    rows.push(score_language(variant, "all", &outcomes.iter().collect::<Vec<_>>()));
    rows
}

fn score_language(variant: &str, language: &str, outcomes: &[&Outcome]) -> Scores {
    let of_kind = |kind| outcomes.iter().filter(move |outcome| outcome.kind == kind);
    let exact =
        |kind| share(of_kind(kind).filter(|outcome| outcome.is_exact()).count(), of_kind(kind).count());
    let n_shown = outcomes.iter().filter(|outcome| outcome.shown.is_some()).count();
    let n_shown_exact = outcomes.iter().filter(|outcome| outcome.is_shown_exact()).count();
    let n_shown_right = outcomes.iter().filter(|outcome| outcome.right_chars().is_some()).count();
    let n_kept = outcomes.iter().filter_map(|outcome| outcome.right_chars()).sum();
    let n_expected = outcomes.iter().map(|outcome| outcome.expected.trim_end().chars().count()).sum();
    let bits: f64 = outcomes.iter().map(|outcome| outcome.bits).sum();
    let n_bytes: usize = outcomes.iter().map(|outcome| outcome.expected.len()).sum();
    let right_words = outcomes
        .iter()
        .filter(|outcome| first_word(&outcome.written) == first_word(&outcome.expected))
        .count();
    Scores {
        variant: variant.to_owned(),
        language: language.to_owned(),
        n_rest: of_kind(Kind::Rest).count(),
        n_line: of_kind(Kind::Line).count(),
        exact_rest: exact(Kind::Rest),
        exact_line: exact(Kind::Line),
        similarity: mean(outcomes.iter().map(|outcome| similarity(&outcome.written, &outcome.expected))),
        first_word: share(right_words, outcomes.len()),
        bits_per_byte: if n_bytes == 0 { 0.0 } else { bits / n_bytes as f64 },
        shown: share(n_shown, outcomes.len()),
        precision: share(n_shown_right, n_shown),
        shown_exact: share(n_shown_exact, outcomes.len()),
        kept: share(n_kept, n_expected),
        ms: median(outcomes.iter().map(|outcome| outcome.ms)),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// How often lines were exact, in ten bins of the confidence that the model had in them.
pub fn reliability(outcomes: &[Outcome]) -> Vec<Bin> {
    (0_u8..10)
        .map(|bin| {
            let (low, high) = (f32::from(bin) / 10.0, f32::from(bin + 1) / 10.0);
            let inside: Vec<&Outcome> = outcomes
                .iter()
                .filter(|outcome| {
                    outcome.confidence >= low
                        && (outcome.confidence < high || (bin == 9 && outcome.confidence <= 1.0))
                })
                .collect();
            Bin {
                n: inside.len(),
                mean_confidence: mean(inside.iter().map(|outcome| f64::from(outcome.confidence))),
                exact: share(inside.iter().filter(|outcome| outcome.is_exact()).count(), inside.len()),
            }
        })
        .collect()
}

/// Expected calibration error: how far confidence and exactness are apart, by bin, over all cases.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    bins.iter().map(|bin| share(bin.n, n) * (bin.mean_confidence - bin.exact).abs()).sum()
}

/// The first word, or the first sign where none begins.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let n_word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let n_sign = text.chars().next().map_or(0, char::len_utf8);
    &text[..n_word.max(n_sign)]
}

/// One less the Levenshtein distance as a share of the longer text, in characters.
fn similarity(left: &str, right: &str) -> f64 {
    let left: Vec<char> = left.trim_end().chars().collect();
    let right: Vec<char> = right.trim_end().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, one) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(one != other);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    1.0 - share(row[right.len()], left.len().max(right.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(language: &str, expected: &str, written: &str, confidence: f32, is_shown: bool) -> Outcome {
        Outcome {
            language: language.to_owned(),
            kind: Kind::Rest,
            expected: expected.to_owned(),
            written: written.to_owned(),
            confidence,
            bits: 4.0,
            shown: is_shown.then(|| written.to_owned()),
            ms: 1.0,
        }
    }

    #[test]
    fn every_case_counts_once() {
        let outcomes = [
            outcome("go", "a", "a ", 0.9, true),
            outcome("go", "b", "c", 0.9, true),
            outcome("rust", "x", "x", 0.8, false),
        ];
        let rows = score("plain", &outcomes);
        let all = rows.last().unwrap();
        assert_eq!((all.language.as_str(), all.n_rest), ("all", 3));
        assert_eq!((rows[0].exact_rest, rows[1].exact_rest, all.exact_rest), (0.5, 1.0, 2.0 / 3.0));
        assert_eq!((rows[0].precision, rows[0].shown, rows[1].shown), (0.5, 1.0, 0.0));
    }

    #[test]
    fn a_right_beginning_is_right_and_not_exact() {
        let outcomes = [outcome("go", "total(a)", "total(", 0.9, true), outcome("go", "bc", "bd", 0.9, true)];
        let all = &score("plain", &outcomes)[0];
        assert_eq!((all.precision, all.shown_exact, all.kept), (0.5, 0.0, 0.6));
        assert_eq!(all.bits_per_byte, 0.8);
    }

    #[test]
    fn calibration_is_the_distance_of_confidence_and_exactness() {
        let outcomes = [
            outcome("go", "a", "a", 1.0, true),
            outcome("go", "a", "b", 0.95, true),
            outcome("go", "a", "b", 0.0, true),
        ];
        let bins = reliability(&outcomes);
        assert_eq!((bins[9].n, bins[9].exact, bins[0].n), (2, 0.5, 1));
        assert!((calibration_error(&bins) - 2.0 / 3.0 * 0.475).abs() < 1e-6);
    }

    #[test]
    fn words_and_edits() {
        assert_eq!((first_word("  foo_1(x)"), first_word(".len()"), first_word("")), ("foo_1", ".", ""));
        assert_eq!(similarity("", ""), 1.0);
        assert_eq!(similarity("abcd", "abxd"), 0.75);
        assert_eq!(similarity("", "ab"), 0.0);
    }
}
