//! Memory of scanners, which no allocator of ours counts. One test, because it looks at the memory of the whole process.

#![cfg(all(target_os = "linux", feature = "sql"))]

use fimble_grammars::by_language_id;

/// Bytes of memory that this process has. Source: proc_pid_statm(5).
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("it can be read");
    let pages: usize = pages.split(' ').nth(1).expect("it has fields").parse().expect("it is a number");
    pages * 4096
}

#[test]
fn what_a_scanner_holds_is_freed_when_it_reads_a_state() {
    let language = by_language_id("sql").expect("it is compiled in");
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(language.tree_sitter()).expect("it fits");
    let tag = format!("${}$", "a".repeat(900));
    let body = "SELECT a + 1 FROM b WHERE c = d;\n".repeat(200);
    let text =
        format!("CREATE FUNCTION f() RETURNS INTEGER LANGUAGE sql AS {tag}\nBEGIN\n{body}END;\n{tag};\n");
    let mut parse = |times: usize| (0..times).for_each(|_| drop(parser.parse(&text, None)));
    parse(3);
    let before = resident();
    parse(20);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}
