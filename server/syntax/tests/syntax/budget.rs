//! Parses that are stopped. A parse that was stopped must not disturb the next one.

use std::cell::Cell;
use std::time::Duration;

use fimble_document::Text;
use fimble_syntax::{ParseBudget, ParseStopped, SyntaxTree};

use crate::{language, parse};

fn large_rust_text() -> Text {
    let function = "fn add(first: u32, second: u32) -> u32 {\n    first + second\n}\n\n";
    Text::new(&function.repeat(10_000))
}

#[test]
fn a_cancelled_parse_stops_before_it_starts() {
    let budget = ParseBudget { time: None, cancelled: &|| true };
    let stopped = SyntaxTree::parse(language("rust"), &Text::new("fn f() {}"), None, &budget);
    assert_eq!(stopped.err(), Some(ParseStopped::Cancelled));
}

#[test]
fn a_parse_notices_that_it_is_cancelled() {
    let n_asked = Cell::new(0);
    let cancelled = || {
        n_asked.set(n_asked.get() + 1);
        n_asked.get() > 10
    };
    let budget = ParseBudget { time: None, cancelled: &cancelled };
    let stopped = SyntaxTree::parse(language("rust"), &large_rust_text(), None, &budget);
    assert_eq!(stopped.err(), Some(ParseStopped::Cancelled));
    assert_eq!(n_asked.get(), 11);
}

#[test]
fn a_large_text_does_not_fit_in_no_time() {
    let budget = ParseBudget { time: Some(Duration::ZERO), cancelled: &|| false };
    let stopped = SyntaxTree::parse(language("rust"), &large_rust_text(), None, &budget);
    assert_eq!(stopped.err(), Some(ParseStopped::OutOfTime));
}

#[test]
fn the_parse_after_a_stopped_one_is_whole() {
    let text = Text::new("def f(x):\n    return x\n");
    let expected = parse(language("python"), &text).to_s_expression();
    let budget = ParseBudget { time: Some(Duration::ZERO), cancelled: &|| false };
    assert!(
        SyntaxTree::parse(language("python"), &Text::new(&"x = [1, 2]\n".repeat(10_000)), None, &budget)
            .is_err()
    );
    assert_eq!(parse(language("python"), &text).to_s_expression(), expected);
}

#[test]
fn a_splice_check_keeps_to_its_budget() {
    let text = large_rust_text();
    let tree = parse(language("rust"), &text);
    let budget = ParseBudget { time: None, cancelled: &|| true };
    assert_eq!(tree.splice_check(&text, 0..0, "fn f() {}", &budget), Err(ParseStopped::Cancelled));
}

#[test]
fn a_parser_can_be_used_while_another_is_asked_whether_to_stop() {
    let cancelled = || {
        parse(language("json"), &Text::new("[1]"));
        false
    };
    let budget = ParseBudget { time: None, cancelled: &cancelled };
    let text = Text::new(&"fn f() { g(1); }\n".repeat(100));
    let tree = SyntaxTree::parse(language("rust"), &text, None, &budget).expect("nothing stops it");
    assert_eq!(tree.n_errors(), 0);
}

#[test]
fn a_splice_that_the_scanner_cannot_keep_is_refused() {
    let text = Text::new("- 1\n");
    let check = parse(language("yaml"), &text).splice_check(
        &text,
        2..3,
        &"- ".repeat(300),
        &ParseBudget::unlimited(),
    );
    assert_eq!(check, Err(ParseStopped::TooDeep));
}

/// A page whose script is introduced by a tag with very many attributes, each of which a query looks at.
fn page(tag: &str) -> Text {
    Text::new(&format!("<{tag} {}>let a = 1;</{tag}>\n", "type=b ".repeat(5_000)))
}

#[test]
fn the_search_for_the_language_of_a_part_can_be_cancelled() {
    let html = language("html");
    let n_checks = |text: &Text, cancelled_at: usize| {
        let n_checks = Cell::new(0);
        let cancelled = || {
            n_checks.set(n_checks.get() + 1);
            n_checks.get() >= cancelled_at
        };
        let budget = ParseBudget { time: None, cancelled: &cancelled };
        let parsed = SyntaxTree::parse(html, text, None, &budget).map(drop);
        (parsed, n_checks.get())
    };
    let (parsed, without_language) = n_checks(&page("title"), usize::MAX);
    assert_eq!(parsed, Ok(()));
    let (parsed, with_language) = n_checks(&page("script"), usize::MAX);
    assert_eq!(parsed, Ok(()));
    assert!(with_language > without_language + 10, "{with_language} after {without_language}");
    // Whenever it is cancelled, it ends.
    for at in [without_language, without_language + 2, with_language / 2, with_language - 1] {
        let (parsed, n_checks) = n_checks(&page("script"), at);
        assert_eq!(parsed, Err(ParseStopped::Cancelled), "{at}");
        assert_eq!(n_checks, at);
    }
}
