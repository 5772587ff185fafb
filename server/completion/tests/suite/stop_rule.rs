//! The stop rule must say the same however the text is cut into pieces.

use std::ops::ControlFlow;

use fimble_completion::{CompletionSettings, StopCause, StopLimits, StopRule};
use fimble_syntax::by_path;
use proptest::prelude::*;

use crate::support::{Marked, planned};

fn limits(multi_line: bool, typed: &str, next_line: Option<&str>) -> StopLimits {
    StopLimits {
        multi_line,
        max_lines: 4,
        typed: typed.to_owned(),
        next_line: next_line.map(str::to_owned),
        language: by_path("a.rs"),
    }
}

/// Feeds the pieces until the rule breaks, as an engine does; returns what is kept and why.
fn run<'p>(limits: StopLimits, pieces: impl Iterator<Item = &'p str>) -> (usize, Option<StopCause>) {
    let mut rule = StopRule::new(limits);
    for piece in pieces {
        if rule.push(piece).is_break() {
            break;
        }
    }
    rule.finish(false)
}

fn code_like() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "\n",
            "\n\n",
            "\n    ",
            "\n        ",
            "let a = b;",
            "}",
            "} else {",
            "{",
            " ",
            "x",
            "a, ",
            "0, 0, 0, ",
            "漢字",
            "😀",
            "end",
            "return value;",
            "\t",
            "next();",
            "\r\n",
            ".next.next.next",
        ]),
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_verdict_does_not_depend_on_how_the_text_is_cut(
        text in code_like(),
        cuts in prop::collection::vec(0_usize..200, 0..12),
        multi_line: bool,
        typed in prop::sample::select(vec!["", "    ", "    let a = ", "    if a {"]),
    ) {
        let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        places.extend([0, text.len()]);
        places.retain(|place| text.is_char_boundary(*place));
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &text[pair[0]..pair[1]]);
        let limits = limits(multi_line, typed, Some("    next();"));
        let whole = run(limits.clone(), std::iter::once(text.as_str()));
        let mut bytes = [0_u8; 4];
        let mut one_by_one = StopRule::new(limits.clone());
        for ch in text.chars() {
            let _ = one_by_one.push(ch.encode_utf8(&mut bytes));
        }
        prop_assert_eq!(&run(limits, pieces), &whole);
        prop_assert_eq!(&one_by_one.finish(false), &whole);
        prop_assert!(text.is_char_boundary(whole.0));
    }
}

#[test]
fn a_rule_stops_at_what_it_is_for() {
    let cases = [
        (false, "let a = ", "b;\nlet c", "b;", Some(StopCause::LineEnd)),
        (false, "", "\nlet a;\nlet b;", "\nlet a;", Some(StopCause::LineEnd)),
        (false, "let a = b;", "\nlet c;", "", Some(StopCause::LineEnd)),
        (false, "let a = ", "b", "b", None),
        (
            true,
            "    ",
            "a();\n    b();\n    c();\n    d();\n    e();",
            "a();\n    b();\n    c();\n    d();",
            Some(StopCause::MaxLines),
        ),
        (true, "    ", "a();\n}\n", "a();\n}", Some(StopCause::Dedent)),
        (true, "    ", "a();\nfn b", "a();", Some(StopCause::Dedent)),
        (true, "    ", "a();\n\n\n    b();", "a();", Some(StopCause::BlankLines)),
        (true, "    ", "a();\n    next();\n", "a();", Some(StopCause::NextLine)),
        (true, "    ", "abc();\n    abc();\n    abc();\n", "abc();", Some(StopCause::RepeatedLines)),
        (false, "let a = [", "0, 0, 0, 0, 0, 0, 0, 0, 0", "0, ", Some(StopCause::Loop)),
        (
            false,
            "",
            "// ==========================================",
            "// ==========================================",
            None,
        ),
    ];
    for (multi_line, typed, text, kept, cause) in cases {
        let (n_kept, stopped) = run(limits(multi_line, typed, Some("    next();")), std::iter::once(text));
        assert_eq!((&text[..n_kept], stopped), (kept, cause), "after {typed:?}");
    }
}

#[test]
fn the_observer_of_a_plan_breaks_where_the_rule_does() {
    let marked = Marked::new("a.rs", "fn f() {\n    let a = $0\n}\n");
    let plan = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    let mut observer = plan.observer();
    assert_eq!(observer("compute(b", &[]), ControlFlow::Continue(()));
    assert_eq!(observer(");\n  ", &[]), ControlFlow::Break(()));
    assert_eq!(observer("more", &[]), ControlFlow::Break(()), "a stopped rule stays stopped");
}
