//! Cached suggestions are answered again, and have the same effect on the text.

use std::ops::Range;

use fimble_completion::{HitKind, SelectedItem, Suggestion, SuggestionCache};
use fimble_document::Text;
use proptest::prelude::*;

const SETTINGS: u64 = 1;

fn suggestion(replace: Range<usize>, text: &str) -> Suggestion {
    Suggestion { replace, text: text.to_owned(), confidence: 0.5, n_tokens: 3, is_remote: false }
}

fn apply(content: &str, suggestion: &Suggestion) -> String {
    let replace = &suggestion.replace;
    format!("{}{}{}", &content[..replace.start], suggestion.text, &content[replace.end..])
}

/// A cache with one suggestion at `$0` of the text, which replaces `n_replaced` bytes behind it.
fn cached(marked: &str, n_replaced: usize, text: &str) -> (SuggestionCache, String, usize) {
    let offset = marked.find("$0").expect("a cursor");
    let content = marked.replacen("$0", "", 1);
    let mut cache = SuggestionCache::new(8, 32);
    cache.insert(1, &Text::new(&content), offset, SETTINGS, &suggestion(offset..offset + n_replaced, text));
    (cache, content, offset)
}

#[test]
fn what_came_from_another_machine_stays_marked() {
    for is_remote in [true, false] {
        let mut cache = SuggestionCache::new(8, 32);
        let text = Text::new("a = ");
        let suggestion = Suggestion { is_remote, ..suggestion(4..4, "compute(a)") };
        cache.insert(1, &text, 4, SETTINGS, &suggestion);
        for typed in ["", "com", "c"] {
            let text = Text::new(&format!("a = {typed}"));
            let hit = cache.lookup(1, &text, text.len(), SETTINGS, None).unwrap();
            assert_eq!(hit.suggestion.is_remote, is_remote, "{typed:?}, {:?}", hit.kind);
            assert!(cache.knows(1, &text, text.len(), SETTINGS));
            assert!(!cache.knows(1, &text, text.len(), SETTINGS + 1));
        }
    }
}

#[test]
fn a_suggestion_answers_wherever_it_was_typed_to() {
    let (mut cache, content, offset) = cached("a = 1\nb = $0\nc = 3\n", 0, "compute(a)");
    let mut ask = |typed: &str| {
        let text = format!("{}{typed}{}", &content[..offset], &content[offset..]);
        let hit = cache.lookup(1, &Text::new(&text), offset + typed.len(), SETTINGS, None);
        hit.map(|hit| (hit.suggestion.text, hit.kind))
    };
    let hit = |text: &str, kind| Some((text.to_owned(), kind));
    assert_eq!(ask(""), hit("compute(a)", HitKind::Same));
    assert_eq!(ask("com"), hit("pute(a)", HitKind::TypedThrough));
    assert_eq!(ask("compute"), hit("(a)", HitKind::TypedThrough));
    assert_eq!(ask("co"), hit("mpute(a)", HitKind::DeletedBack));
    assert_eq!(ask("co"), hit("mpute(a)", HitKind::Same), "moving away and coming back");
    assert_eq!(ask("cx"), None, "something else");
    assert_eq!(ask("compute(a)"), None, "nothing is left");
    assert_eq!(ask("compute(a);"), None);
    assert_eq!(ask(" "), None, "white space counts");
}

#[test]
fn deleting_beyond_the_start_is_no_hit() {
    let (mut cache, _, _) = cached("a = 1\nb = $0\nc = 3\n", 0, "compute(a)");
    assert_eq!(cache.lookup(1, &Text::new("a = 1\nb =\nc = 3\n"), 9, SETTINGS, None), None);
}

#[test]
fn brackets_that_the_editor_closes_meanwhile_are_replaced() {
    let (mut cache, _, offset) = cached("b = $0\nc = 3\n", 0, "compute(a)");
    let text = Text::new("b = compute()\nc = 3\n");
    let hit = cache.lookup(1, &text, offset + 8, SETTINGS, None).expect("a hit");
    assert_eq!(apply("b = compute()\nc = 3\n", &hit.suggestion), "b = compute(a)\nc = 3\n");
}

#[test]
fn text_that_came_right_of_the_cursor_is_not_replaced() {
    let (mut cache, _, offset) = cached("b = $0\nc = 3\n", 0, "compute(a)");
    assert!(cache.lookup(1, &Text::new("b = other\nc = 3\n"), offset, SETTINGS, None).is_none());
}

#[test]
fn edits_elsewhere_keep_a_suggestion_and_edits_nearby_do_not() {
    let far = "x = 0  # far away\n".repeat(100);
    let (mut cache, content, offset) = cached(&format!("{far}b = $0\nc = 3\n{far}"), 0, "compute(a)");
    let above = format!("import os\n{content}");
    assert!(cache.lookup(1, &Text::new(&above), offset + 10, SETTINGS, None).is_some(), "far above");
    let below = format!("{content}import os\n");
    assert!(cache.lookup(1, &Text::new(&below), offset, SETTINGS, None).is_some(), "far below");
    let near = content.replace("c = 3", "c = 4");
    assert!(cache.lookup(1, &Text::new(&near), offset, SETTINGS, None).is_none(), "the next line");
    assert!(cache.lookup(1, &Text::new(&content), offset, SETTINGS + 1, None).is_none(), "other settings");
    assert!(cache.lookup(2, &Text::new(&content), offset, SETTINGS, None).is_none(), "another document");
}

#[test]
fn a_selected_item_must_begin_the_suggestion() {
    let (mut cache, content, _) = cached("con$0\n", 0, "sole.log(1)");
    let mut ask = |item: &str| {
        let item = SelectedItem { range: 0..3, text: item.to_owned() };
        cache.lookup(1, &Text::new(&content), 3, SETTINGS, Some(&item)).map(|hit| hit.suggestion)
    };
    assert_eq!(ask("console"), Some(suggestion(0..3, "console.log(1)")));
    assert_eq!(ask("const"), None);
    assert_eq!(ask("console.log(1)"), None, "nothing beyond the item");
}

#[test]
fn a_suggestion_made_with_a_selected_item_is_typed_through() {
    let mut cache = SuggestionCache::new(8, 32);
    cache.insert(1, &Text::new("con\n"), 3, SETTINGS, &suggestion(0..3, "console.log(1)"));
    let hit = cache.lookup(1, &Text::new("conso\n"), 5, SETTINGS, None).expect("a hit");
    assert_eq!(apply("conso\n", &hit.suggestion), "console.log(1)\n");
}

#[test]
fn a_dismissed_place_stays_dismissed_until_its_text_changes() {
    let mut cache = SuggestionCache::new(8, 32);
    let text = Text::new("a = 1\nb = \n");
    cache.dismiss(1, &text, 10);
    assert!(cache.is_dismissed(1, &text, 10));
    assert!(!cache.is_dismissed(1, &text, 9));
    assert!(!cache.is_dismissed(2, &text, 10));
    assert!(!cache.is_dismissed(1, &Text::new("a = 1\nb = c\n"), 11));
    cache.forget(1);
    assert!(!cache.is_dismissed(1, &text, 10));
}

/// A cache where `dismissed` was suggested at the end of `before` and sent away.
fn dismissing(before: &str, dismissed: &str) -> SuggestionCache {
    let (mut cache, text) = (SuggestionCache::new(8, 32), Text::new(before));
    cache.insert(1, &text, text.len(), SETTINGS, &suggestion(text.len()..text.len(), dismissed));
    cache.dismiss(1, &text, text.len());
    cache
}

/// Whether a suggestion at the end of `content` says what was dismissed.
fn is_said_again(cache: &SuggestionCache, content: &str, said: &str) -> bool {
    let end = content.len();
    cache.says_what_was_dismissed(1, &Text::new(content), end, &suggestion(end..end, said))
}

#[test]
fn what_was_dismissed_does_not_come_back_along_its_way() {
    let (above, dismissed) = ("a = 1\nb = 2\n", "compute(ä,\n    scale)");
    let line = "value = ";
    let cache = dismissing(&format!("{above}{line}"), dismissed);
    let whole = format!("{line}{dismissed}");
    let places = (0..whole.len()).filter(|at| whole.is_char_boundary(*at));
    for at in places {
        let (typed, left) = whole.split_at(at);
        assert!(is_said_again(&cache, &format!("{above}{typed}"), left), "{typed:?}");
    }
    // A part of it, and more than it.
    assert!(is_said_again(&cache, &format!("{above}{line}"), "compute("));
    assert!(is_said_again(&cache, &format!("{above}{line}c"), "ompute(ä,\n    scale) + 1"));
}

#[test]
fn what_says_something_else_than_the_dismissed_may_come() {
    let cache = dismissing("a = 1\nvalue = ", "compute(a)");
    for (content, said) in [
        ("a = 1\nvalue = com", "bine(a)"),
        ("a = 1\nvalue = x", "compute(a)"),
        // Of what was dismissed nothing.
        ("a = 1\nva", "lue"),
        // All of it is there.
        ("a = 1\nvalue = compute(a)", " + 1"),
        ("a = 1\nvalue = compute(a)\n", "value = compute(a)"),
        // Another place.
        ("a = 2\nvalue = ", "compute(a)"),
        ("a = 1\n\nvalue = ", "compute(a)"),
    ] {
        assert!(!is_said_again(&cache, content, said), "{content:?} {said:?}");
    }
}

#[test]
fn who_asks_by_hand_gets_the_dismissed_back() {
    let mut cache = dismissing("value = ", "compute(a)");
    let text = Text::new("value = ");
    cache.restore(1, &text, 8, &suggestion(8..8, "compute(b)"));
    assert!(!cache.is_dismissed(1, &text, 8), "the place is wanted");
    assert!(is_said_again(&cache, "value = ", "compute(a)"), "this text is not");
    cache.restore(1, &text, 8, &suggestion(8..8, "compute(a)"));
    assert!(!is_said_again(&cache, "value = c", "ompute(a)"));
}

#[test]
fn the_oldest_suggestions_go_first_and_closing_frees_the_rest() {
    let mut cache = SuggestionCache::new(3, 5);
    for document in 1..=3 {
        for number in 0..4 {
            let content = format!("line {number}\n");
            cache.insert(document, &Text::new(&content), content.len(), SETTINGS, &suggestion(7..7, "more"));
        }
    }
    assert_eq!(cache.len(), 5);
    assert!(cache.lookup(1, &Text::new("line 3\n"), 7, SETTINGS, None).is_none(), "the oldest document");
    assert!(
        cache.lookup(3, &Text::new("line 0\n"), 7, SETTINGS, None).is_none(),
        "over the document's share"
    );
    assert!(cache.lookup(3, &Text::new("line 3\n"), 7, SETTINGS, None).is_some());
    for document in 1..=3 {
        cache.forget(document);
    }
    assert!(cache.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn a_hit_makes_of_the_text_what_the_suggestion_would_have_made(
        before in "[ab \n漢]{0,60}",
        text in "[ab();\n漢😀]{1,30}",
        closed in prop::sample::select(vec!["", ")", "\")", ");"]),
        rest in prop::sample::select(vec!["", " + b", " + b)"]),
        below in "(\n[ab }\n]{0,40})?",
        n_typed in 0_usize..31,
        auto_closed in prop::sample::select(vec!["", ")", "\""]),
        uses_closed: bool,
    ) {
        let n_replaced = if uses_closed && rest.is_empty() { closed.len() } else { 0 };
        let behind = format!("{closed}{rest}");
        let content = format!("{before}{behind}{below}");
        let original = suggestion(before.len()..before.len() + n_replaced, &text);
        let mut cache = SuggestionCache::new(4, 4);
        cache.insert(7, &Text::new(&content), before.len(), SETTINGS, &original);

        let typed: String = text.chars().take(n_typed).collect();
        let now = format!("{before}{typed}{auto_closed}{behind}{below}");
        let offset = before.len() + typed.len();
        let hit = cache.lookup(7, &Text::new(&now), offset, SETTINGS, None);
        if let Some(hit) = &hit {
            prop_assert_eq!(apply(&now, &hit.suggestion), apply(&content, &original));
        }
        let left = &text[typed.len()..];
        let must_hit = auto_closed.is_empty() && !left.trim().is_empty();
        prop_assert!(hit.is_some() || !must_hit, "typed through, and no hit");
    }
}
