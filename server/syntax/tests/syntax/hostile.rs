//! Texts that a grammar's scanner cannot keep in its state, or that make the parser take time and memory without end. Each
//! is parsed or refused; what ends the process ends this test, too.

use std::time::Duration;

use fimble_document::Text;
use fimble_syntax::{ParseBudget, ParseStopped, SyntaxTree, all};

use crate::{language, parse};

fn outcome(name: &str, text: &str) -> Result<(), ParseStopped> {
    SyntaxTree::parse(language(name), &Text::new(text), None, &ParseBudget::unlimited()).map(|_| ())
}

/// `n` blocks in each other, each opened by one line that stands `unit` deeper.
fn nested(line: &str, unit: &str, n: usize) -> String {
    (0..n).map(|level| format!("{}{line}\n", unit.repeat(level))).collect()
}

#[test]
fn a_state_that_the_scanner_cannot_keep_is_refused() {
    let many_heredocs = |n: usize| {
        let names: Vec<_> = (0..n).map(|i| format!("<<A{i:03}")).collect();
        format!("f({})\n", names.join(", "))
    };
    let two_levels_in_each_column: String =
        (0..200).map(|n| format!("{0}a:\n{0}-\n", " ".repeat(n))).collect();
    let tabs_and_blanks: String = (0..2000)
        .map(|width| format!("{}{}if a:\n", "\t".repeat(width / 8), " ".repeat(width % 8)))
        .collect();
    let continued: String =
        (0..600).map(|n| format!("{}if a:\n", " ".repeat(9) + &" \\\n".repeat(n))).collect();
    let refused = [
        ("ruby", format!("out <<\"{}\"\nputs out\n", "x".repeat(256))),
        ("ruby", format!("out <<\"{}\"\nputs out\n", "some words in a row ".repeat(15))),
        ("ruby", format!("out <<'\n{}", "def method(a)\n  a\nend\n\n".repeat(40))),
        ("ruby", format!("out <<{}\nputs out\n", "A".repeat(256))),
        ("yaml", "- ".repeat(300)),
        ("yaml", two_levels_in_each_column),
    ];
    for (name, text) in refused {
        let start: String = text.chars().take(40).collect();
        assert_eq!(outcome(name, &text), Err(ParseStopped::TooDeep), "{name}: {start:?}");
    }
    let kept = [
        ("ruby", format!("out <<\"{}\"\nputs out\n", "x".repeat(255))),
        // The scanner itself gives up a name that is longer than its buffer.
        ("ruby", format!("out <<~{}\nputs out\n", "A".repeat(5000))),
        ("ruby", many_heredocs(20)),
        ("yaml", "- ".repeat(190)),
        ("yaml", format!("a:\n{}- b\n", " ".repeat(300))),
        // Of more levels than there is room for the scanner keeps the outer ones, if their number is even.
        ("python", nested("if a:", " ", 340)),
        ("python", nested("if a:", " ", 600)),
        ("python", tabs_and_blanks),
        ("python", continued),
    ];
    for (name, text) in kept {
        let start: String = text.chars().take(40).collect();
        assert_eq!(outcome(name, &text), Ok(()), "{name}: {start:?}");
    }
    // After a refusal the next parse is as good as any.
    assert_eq!(parse(language("ruby"), &Text::new("x = 1\n")).n_errors(), 0);
}

/// Scanners that look for a character without asking whether the text has ended. An annotation that is being typed at the end of
/// a class of Kotlin made the parser run for ever.
#[test]
fn a_scanner_that_looks_beyond_the_end_returns() {
    for (name, text) in [
        ("kotlin", "class A {\n    @Com"),
        ("kotlin", "class A {\n    val a = 1\n    @Com("),
        ("kotlin", "{<script>@(@(@(@(@({<script>@(@(@(@(@("),
    ] {
        assert_eq!(outcome(name, text), Ok(()), "{name}: {text}");
    }
}

/// Every state's length around that of the parser's buffer, which several scanners overrun by a byte or two.
#[test]
fn a_state_of_any_length_is_kept_or_refused() {
    let heredocs = |opener: &str, lengths: &[usize]| {
        let names: Vec<_> = lengths.iter().map(|n| format!("{opener}{}", "A".repeat(*n))).collect();
        names.join(" ")
    };
    for last in 1..=32 {
        let names = [250, 250, 250, 226, last];
        for (name, text) in [
            ("ruby", format!("f {}\n", heredocs("<<", &names).replace(' ', ", "))),
            ("bash", format!("cat {}\n", heredocs("<<", &names))),
            ("php", format!("<?php f({});\n", heredocs("<<<", &names.map(|n| n / 4)).replace(' ', "\n, "))),
            ("python", format!("{}{}", nested("if a:", " ", 500), "f\"{".repeat(last))),
            ("html", "<abcdefghij>".repeat(75 + last)),
            ("csharp", format!("var x = {}", "$\"{".repeat(240 + last))),
            ("markdown", "> ".repeat(240 + last)),
            ("yaml", "- ".repeat(240 + last)),
        ] {
            assert!(matches!(outcome(name, &text), Ok(()) | Err(ParseStopped::TooDeep)), "{name}: {last}");
        }
    }
}

/// Openers of every language's strings, blocks and lists, hundreds of times in a row and one inside of the other.
#[test]
fn repeated_openers_end_no_process() {
    let openers = [
        "<<\"",
        "<<'",
        "<<~A\n",
        "<<A\n",
        "<<<A\n",
        "%w(",
        "%(#{",
        "\"#{",
        "f\"{",
        "f'''{",
        "$\"{",
        "$@\"{",
        "\"\"\"",
        "`${",
        "R\"x(",
        "r#\"",
        "[=[",
        "--[[",
        "- ",
        "? ",
        "a:\n ",
        "> ",
        "1. ",
        "* ",
        "<a>",
        "<p>",
        "<script>",
        "<!--",
        "{",
        "(",
        "\\\n",
        "\t",
        "a ? b : ",
        "if a {",
        "/*",
        "case x in\n",
        "$(",
        "${",
        "((",
        "[[ ",
        "@(",
        "#{",
        "#\"\"\"",
        "##\"",
        "\"\\(",
        "\"${",
        "\"\"\"${",
        "s\"${",
        "r'''",
        "'''${",
        "$$",
        "$a$",
        "/*/*",
        "<<EOF\n",
        "<<-EOT\n",
        "EOT\n",
        "%{ if a }",
        "define a\n",
        "endef\n",
        "ifeq (a,",
        "{#if a}",
        "{#each a as b}",
        "{/if}",
        "{:else}",
        "{@html ",
        "{{",
        "</script>",
        "</style>",
        "<script lang=\"ts\">",
        "<a b={",
        "given a: b",
        "case a =>\n",
        "a: List[",
        "Map<a, ",
        "\u{ffff}",
        "ä",
    ];
    let budget = ParseBudget { time: Some(Duration::from_millis(200)), cancelled: &|| false };
    for language in all() {
        for opener in openers {
            for text in [opener.repeat(300), format!("{}\n", opener.repeat(40))] {
                let parsed = SyntaxTree::parse(language, &Text::new(&text), None, &budget);
                assert!(parsed.err() != Some(ParseStopped::Failed), "{}: {opener:?}", language.name());
            }
        }
    }
}

#[test]
fn brackets_without_end_are_refused_at_once() {
    for (name, text) in [
        ("json", "[\n".repeat(200_000)),
        ("lua", "[\n".repeat(200_000)),
        ("bash", "function(){\n".repeat(100_000)),
        ("c", format!("{}{}", "f(".repeat(50_000), ")".repeat(50_000))),
        ("java", format!("{}\n\na", "List<".repeat(3000))),
        ("csharp", "a.b<".repeat(3000)),
    ] {
        assert_eq!(outcome(name, &text), Err(ParseStopped::TooDeep), "{name}");
    }
    let pairs = "f(a[0], { b(c) });\n".repeat(20_000);
    assert_eq!(outcome("javascript", &pairs), Ok(()));
}

/// The scanner follows each template that stands in a substitution on the stack.
#[test]
fn templates_inside_of_templates_end_no_process() {
    for (name, start) in [("svelte", "<p>{"), ("vue", "<p a={")] {
        for level in ["`${", "`${'}'", "`${{"] {
            let text = start.to_owned() + &level.repeat(1999);
            assert_eq!(outcome(name, &text), Ok(()), "{name}: {level:?}");
            let too_many = level.repeat(1000) + &text;
            assert_eq!(outcome(name, &too_many), Err(ParseStopped::TooDeep), "{name}: {level:?}");
            assert_eq!(outcome(name, &format!("{{{}", level.repeat(300_000))), Err(ParseStopped::TooDeep));
        }
    }
}

#[test]
fn a_parse_that_takes_too_much_memory_is_stopped() {
    let text = "[1, 2, 3, 4, 5, 6, 7, 8],\n".repeat(300_000);
    assert_eq!(outcome("json", &text), Err(ParseStopped::OutOfMemory));
    // Each parse starts a new count.
    assert_eq!(outcome("json", "[1]"), Ok(()));
    assert_eq!(outcome("json", &format!("[{}1]", "1, ".repeat(50_000))), Ok(()));
}

/// The parser merges the readings of this text without an allocation or a question to its caller: for hours, without an interrupt.
#[cfg(unix)]
#[test]
fn a_parse_that_does_nothing_but_merge_is_interrupted() {
    let start = "a\ndefine a\ndefine a\n{@htang=\"ts\">%{ i{🙂";
    let text = Text::new(&format!("{start}{}fu\n\n     ", "function(){🙂".repeat(24)));
    let good = Text::new("func add(a: Int, b: Int) -> Int {\n    return a + b\n}\n");
    let expected = parse(language("swift"), &good).to_s_expression();
    for _ in 0..5 {
        let budget = ParseBudget { time: Some(Duration::from_millis(50)), cancelled: &|| false };
        let stopped = SyntaxTree::parse(language("swift"), &text, None, &budget).err();
        assert_eq!(stopped, Some(ParseStopped::OutOfTime));
        // The next parse of the thread is like any other.
        assert_eq!(parse(language("swift"), &good).to_s_expression(), expected);
    }
}
