//! The count of errors. A tree with an error must never count none: a suggestion is judged by whether the count grows.

use std::path::Path;

use fimble_document::Text;
use fimble_syntax::{ParseBudget, all, by_path};

use crate::{language, parse};

/// Texts whose only fault is a node that the grammar hides, and texts without a fault.
#[test]
fn errors_that_the_grammar_hides_are_counted() {
    let cases = [
        ("python", "x = f(a, b)')'\n", 1),
        ("python", "x = f(a, b)')'", 1),
        ("python", "import numpy\nmarch = compute(orders, refunds)')'\n", 1),
        ("python", "x = f(a, b)\n", 0),
        ("ruby", "x = f(a, b) ')'\n", 1),
        ("lua", "local x = f(a, b)\n", 0),
        ("json", "[1]", 0),
    ];
    for (name, text, at_least) in cases {
        let tree = parse(language(name), &Text::new(text));
        assert_eq!(tree.has_errors(), at_least > 0, "{name}: {text:?}: {}", tree.to_s_expression());
        assert_eq!(tree.n_errors() > 0, at_least > 0, "{name}: {text:?}: {}", tree.to_s_expression());
    }
}

/// The sample of each language, with each of its lines damaged in turn.
#[test]
fn a_tree_with_an_error_counts_one_in_every_language() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/languages");
    let mut seen = Vec::new();
    for file in std::fs::read_dir(samples).expect("the samples are there") {
        let path = file.expect("it can be listed").path();
        let Some(language) = by_path(&path.to_string_lossy()) else { continue };
        let sample = std::fs::read_to_string(&path).expect("it is a text");
        seen.push(language.name());
        let starts: Vec<_> =
            std::iter::once(0).chain(sample.match_indices('\n').map(|(at, _)| at + 1)).collect();
        for start in starts.iter().step_by(3) {
            for damage in ["')'", "\"", "(", "}", "x = f(a)')'\n", "1 2 3", "<"] {
                let text = Text::new(&format!("{}{damage}{}", &sample[..*start], &sample[*start..]));
                let tree = parse(language, &text);
                assert_eq!(
                    tree.has_errors(),
                    tree.n_errors() > 0,
                    "{} at {start}: {damage}",
                    language.name()
                );
            }
        }
    }
    for language in all() {
        assert!(seen.contains(&language.name()), "there is no sample of {}", language.name());
    }
}

#[test]
fn a_stray_quote_adds_an_error() {
    let text = Text::new("march = compute(orders, refunds)\nprint(march)\n");
    let tree = parse(language("python"), &text);
    let check =
        tree.splice_check(&text, 32..32, "')'", &ParseBudget::unlimited()).expect("nothing limits it");
    assert!(check.adds_errors(), "{check:?}");
}
