//! Parses that are left at random moments, on several threads at once. What comes after them must be as if they had not been.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use fimble_grammars::{BoundedParse, MemoryMeter, ParseBounds, by_language_id, parse_bounded};
use tree_sitter::{Parser, Tree};

const N_THREADS: u64 = 3;
const N_PARSES: u64 = 80;

/// A text of some 200 KB in each language: its parse takes several milliseconds, in the parser and in the scanner.
fn texts() -> Vec<(&'static str, String)> {
    let python = "def add(first, second):\n    if first:\n        return f\"{first} and {second}\"\n    return '''\n'''\n\n";
    let ruby = "def add(first, second)\n  text = <<~A\n    #{first} and #{second}\n  A\n  %w(a b c) + [text]\nend\n\n";
    let swift = "func add(first: Int, second: Int) -> Int {\n    return [1, 2].map { $0 + first }.count + second\n}\n\n";
    [("python", python), ("ruby", ruby), ("swift", swift)]
        .into_iter()
        .map(|(name, text)| (name, text.repeat(200_000 / text.len())))
        .collect()
}

/// Parses without a `progress` that stops: only the bounds end it.
fn parse(name: &str, text: &str, time: Option<Duration>) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(by_language_id(name).unwrap().tree_sitter()).unwrap();
    let meter = MemoryMeter::start();
    let deadline = time.map(|time| Instant::now() + time);
    let bounds = ParseBounds { meter: &meter, max_bytes: 1 << 30, deadline };
    let read = |offset: usize| &text.as_bytes()[offset.min(text.len())..];
    match parse_bounded(parser, None, bounds, &read, &mut || false) {
        BoundedParse::Returned(_, tree) => tree,
        BoundedParse::OutOfTime => None,
        BoundedParse::OutOfMemory => panic!("{name} takes a gigabyte"),
    }
}

#[test]
fn what_follows_a_parse_that_was_left_is_as_ever() {
    let texts = texts();
    let expected: Vec<String> =
        texts.iter().map(|(name, text)| parse(name, text, None).unwrap().root_node().to_sexp()).collect();
    let n_left: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..N_THREADS)
            .map(|thread| {
                let (texts, expected) = (&texts, &expected);
                scope.spawn(move || {
                    let mut n_left = 0;
                    for n in 0..N_PARSES {
                        let at = ((n + thread) % 3) as usize;
                        let (name, text) = &texts[at];
                        let time = Duration::from_micros(1 + (n * 7919 + thread * 104_729) % 12_000);
                        match parse(name, text, Some(time)) {
                            Some(tree) => assert_eq!(tree.root_node().to_sexp(), expected[at], "{name}"),
                            None => n_left += 1,
                        }
                    }
                    let (name, text) = &texts[thread as usize % 3];
                    let tree = parse(name, text, None).unwrap();
                    assert_eq!(tree.root_node().to_sexp(), expected[thread as usize % 3], "{name}");
                    n_left
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(n_left > N_PARSES, "only {n_left} parses were left");
}
