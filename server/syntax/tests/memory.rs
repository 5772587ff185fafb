//! Memory of parses that tree-sitter's main loop cannot stop. One test, because it looks at the memory of the whole process.

#![cfg(target_os = "linux")]

use fimble_document::{Text, TextEdit};
use fimble_syntax::{ParseBudget, ParseStopped, SyntaxTree, by_language_id};

/// A value of this process in kilobytes. Source: proc_pid_status(5).
fn status(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("it can be read");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("it is there");
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().expect("it is a number")
}

/// At the error the parser goes through all open brackets at once: 4.7 GB without a bound.
fn many_open_brackets() -> String {
    let tail = "-->case a =>\n__END__&a r#\"def fr#\"def fr#\"def f1e";
    format!("{}given a: bgiven a: b{}{tail}", "%w(".repeat(1250), "%w(".repeat(1250))
}

/// Many ways to read the text are alive at its end, and each becomes a tree: 0.8 GB without a bound.
fn many_readings() -> String {
    let start = format!("RUN (({}{}", "@".repeat(76), "}a ? b : '".repeat(137));
    let middle = format!("{}{}##\"*a", "\n".repeat(64), "?>>".repeat(64));
    format!("{start}{middle}{}{}", "{#each a as b}FROM a\nasync ".repeat(32), "<li>".repeat(4096))
}

#[test]
fn a_parse_that_takes_gigabytes_is_left_and_its_memory_is_free() {
    let budget = ParseBudget::unlimited();
    let rust = by_language_id("rust").expect("it is compiled in");
    let good = Text::new("fn a() {}\n".repeat(2000).as_str());
    let hostile = Text::new(&many_open_brackets());
    let parse = |text: &Text, old: Option<&SyntaxTree>| SyntaxTree::parse(rust, text, old, &budget);
    assert_eq!(parse(&hostile, None).err(), Some(ParseStopped::OutOfMemory));
    let before = status("VmRSS");
    for _ in 0..20 {
        assert_eq!(parse(&hostile, None).err(), Some(ParseStopped::OutOfMemory));
    }
    let grown = status("VmRSS").saturating_sub(before);
    assert!(grown < 20_000, "{grown} kB more");
    let most = status("VmHWM");
    assert!(most < 250_000, "{most} kB");
    // What was parsed before still holds, and the next parse is like any other.
    let tree = parse(&good, None).expect("it is parsed");
    let mut old = tree.clone();
    let end = good.len();
    old.edit(&TextEdit {
        start: end,
        old_end: end,
        new_end: end + hostile.len(),
        start_point: good.point(end),
        old_end_point: good.point(end),
        new_end_point: good.point(end),
    });
    let both = Text::new(&format!("{}{}", good.slice(0..end), hostile.slice(0..hostile.len())));
    assert_eq!(parse(&both, Some(&old)).err(), Some(ParseStopped::OutOfMemory));
    drop(old);
    assert_eq!(tree.n_errors(), 0);
    assert_eq!(parse(&good, Some(&tree)).expect("it is parsed").to_s_expression(), tree.to_s_expression());
    let typescript = by_language_id("typescript").expect("it is compiled in");
    let _ = SyntaxTree::parse(typescript, &Text::new(&many_readings()), None, &budget);
    let most = status("VmHWM");
    assert!(most < 250_000, "{most} kB");
}
