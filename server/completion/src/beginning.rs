//! The likely beginning of a line that is not likely enough as a whole. Must hold: it ends between words, on the first line,
//! and is as likely as a whole line would have to be.

use fimble_model::Generation;

use crate::post_process::Draft;

/// Fewer characters are typed as fast as they are read and accepted.
const FEWEST_CHARS: usize = 4;

/// Cuts a draft to its longest beginning that is right with a probability of `least`, if it has one that is worth showing.
/// Returns the probability.
pub(crate) fn keep_likely(draft: &mut Draft, generation: &Generation, least: f32) -> Option<f32> {
    let (raw_end, probability) = likely_end(generation, draft.raw.start, least)?;
    // Filters may have changed white space: then it is not known what stands for what.
    let len = raw_end.min(draft.raw.end).checked_sub(draft.raw.start)?;
    let shown = draft.text.get(draft.n_lead..)?;
    let beginning = shown.get(..len).filter(|text| generation.text[draft.raw.start..].starts_with(*text))?;
    // An open bracket with nothing in it is no gain; one that opens a block ends a header.
    let len = beginning.trim_end_matches(|c: char| c.is_whitespace() || "([".contains(c)).len();
    (is_enough(&beginning[..len]) && len <= shown.len()).then(|| {
        draft.keep_beginning(len);
        probability
    })
}

/// Takes what may be the first half of a word, and operators and opening brackets with nothing behind them, from the end of a line
/// that the model had no time to end. Returns whether anything was taken.
pub(crate) fn end_whole(draft: &mut Draft) -> bool {
    if draft.text.contains('\n') {
        return false;
    }
    let word_start = draft.text.trim_end_matches(is_of_word).len();
    let leads_on = |c: char| c.is_whitespace() || "([{.,:=+-*/%<>|&^!?".contains(c);
    let kept = draft.text[..word_start].trim_end_matches(leads_on);
    let len = kept.len();
    let is_cut = len < draft.text.len();
    if is_cut {
        draft.cut_end(len);
    }
    is_cut
}

/// Whether a beginning is worth showing.
pub(crate) fn is_enough(beginning: &str) -> bool {
    beginning.trim().chars().count() >= FEWEST_CHARS
}

/// The last place on the line behind `start`, between words, up to which the text is that likely.
fn likely_end(generation: &Generation, start: usize, least: f32) -> Option<(usize, f32)> {
    let line = generation.text.get(start..)?.split('\n').next()?;
    let mut sum = 0.0;
    let mut found = None;
    for token in generation.tokens.iter().take_while(|token| token.text_end <= start + line.len()) {
        sum += f64::from(token.logprob);
        #[expect(clippy::cast_possible_truncation, reason = "a probability")]
        let probability = sum.exp() as f32;
        // Not a number is not likely.
        if probability.is_nan() || probability < least {
            break;
        }
        if token.text_end > start && ends_word(&generation.text, token.text_end) {
            found = Some((token.text_end, probability));
        }
    }
    found
}

/// Whether a place is not inside of a word. At the end of what there is nobody knows whether the word goes on.
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
            stop: StopReason::Unsure,
            usage: Usage::default(),
        };
        for (text, probability) in tokens {
            made.text.push_str(text);
            made.tokens.push(GeneratedToken { id: 0, logprob: probability.ln(), text_end: made.text.len() });
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
            ("x = [1, 2]", "x = [1, 2]"),
        ] {
            let mut draft = draft(&generation(&[(text, 0.9)]));
            assert_eq!(end_whole(&mut draft), text != expected, "{text}");
            assert_eq!((draft.text.as_str(), draft.raw.end), (expected, expected.len()));
        }
    }

    #[test]
    fn what_is_likely_is_kept_up_to_a_word() {
        for (tokens, expected) in [
            (vec![("self", 0.9), (".ent", 0.9), ("ries", 0.9), (".pop", 0.3)], Some("self.entries")),
            (vec![("self", 0.9), (".ent", 0.9), ("ries", 0.3)], Some("self")),
            (vec![("let", 0.9), (" total", 0.9), (" = ", 0.9), ("7", 0.1)], Some("let total =")),
            (vec![("return", 0.9), ("\n", 0.9), ("x", 0.1)], Some("return")),
            // Too short, not likely, or perhaps the beginning of a longer word.
            (vec![("f(", 0.9), ("entry", 0.1)], None),
            (vec![("return", 0.3), (" 1", 0.9)], None),
            (vec![("entry", 0.9)], None),
        ] {
            let generation = generation(&tokens);
            let mut draft = draft(&generation);
            let kept = keep_likely(&mut draft, &generation, 0.5).map(|_| draft.text.as_str());
            assert_eq!(kept, expected, "{tokens:?}");
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
        assert!(keep_likely(&mut wider, &generation, 0.5).is_some());
        assert_eq!((wider.text.as_str(), wider.raw), ("  return total", 1..13));
    }

    #[test]
    fn a_draft_that_stands_for_something_else_is_left_alone() {
        let generation = generation(&[("    return", 0.9), (" total", 0.1)]);
        let mut tabs = Draft { text: "\treturn total".to_owned(), ..draft(&generation) };
        assert_eq!(keep_likely(&mut tabs, &generation, 0.5), None);
        assert_eq!(tabs.text, "\treturn total");
    }

    proptest! {
        #[test]
        fn a_beginning_is_as_likely_as_asked(
            tokens in prop::collection::vec(
                (prop::sample::select(vec!["word", " ", "(", "ä.", "\n", "longer", ", "]), 0.2_f32..=1.0), 0..9),
            least in 0.1_f32..1.0,
        ) {
            let generation = generation(&tokens);
            let mut draft = draft(&generation);
            if let Some(probability) = keep_likely(&mut draft, &generation, least) {
                prop_assert!(probability >= least && !draft.text.contains('\n'));
                prop_assert!(generation.text.starts_with(&draft.text) && draft.raw == (0..draft.text.len()));
                let rest = generation.text[draft.text.len()..].chars().next();
                let is_of_word = |c: char| c.is_alphanumeric();
                prop_assert!(!draft.text.ends_with(is_of_word) || rest.is_some_and(|c| !is_of_word(c)));
            }
        }
    }
}
