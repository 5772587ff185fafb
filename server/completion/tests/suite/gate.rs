//! Where nothing is suggested, and why.

use fimble_completion::{CompletionSettings, CursorInput, RefusalKind, SelectedItem, Trigger, finish, gate};
use fimble_model::StopReason;
use fimble_syntax::ParseBudget;

use crate::support::{Marked, generation, planned};

fn refusal(path: &str, marked: &str, trigger: Trigger, settings: &CompletionSettings) -> Option<RefusalKind> {
    let marked = Marked::new(path, marked);
    gate(&CursorInput { trigger, ..marked.input() }, settings).err().map(|refusal| refusal.kind)
}

#[test]
fn places_are_refused_for_their_reason() {
    let all_on = CompletionSettings::default();
    let all_off =
        CompletionSettings { in_comments: false, in_strings: false, ..CompletionSettings::default() };
    let long_line = format!("x = {}$0", "1 + ".repeat(4000));
    let cases: [(&str, &str, Trigger, &CompletionSettings, Option<RefusalKind>); 12] = [
        ("a.py", "value = $0", Trigger::Automatic, &all_on, None),
        ("a.py", "val$0ue = 1", Trigger::Automatic, &all_on, Some(RefusalKind::MidWord)),
        ("a.py", "val$0ue = 1", Trigger::Invoked, &all_on, Some(RefusalKind::MidWord)),
        ("a.py", "f($0value)", Trigger::Automatic, &all_on, Some(RefusalKind::MidWord)),
        ("a.py", "f($0value)", Trigger::Invoked, &all_on, None),
        ("a.py", "a = 1  # what $0", Trigger::Automatic, &all_on, None),
        ("a.py", "a = 1  # what $0\n", Trigger::Automatic, &all_off, Some(RefusalKind::Comment)),
        ("a.py", "a = 'what $0'", Trigger::Automatic, &all_off, Some(RefusalKind::String)),
        ("a.py", "a = 'what' + $0", Trigger::Automatic, &all_off, None),
        ("a.py", "a\0b = $0", Trigger::Automatic, &all_on, Some(RefusalKind::BinaryFile)),
        ("a.py", &long_line, Trigger::Automatic, &all_on, Some(RefusalKind::LineTooLong)),
        ("a.unknown", "$0", Trigger::Automatic, &all_off, None),
    ];
    for (path, text, trigger, settings, expected) in cases {
        let shown: String = text.chars().take(40).collect();
        assert_eq!(refusal(path, text, trigger, settings), expected, "{shown:?} {trigger:?}");
    }
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let settings = CompletionSettings { max_file_bytes: 20, ..CompletionSettings::default() };
    assert_eq!(refusal("a.py", "value = $0", Trigger::Automatic, &settings), None);
    let kind = refusal("a.py", "a_longer_value = other$0", Trigger::Automatic, &settings);
    assert_eq!(kind, Some(RefusalKind::FileTooLarge));
}

#[test]
fn a_selected_item_must_extend_what_is_typed() {
    let marked = Marked::new("a.js", "first();\ncon$0sole");
    let items = [
        (9..12, "con", None),
        (9..17, "console", None),
        (9..12, "cns", Some(RefusalKind::SelectionConflict)),
        (9..12, "con\nsole", Some(RefusalKind::SelectionConflict)),
        (2..12, "rst();\ncon", Some(RefusalKind::SelectionConflict)),
        (13..14, "console", Some(RefusalKind::SelectionConflict)),
        (9..usize::MAX, "console", None),
    ];
    for (range, text, expected) in items {
        let item = SelectedItem { range: range.clone(), text: text.to_owned() };
        let kind = gate(&marked.input_with(Some(item)), &CompletionSettings::default()).err();
        let kind = kind.map(|refusal| refusal.kind).filter(|kind| *kind != RefusalKind::MidWord);
        assert_eq!(kind, expected, "{range:?} {text:?}");
    }
}

#[test]
fn no_reason_and_no_effect_holds_code() {
    let marked = Marked::new("a.py", "def secret_name(a):\n    secret_value = $0\n    return a\n");
    let settings = CompletionSettings { min_confidence: 0.0, ..CompletionSettings::default() };
    let plan = planned(&marked.input(), &settings).expect("a plan");
    for text in
        ["secret_value", "secret(\n", "return a", "   ", "", "x)))", "secret_value = secret_value = = ="]
    {
        let answer = generation(text, -0.1, StopReason::EndToken(1));
        let finished = finish(&plan, &marked.input(), &settings, &answer, &ParseBudget::unlimited());
        let reason = finished.result.err().map(|refusal| refusal.reason).unwrap_or_default();
        let effects: String = finished.filters.iter().map(|step| step.effect.as_str()).collect();
        assert!(!reason.contains("secret") && !effects.contains("secret"), "{reason} {effects}");
    }
}

#[test]
fn a_cancelled_generation_is_not_shown() {
    let marked = Marked::new("a.py", "value = $0");
    let settings = CompletionSettings::default();
    let plan = planned(&marked.input(), &settings).expect("a plan");
    let answer = generation("compute(a)", -0.1, StopReason::Cancelled);
    let finished = finish(&plan, &marked.input(), &settings, &answer, &ParseBudget::unlimited());
    assert_eq!(finished.result.expect_err("nothing").kind, RefusalKind::Cancelled);
}

#[test]
fn the_syntax_check_is_skipped_when_time_is_up_or_it_is_off() {
    let marked = Marked::new("a.rs", "fn f() {\n    let b = 1;\n    $0\n    done(b);\n}\n");
    let answer = generation("let = = fn 3;", -0.1, StopReason::EndToken(1));
    let settings = CompletionSettings::default();
    let plan = planned(&marked.input(), &settings).expect("a plan");
    let kind = |settings: &CompletionSettings, budget: &ParseBudget<'_>| {
        finish(&plan, &marked.input(), settings, &answer, budget).result.err().map(|refusal| refusal.kind)
    };
    assert_eq!(kind(&settings, &ParseBudget::unlimited()), Some(RefusalKind::BreaksSyntax));
    assert_eq!(kind(&settings, &ParseBudget { time: None, cancelled: &|| true }), None);
    let off = CompletionSettings { syntax_check: false, ..CompletionSettings::default() };
    assert_eq!(kind(&off, &ParseBudget::unlimited()), None);
}

#[test]
fn confidence_is_that_of_the_lines_shown() {
    let marked = Marked::new("a.py", "value = $0\n");
    let settings = CompletionSettings { min_confidence: 0.5, ..CompletionSettings::default() };
    let plan = planned(&marked.input(), &settings).expect("a plan");
    let mut answer = generation("abcdef\nghijkl", -0.3, StopReason::EndToken(1));
    for token in answer.tokens.iter_mut().filter(|token| token.text_end > 6) {
        token.logprob = -9.0;
    }
    // The third token holds the line break and no shown text.
    let finished = finish(&plan, &marked.input(), &settings, &answer, &ParseBudget::unlimited());
    let suggestion = finished.result.expect("a suggestion");
    assert_eq!((suggestion.text.as_str(), suggestion.n_tokens), ("abcdef", 2));
    assert!((suggestion.confidence - (-0.6_f32).exp()).abs() < 1e-6);
}

#[test]
fn of_a_line_that_is_not_likely_its_likely_beginning_is_shown() {
    let marked = Marked::new("a.rs", "fn f() {\n    let all = $0\n}\n");
    let settings = CompletionSettings { min_confidence: 0.5, ..CompletionSettings::default() };
    let plan = planned(&marked.input(), &settings).expect("a plan");
    for stop in [StopReason::EndToken(1), StopReason::LowConfidence] {
        let mut answer = generation("load(self.path)", -0.05, stop);
        answer.tokens.last_mut().expect("tokens").logprob = -3.0;
        let finished = finish(&plan, &marked.input(), &settings, &answer, &ParseBudget::unlimited());
        let suggestion = finished.result.expect("a beginning");
        assert!(suggestion.text.starts_with("load(self") && suggestion.text.len() < "load(self.path)".len());
        assert!(suggestion.confidence >= 0.5 && suggestion.n_tokens < answer.tokens.len());
        answer.tokens[0].logprob = -3.0;
        let finished = finish(&plan, &marked.input(), &settings, &answer, &ParseBudget::unlimited());
        assert_eq!(finished.result.expect_err("nothing").kind, RefusalKind::LowConfidence);
    }
}
