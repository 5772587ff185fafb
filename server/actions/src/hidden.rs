//! Passwords, keys and tokens in the prompts of a chat model. Invariant: a model sees a name such as `REDACTED_1` instead of
//! each that the detector knows; code that it writes back has the secret again where the name stands.

use std::ops::Range;

use fimble_document::Text;
use fimble_secrets::{Finding, PLACEHOLDER, find};

/// Shorter values are not searched for in texts about the code: they occur in words by chance.
const LEAST_TO_SEARCH: usize = 6;

/// The secrets of one question.
pub(crate) struct Hidden {
    findings: Vec<Finding>,
    /// The hidden texts, in the order of the names.
    values: Vec<String>,
    /// Number of the first name: higher than any in the file.
    first: usize,
}

impl Hidden {
    /// Looks for the secrets of a file, so that a part of one is known in a part of the file.
    pub(crate) fn of(text: &Text) -> Self {
        let text = text.slice(0..text.len());
        let used = names_in(&text).map(|(_, number)| number).max().unwrap_or(0);
        Self { findings: find(&text), values: Vec::new(), first: used.saturating_add(1) }
    }

    /// A part of the file with names instead of secrets.
    pub(crate) fn slice(&mut self, text: &Text, range: Range<usize>) -> String {
        let mut shown = String::new();
        let mut at = range.start;
        let findings = self.findings.iter().map(|finding| finding.range.clone()).collect::<Vec<_>>();
        for found in findings {
            let hidden = found.start.max(at)..found.end.min(range.end);
            if hidden.is_empty() {
                continue;
            }
            shown.push_str(&text.slice(at..hidden.start));
            shown.push_str(&self.name(&text.slice(hidden.clone())));
            at = hidden.end;
        }
        shown.push_str(&text.slice(at..range.end.max(at)));
        shown
    }

    /// A text about the file, without secrets of the file and without others.
    pub(crate) fn words(&mut self, words: &str) -> String {
        let mut shown = words.to_owned();
        for number in 0..self.values.len() {
            let value = self.values[number].clone();
            if value.len() >= LEAST_TO_SEARCH && shown.contains(&value) {
                shown = shown.replace(&value, &self.name(&value));
            }
        }
        let mut result = String::new();
        let mut at = 0;
        for Finding { range, .. } in find(&shown) {
            result.push_str(&shown[at..range.start]);
            result.push_str(&self.name(&shown[range.clone()]));
            at = range.end;
        }
        result + &shown[at..]
    }

    /// Code that a model wrote, with the secrets again.
    pub(crate) fn restored(&self, code: &str) -> String {
        let mut result = String::new();
        let mut at = 0;
        for (range, number) in names_in(code) {
            if let Some(value) = number.checked_sub(self.first).and_then(|index| self.values.get(index)) {
                result.push_str(&code[at..range.start]);
                result.push_str(value);
                at = range.end;
            }
        }
        result + &code[at..]
    }

    /// The name of a value.
    fn name(&mut self, value: &str) -> String {
        let value = value.replace("\r\n", "\n");
        let known = self.values.iter().position(|known| *known == value);
        let index = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        format!("{PLACEHOLDER}_{}", self.first + index)
    }
}

/// The names in a text, with their numbers.
fn names_in(text: &str) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
    text.match_indices(PLACEHOLDER).filter_map(|(start, word)| {
        let digits = text[start + word.len()..].strip_prefix('_')?;
        let n_digits = digits.bytes().take_while(u8::is_ascii_digit).count();
        let number = digits[..n_digits].parse().ok()?;
        Some((start..start + word.len() + 1 + n_digits, number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password() -> String {
        ["x9Kd02", "mmQpL7aa31Zb"].concat()
    }

    #[test]
    fn what_is_hidden_comes_back_where_its_name_stands() {
        let code = format!("host = \"db\"\npassword = \"{}\"\nopen(host, password)\n", password());
        let text = Text::new(&code);
        let mut hidden = Hidden::of(&text);
        let shown = hidden.slice(&text, 0..text.len());
        assert_eq!(shown, "host = \"db\"\npassword = \"REDACTED_1\"\nopen(host, password)\n");
        assert_eq!(hidden.restored(&shown), code);
        assert_eq!(hidden.restored("a = REDACTED_2"), "a = REDACTED_2");
        // A text about it has its name, and another secret is also hidden.
        let said = hidden.words(&format!("{} is wrong, use password = \"{}Q\"", password(), password()));
        assert!(said.starts_with("REDACTED_1 is wrong") && !said.contains(&password()), "{said}");
    }

    #[test]
    fn a_part_of_a_secret_is_hidden_as_that() {
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n",
            "MIIEvQ".repeat(8),
            "aB3dE5".repeat(8)
        );
        let text = Text::new(&key);
        let mut hidden = Hidden::of(&text);
        let second = text.line_start(1)..text.line_start(2);
        let shown = hidden.slice(&text, second.clone());
        assert!(shown.starts_with("REDACTED_1") && !shown.contains("MIIEvQ"), "{shown}");
        assert_eq!(hidden.restored(&shown), text.slice(second));
    }

    #[test]
    fn names_of_the_file_are_not_taken_for_ours() {
        let code = format!("a = \"REDACTED_4\"\npassword = \"{}\"\n", password());
        let text = Text::new(&code);
        let mut hidden = Hidden::of(&text);
        let shown = hidden.slice(&text, 0..text.len());
        assert!(shown.contains("REDACTED_4") && shown.contains("REDACTED_5"), "{shown}");
        assert_eq!(hidden.restored(&shown), code);
    }
}
