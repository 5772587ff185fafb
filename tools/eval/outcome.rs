//! What became of one place. Invariant: one line is judged as one line, several as a whole; blanks at the ends of lines do not
//! count; where nothing should come, silence is right and everything else is wrong.

use serde::Serialize;

use crate::cases::{Case, Kind};

/// A text that could be shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub text: String,
    /// The probability that the model gives it, 0 to 1.
    pub of_model: f32,
    /// How likely it is what was meant, by the calibration of the model, 0 to 1.
    pub calibrated: f32,
    /// Whether it is what the author wrote: see [`is_right`].
    pub right: bool,
}

/// What became of one case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub language: String,
    pub kind: Kind,
    pub expected: String,
    /// Whether the cursor stands behind a character of a word.
    pub in_word: bool,
    /// What the model wrote, unfiltered: its first line where one is asked for.
    pub written: String,
    /// Its confidence, 0 to 1.
    pub confidence: f32,
    /// Bits that it takes to code the expected text with the model's probabilities; none where they are not known.
    pub bits: Option<f64>,
    /// All that could be shown, the whole first.
    pub candidates: Vec<Candidate>,
    /// What a user would have seen, if anything.
    pub shown: Option<String>,
    /// Why nothing is shown, if a reason is known.
    pub refusal: Option<String>,
    /// Milliseconds that reading the prompt took, as far as it was not cached.
    pub read_ms: f64,
    /// Milliseconds that writing took.
    pub write_ms: f64,
    /// Whether the tests passed with what was shown; none where there are none or they cannot run here.
    pub passed: Option<bool>,
}

impl Outcome {
    /// Nothing written and nothing shown.
    pub fn empty(case: &Case) -> Self {
        Self {
            language: case.language.clone(),
            kind: case.kind,
            expected: case.expected.clone(),
            in_word: case.text[..case.offset].ends_with(is_word),
            written: String::new(),
            confidence: 0.0,
            candidates: Vec::new(),
            bits: None,
            shown: None,
            refusal: None,
            read_ms: 0.0,
            write_ms: 0.0,
            passed: None,
        }
    }

    /// Whether the model wrote what was expected.
    pub fn is_exact(&self) -> bool {
        is_same(&self.written, &self.expected)
    }

    /// Whether exactly what was expected is shown; nothing, where nothing should come.
    pub fn is_shown_exact(&self) -> bool {
        match (&self.shown, self.kind) {
            (shown, Kind::Quiet) => shown.is_none(),
            (Some(shown), _) => is_same(shown, &self.expected),
            (None, _) => false,
        }
    }

    /// The characters that are shown, if all of them are right: the text as a whole or its beginning.
    pub fn right_chars(&self) -> Option<usize> {
        let shown = trimmed(self.shown.as_ref()?);
        let is_right = self.kind != Kind::Quiet && trimmed(&self.expected).starts_with(&shown);
        is_right.then(|| shown.chars().count())
    }

    /// Of these, the ones beyond the word in which the cursor stands.
    pub fn useful_chars(&self) -> usize {
        let Some(n_right) = self.right_chars() else { return 0 };
        let of_word = self.expected.chars().take_while(|c| self.in_word && is_word(*c)).count();
        n_right.saturating_sub(of_word)
    }

    /// How like what was expected the model's text is, 0 to 1.
    pub fn similarity(&self) -> f64 {
        similarity(&self.written, &self.expected)
    }

    /// The same of what is shown.
    pub fn shown_similarity(&self) -> f64 {
        similarity(self.shown.as_deref().unwrap_or_default(), &self.expected)
    }
}

/// Of several lines, this share of their characters must be right: what is that near to what was meant is kept and changed.
const NEAR: f64 = 0.8;

/// Whether a text of any length is what the author wrote at a place, as far as it goes. Nothing is right where nothing should come.
pub fn is_right(case: &Case, text: &str) -> bool {
    if case.kind == Kind::Quiet {
        return false;
    }
    let follows = trimmed(&format!("{}{}", case.expected, &case.text[case.offset..]));
    let text = trimmed(text);
    let n_lines = text.split('\n').count();
    let lines: Vec<&str> = follows.split('\n').take(n_lines).collect();
    follows.starts_with(&text) || n_lines > 1 && similarity(&text, &lines.join("\n")) >= NEAR
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Without blanks at the ends of lines and blank lines at the end.
fn trimmed(text: &str) -> String {
    text.trim_end().split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn is_same(left: &str, right: &str) -> bool {
    trimmed(left) == trimmed(right)
}

/// One less the Levenshtein distance as a share of the longer text, in characters.
fn similarity(left: &str, right: &str) -> f64 {
    let left: Vec<char> = trimmed(left).chars().collect();
    let right: Vec<char> = trimmed(right).chars().collect();
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
    1.0 - fimble_tools::ratios::share(row[right.len()], left.len().max(right.len()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An outcome of the kind that is asked for, shown or not.
    pub fn outcome(kind: Kind, expected: &str, written: &str, is_shown: bool) -> Outcome {
        Outcome {
            language: "go".to_owned(),
            kind,
            expected: expected.to_owned(),
            in_word: false,
            written: written.to_owned(),
            confidence: 0.9,
            candidates: Vec::new(),
            bits: Some(4.0),
            shown: is_shown.then(|| written.to_owned()),
            refusal: None,
            read_ms: 1.0,
            write_ms: 1.0,
            passed: None,
        }
    }

    #[test]
    fn edits_count_in_characters() {
        assert_eq!(similarity("", ""), 1.0);
        assert_eq!(similarity("abcd", "abxd"), 0.75);
        assert_eq!(similarity("", "ab"), 0.0);
    }

    #[test]
    fn a_beginning_is_right_and_blanks_at_ends_do_not_count() {
        let body = outcome(Kind::Body, "a = 1\n    b = 2", "a = 1  \n    b = 2\n", true);
        assert!(body.is_exact() && body.is_shown_exact());
        let beginning = outcome(Kind::Body, "a = 1\n    b = 2", "a = 1", true);
        assert_eq!((beginning.right_chars(), beginning.is_shown_exact()), (Some(5), false));
        assert_eq!(outcome(Kind::Body, "a = 1", "a = 2", true).right_chars(), None);
        assert_eq!(outcome(Kind::Body, "a = 1", "a = 1", false).right_chars(), None);
    }

    #[test]
    fn what_follows_the_place_is_right_too_and_several_lines_may_differ_a_little() {
        let case = Case {
            path: "a.py".to_owned(),
            language: "python".to_owned(),
            kind: Kind::Rest,
            sort: String::new(),
            text: "x = \ny = second(x)\n".to_owned(),
            offset: 4,
            expected: "first(1)".to_owned(),
            edited: None,
        };
        for (text, expected) in [
            ("first(1)", true),
            ("first", true),
            ("first(2)", false),
            ("first(1)\ny = second(x)", true),
            ("first(1)\ny = second(z)", true),
            ("other(9)\nz = third(7)", false),
        ] {
            assert_eq!(is_right(&case, text), expected, "{text}");
        }
        assert!(!is_right(&Case { kind: Kind::Quiet, ..case }, "first"));
    }

    #[test]
    fn what_ends_the_word_at_the_cursor_is_kept_and_not_useful() {
        let mut rest = outcome(Kind::Rest, "tal += 1", "tal +=", true);
        rest.in_word = true;
        assert_eq!((rest.right_chars(), rest.useful_chars()), (Some(6), 3));
        rest.in_word = false;
        assert_eq!(rest.useful_chars(), 6);
    }

    #[test]
    fn silence_is_right_where_nothing_should_come() {
        let silent = outcome(Kind::Quiet, "", "x", false);
        let loud = outcome(Kind::Quiet, "", "x", true);
        assert_eq!((silent.is_shown_exact(), loud.is_shown_exact()), (true, false));
        assert_eq!((silent.shown_similarity(), loud.shown_similarity()), (1.0, 0.0));
        assert_eq!(loud.right_chars(), None);
    }
}
