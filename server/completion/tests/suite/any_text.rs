//! No text, place or answer of a model makes the crate panic, and what comes out always fits the text.

use fimble_completion::{CompletionSettings, CursorInput, MultiLine, SelectedItem, SuggestionCache, Trigger};
use fimble_document::Text;
use fimble_model::StopReason;
use proptest::prelude::*;

use crate::support::{Marked, complete, generation};

fn parts(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "a",
            "value",
            " = ",
            "\n",
            "\r\n",
            "\r",
            "é",
            "漢",
            "😀",
            "\t",
            "    ",
            "def f():\n",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "\"",
            "'",
            "`",
            "# ",
            "// ",
            ";",
            ",",
            "<|endoftext|>",
            "\u{2028}",
            "\\",
            "return a\n",
            "<",
            ">",
            "a.b.a.b.a.b.a.b.",
        ]),
        0..max,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn what_comes_out_fits_the_text(
        content in parts(40),
        answer in parts(25),
        place in 0.0_f64..1.1,
        selected in prop::option::of((0_usize..4, 0_usize..3, "[a-z(]{0,4}")),
        path in prop::sample::select(vec!["a.py", "a.rs", "a.ts", "a.md", "a.rb", "a.unknown"]),
        multi_line in prop::sample::select(vec![MultiLine::Auto, MultiLine::Always, MultiLine::Never]),
        truncated: bool,
    ) {
        let text = Text::new(&content);
        let offset = text.floor_char_boundary((content.len() as f64 * place) as usize);
        let marked = Marked::at(path, &content, offset);
        let selected = selected.map(|(back, ahead, more)| {
            let start = text.floor_char_boundary(offset.saturating_sub(back));
            let typed = text.slice(start..offset).into_owned();
            SelectedItem { range: start..offset + ahead, text: typed + &more }
        });
        let input = CursorInput { trigger: Trigger::Automatic, selected: selected.clone(), ..marked.input() };
        let settings = CompletionSettings { multi_line, ..CompletionSettings::default() };
        let stop = if truncated { StopReason::MaxTokens } else { StopReason::EndToken(1) };
        let Ok(finished) = complete(&input, &settings, &generation(&answer, -0.1, stop)) else { return Ok(()) };
        let Ok(suggestion) = finished.result else { return Ok(()) };

        let replace = suggestion.replace.clone();
        let line = text.line_of(offset);
        prop_assert!(replace.start <= replace.end && text.line_start(line) <= replace.start);
        prop_assert!(replace.end <= text.line_end(line));
        prop_assert_eq!(text.floor_char_boundary(replace.start), replace.start);
        prop_assert_eq!(text.floor_char_boundary(replace.end), replace.end);
        prop_assert!((0.0..=1.0).contains(&suggestion.confidence));
        prop_assert!(!suggestion.text.trim().is_empty());
        match &selected {
            Some(item) => {
                prop_assert_eq!(replace.start, item.range.start);
                prop_assert!(suggestion.text.starts_with(&item.text));
            }
            None => prop_assert_eq!(replace.start, offset.min(text.line_end(line))),
        }
        let removed = text.slice(offset.min(replace.end)..replace.end).into_owned();
        prop_assert!(selected.is_some() || removed.chars().all(|ch| !ch.is_alphanumeric()), "only auto-closed text goes");

        let mut cache = SuggestionCache::new(4, 4);
        cache.insert(1, &text, offset, 0, &suggestion);
        if selected.is_none() && offset <= text.line_end(line) {
            let hit = cache.lookup(1, &text, offset, 0, None);
            prop_assert_eq!(hit.map(|hit| hit.suggestion), Some(suggestion));
        }
    }
}
