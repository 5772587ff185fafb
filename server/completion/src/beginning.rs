//! Beginnings of a line that can be shown without the rest of it. Invariant: they end between words, on the first line.

use fimble_model::Generation;

use crate::post_process::Draft;

/// Fewer characters are typed as fast as they are read and accepted.
const FEWEST_CHARS: usize = 4;

/// The same for the rest of the word at the cursor, which the menu of an editor has, too.
const FEWEST_OF_WORD: usize = 8;

/// Cuts a draft to the part that corresponds to its generation up to `raw_end`. Returns whether there is something; if not, the
/// draft is not to be used.
pub(crate) fn keep(draft: &mut Draft, generation: &Generation, raw_end: usize) -> bool {
    // Filters may have changed white space: then the correspondence is not known.
    let Some(len) = raw_end.min(draft.raw.end).checked_sub(draft.raw.start) else { return false };
    let shown = draft.text.get(draft.n_lead..).unwrap_or_default();
    let beginning = shown.get(..len).filter(|text| generation.text[draft.raw.start..].starts_with(*text));
    let Some(beginning) = beginning else { return false };
    // An open bracket with nothing in it is no gain; one that opens a block ends a header.
    let len = without_openers(beginning, "([").len();
    draft.keep_beginning(len);
    len > 0
}

/// Takes what may be the first half of a word, and operators and opening brackets with nothing behind them, from the end of a
/// line that the model had no time to end. Returns whether anything was taken.
pub(crate) fn end_whole(draft: &mut Draft) -> bool {
    if draft.text.contains('\n') {
        return false;
    }
    let word_start = draft.text.trim_end_matches(is_of_word).len();
    let len = without_openers(&draft.text[..word_start], "([{.,:=+-*/%<>|&^!?").len();
    let is_cut = len < draft.text.len();
    if is_cut {
        draft.cut_end(len);
    }
    is_cut
}

/// A text without white space, these characters, and a quote that opens a string, at its end.
fn without_openers<'a>(text: &'a str, openers: &str) -> &'a str {
    let mut left = text;
    loop {
        left = left.trim_end_matches(|c: char| c.is_whitespace() || openers.contains(c));
        let quote = left.chars().next_back().filter(|c| matches!(c, '"' | '\'' | '`'));
        let Some(quote) = quote.filter(|quote| left.matches(*quote).count() % 2 == 1) else { return left };
        left = &left[..left.len() - quote.len_utf8()];
    }
}

/// Whether a beginning is worth showing behind what is typed of the line.
pub(crate) fn is_enough(beginning: &str, typed: &str) -> bool {
    let only_ends_word = typed.ends_with(is_of_word) && beginning.chars().all(is_of_word);
    let fewest = if only_ends_word { FEWEST_OF_WORD } else { FEWEST_CHARS };
    beginning.trim().chars().count() >= fewest
}

/// The places between words on the line behind `start`, with the probability of the text up to each.
pub(crate) fn word_ends(generation: &Generation, start: usize) -> Vec<(usize, f32)> {
    let line = generation.text.get(start..).and_then(|text| text.split('\n').next()).unwrap_or_default();
    let mut sum = 0.0;
    let mut found = Vec::new();
    for token in generation.tokens.iter().take_while(|token| token.text_end <= start + line.len()) {
        sum += f64::from(token.logprob);
        #[expect(clippy::cast_possible_truncation, reason = "a probability")]
        let probability = sum.exp() as f32;
        // Not a number is not likely.
        if probability.is_nan() {
            break;
        }
        if token.text_end > start && ends_word(&generation.text, token.text_end) {
            found.push((token.text_end, probability));
        }
    }
    found
}

/// Whether a place is not inside of a word. At the end of the text so far, the word may continue.
fn ends_word(text: &str, at: usize) -> bool {
    text.split_at_checked(at).is_some_and(|(before, after)| {
        !before.ends_with(is_of_word) || after.chars().next().is_some_and(|c| !is_of_word(c))
    })
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use fimble_model::{GeneratedToken, StopReason, Usage};
    use proptest::prelude::*;

    use super::*;

    fn generation(tokens: &[(&str, f32)]) -> Generation {
        let mut made = Generation {
            text: String::new(),
            tokens: Vec::new(),
            stop: StopReason::LowConfidence,
            usage: Usage::default(),
        };
        for (text, probability) in tokens {
            made.text.push_str(text);
            made.tokens.push(GeneratedToken {
                id: 0,
                logprob: probability.ln(),
                text_end: made.text.len(),
                details: None,
            });
        }
        made
    }

    fn draft(generation: &Generation) -> Draft {
        Draft {
            text: generation.text.clone(),
            raw: 0..generation.text.len(),
            n_lead: 0,
            n_replaced: 0,
            truncated: false,
        }
    }

    #[test]
    fn a_line_that_was_cut_off_ends_in_a_whole_word() {
        for (text, expected) in [
            ("self.entries.app", "self.entries"),
            ("call(func:", "call(func"),
            ("let total = com", "let total"),
            ("call(func", "call"),
            ("call(", "call"),
            ("a, b, ", "a, b"),
            ("größe", ""),
            ("wait_for(\"", "wait_for"),
            ("print('a', 'b", "print('a'"),
            ("x = [1, 2]", "x = [1, 2]"),
        ] {
            let mut draft = draft(&generation(&[(text, 0.9)]));
            assert_eq!(end_whole(&mut draft), text != expected, "{text}");
            assert_eq!((draft.text.as_str(), draft.raw.end), (expected, expected.len()));
        }
    }

    #[test]
    fn places_between_words_have_the_probability_up_to_them() {
        let generation = generation(&[("self", 0.5), (".ent", 0.5), ("ries", 0.5), (".pop", 0.5)]);
        let ends: Vec<_> = word_ends(&generation, 0);
        assert_eq!(ends.iter().map(|(end, _)| *end).collect::<Vec<_>>(), [4, 12]);
        assert!((ends[0].1 - 0.5).abs() < 1e-6 && (ends[1].1 - 0.125).abs() < 1e-6);
    }

    #[test]
    fn the_short_end_of_a_word_is_not_worth_showing() {
        for (typed, beginning, expected) in [
            ("    ", "self", true),
            ("    ", "let", false),
            ("    re", "turn", false),
            ("    re", "turn x", true),
            ("total = calc", "ulate_total", true),
            ("f", "()", false),
        ] {
            assert_eq!(is_enough(beginning, typed), expected, "{typed}{beginning}");
        }
    }

    #[test]
    fn white_space_of_the_file_s_own_stays_in_front() {
        let generation = generation(&[(" return", 0.9), (" total", 0.9), (" + 1", 0.1)]);
        let mut wider = Draft {
            text: "  return total + 1".to_owned(),
            raw: 1..generation.text.len(),
            n_lead: 2,
            ..draft(&generation)
        };
        assert!(keep(&mut wider, &generation, 13));
        assert_eq!((wider.text.as_str(), wider.raw), ("  return total", 1..13));
    }

    #[test]
    fn a_draft_that_stands_for_something_else_is_left_alone() {
        let generation = generation(&[("    return", 0.9), (" total", 0.1)]);
        let mut tabs = Draft { text: "\treturn total".to_owned(), ..draft(&generation) };
        assert!(!keep(&mut tabs, &generation, 10));
        assert_eq!(tabs.text, "\treturn total");
    }

    proptest! {
        #[test]
        fn a_beginning_ends_between_words(
            tokens in prop::collection::vec(
                (prop::sample::select(vec!["word", " ", "(", "ä.", "\n", "longer", ", "]), 0.2_f32..=1.0), 0..9),
        ) {
            let generation = generation(&tokens);
            for (end, _) in word_ends(&generation, 0) {
                let mut draft = draft(&generation);
                if !keep(&mut draft, &generation, end) {
                    continue;
                }
                prop_assert!(!draft.text.is_empty() && !draft.text.contains('\n'));
                prop_assert!(generation.text.starts_with(&draft.text) && draft.raw == (0..draft.text.len()));
                let rest = generation.text[draft.text.len()..].chars().next();
                let is_of_word = |c: char| c.is_alphanumeric();
                prop_assert!(!draft.text.ends_with(is_of_word) || rest.is_some_and(|c| !is_of_word(c)));
            }
        }
    }
}
