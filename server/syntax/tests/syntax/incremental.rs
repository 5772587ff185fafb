//! A tree that followed edits equals one parsed afresh: always where the text has no errors, and again once the edits are
//! undone. In broken texts the grammars' recovery may depend on what was there before (tree-sitter promises no more); that
//! has to stay the rare exception. The texts are the samples, with each kind of line break; the edits
//! cut out and put in what a typist would, characters of several bytes and broken code included.

use std::path::Path;

use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};
use fimble_syntax::{Language, ParseBudget, SyntaxTree, by_path};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::parse;

const FILES: &[&str] = &[
    "sample.rs",
    "sample.py",
    "sample.ts",
    "sample.md",
    "sample.html",
    "sample.yaml",
    "sample.sh",
    "sample.rb",
    "sample.cpp",
    "sample.css",
    "sample.json",
    "sample.toml",
    "sample.kt",
    "sample.sql",
    "sample.vue",
    "sample.svelte",
];

const INSERTIONS: &[&str] = &[
    "",
    "x",
    " ",
    "\n",
    "\r\n",
    "    ",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "`",
    ":",
    ";",
    "#",
    "//",
    "/*",
    "*/",
    "<",
    ">",
    "</p>",
    "- a\n",
    "ä",
    "日本",
    "🦀",
    "if x:\n",
    "fn f() {}\n",
    "end\n",
    "<!--",
    "-->",
    "<script lang=\"ts\">\n",
    "</script>\n",
    "```\n",
    "| a |\n",
    "<<EOF\n",
    "EOF\n",
    "= 1",
    "&",
    "\t",
];

/// One change: where (as a share of the text), how many bytes go, and what comes.
#[derive(Clone, Debug)]
struct Change {
    at: f64,
    n_removed: usize,
    insertion: usize,
}

fn change() -> impl Strategy<Value = Change> {
    (0.0..1.0, prop_oneof![3 => Just(0), 2 => 0..4_usize, 1 => 0..60_usize], 0..INSERTIONS.len())
        .prop_map(|(at, n_removed, insertion)| Change { at, n_removed, insertion })
}

fn sample(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/languages");
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

impl Change {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn as_text_change(&self, text: &Text) -> TextChange {
        let start = (self.at * text.len() as f64) as usize;
        let encoding = PositionEncoding::Utf8;
        let range = PositionRange {
            start: text.position(start, encoding),
            end: text.position(start + self.n_removed, encoding),
        };
        TextChange::Part { range, text: INSERTIONS[self.insertion].to_owned() }
    }
}

/// Applies a change to the document and the tree, and parses the result.
fn follow(document: &mut Document, tree: &mut SyntaxTree, change: &TextChange) {
    let change = std::slice::from_ref(change);
    let version = document.version() + 1;
    document
        .apply(version, change, PositionEncoding::Utf8, |_, edit| tree.edit(&edit))
        .expect("the change fits");
    *tree = SyntaxTree::parse(tree.language(), document.text(), Some(tree), &ParseBudget::unlimited())
        .expect("nothing limits the parse");
}

fn language_of(file: &str) -> &'static Language {
    by_path(file).unwrap_or_else(|| panic!("{file} is of no language"))
}

/// Sequences of changes that are tried.
const N_SEQUENCES: usize = 1_000;

#[test]
fn a_tree_that_followed_edits_equals_a_fresh_one() {
    // The same sequences every time: a share is asserted, and it must not depend on luck.
    let mut runner = TestRunner::deterministic();
    let sequences = (prop::sample::select(FILES), any::<bool>(), prop::collection::vec(change(), 1..12));
    let (mut n_broken, mut n_different) = (0, 0);
    for _ in 0..N_SEQUENCES {
        let (file, crlf, changes) = sequences.new_tree(&mut runner).expect("nothing is filtered").current();
        let content = sample(file);
        let content = if crlf { content.replace('\n', "\r\n") } else { content };
        let mut document = Document::new(content.as_str(), 0);
        let mut tree = parse(language_of(file), document.text());
        let original = tree.to_s_expression();
        for change in &changes {
            let change = change.as_text_change(document.text());
            follow(&mut document, &mut tree, &change);
            let fresh = parse(language_of(file), document.text());
            let equal = tree.to_s_expression() == fresh.to_s_expression();
            // The shell's here-documents make the parser remember what it read before.
            assert!(equal || fresh.has_errors() || file == "sample.sh", "{file} {changes:?}");
            let names = |tree: &SyntaxTree| tree.identifiers(document.text(), 0..document.text().len());
            assert!(!equal || names(&tree) == names(&fresh), "{file} {changes:?}: the nodes stand elsewhere");
            n_broken += usize::from(fresh.has_errors());
            n_different += usize::from(!equal);
        }
        replace_all_but_the_ends(&mut document, &mut tree, &content);
        assert_eq!(tree.to_s_expression(), original, "{file} {changes:?}");
    }
    assert!(n_broken > N_SEQUENCES, "the edits hardly break anything: {n_broken}");
    assert!(n_different * 500 <= n_broken, "{n_different} of {n_broken} broken texts have another tree");
}

/// Puts the original content back by one change between the first and the last byte that differ.
fn replace_all_but_the_ends(document: &mut Document, tree: &mut SyntaxTree, content: &str) {
    let now = document.text().to_string();
    let pairs = now.chars().zip(content.chars());
    let n_first: usize = pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let pairs = now[n_first..].chars().rev().zip(content[n_first..].chars().rev());
    let n_last: usize = pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    // Positions cannot point between \r and \n, so line breaks at the ends are replaced, too.
    let n_first = now[..n_first].trim_end_matches(['\r', '\n']).len();
    let n_last = now[now.len() - n_last..].trim_start_matches(['\r', '\n']).len();
    let encoding = PositionEncoding::Utf8;
    let text = document.text();
    let range = PositionRange {
        start: text.position(n_first, encoding),
        end: text.position(now.len() - n_last, encoding),
    };
    let inserted = content[n_first..content.len() - n_last].to_owned();
    follow(document, tree, &TextChange::Part { range, text: inserted });
    assert_eq!(document.text().to_string(), content);
}

#[test]
fn an_edit_far_from_a_node_leaves_it_where_it_is() {
    let mut document = Document::new("fn a() {}\n\nfn b() { let größe = 1; }\n", 0);
    let language = language_of("x.rs");
    let mut tree = parse(language, document.text());
    let change = Change { at: 0.0, n_removed: 0, insertion: 3 }.as_text_change(document.text());
    follow(&mut document, &mut tree, &change);
    let names = |tree: &SyntaxTree, text: &Text| -> Vec<String> {
        tree.identifiers(text, 0..text.len())
            .into_iter()
            .map(|range| text.slice(range).into_owned())
            .collect()
    };
    assert_eq!(names(&tree, document.text()), names(&parse(language, document.text()), document.text()));
    assert!(names(&tree, document.text()).contains(&"größe".to_owned()));
}
