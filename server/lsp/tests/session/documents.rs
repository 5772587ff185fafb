//! Documents over time: opening again, languages, large files.

use serde_json::json;

use crate::support::{
    Scripted, connect, connect_with, inline_capabilities, last_reason, open, status, suggestion,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

#[test]
fn a_document_that_is_opened_twice_counts_once() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    suggestion(&client, URI, place).unwrap();
    open(&client, URI, "rust", "fn other() {\n    let total = $0\n}\n");
    let status = status(&client);
    assert_eq!((&status["documents"], &status["cacheEntries"]), (&json!(1), &json!(0)));
    suggestion(&client, URI, place).unwrap();
    assert!(model.last_prompt().contains("fn other()"));
}

#[test]
fn a_language_without_a_grammar_is_completed_as_plain_text() {
    let client = connect(&Scripted::saying("value"));
    let place = open(&client, "file:///w/a.unheard", "unheard", "some words = $0\n");
    assert_eq!(suggestion(&client, "file:///w/a.unheard", place).unwrap(), "value");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["language"], "unheard (as plain text)");
}

#[test]
fn a_language_that_is_switched_off_gets_an_empty_list() {
    let settings = json!({"fimble": {"languages": {"disabled": ["rust"]}}});
    let client = connect_with(&Scripted::saying("x();"), &inline_capabilities(), &settings);
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "language-disabled");
    let place = open(&client, "file:///w/a.py", "python", "def f():\n    total = $0\n");
    assert_eq!(suggestion(&client, "file:///w/a.py", place).unwrap(), "x();");
}

#[test]
fn what_follows_a_large_whole_text_finds_it() {
    let model = Scripted::saying("x();");
    let client = connect(&model);
    open(&client, URI, "rust", RUST);
    let line = "    let some_value = compute_something(1, 2, 3);\n";
    let text = format!("fn main() {{\n{}", line.repeat(2_000_000 / line.len()));
    let last = u32::try_from(text.matches('\n').count()).unwrap();
    for version in (2..8).step_by(2) {
        client.replace(URI, version, &text);
        let typed = format!("    let newest_{version} = ");
        client.change(URI, version + 1, [(last, 0); 2], &typed);
        suggestion(&client, URI, (last, u32::try_from(typed.len()).unwrap())).unwrap();
        assert!(model.last_prompt().ends_with(&typed), "{version}");
    }
}

#[test]
fn the_tree_follows_the_edits() {
    // In a comment the gate refuses, by what the tree says of the text as it is now.
    let client = connect_with(
        &Scripted::saying("x();"),
        &inline_capabilities(),
        &json!({"experimental": {"inComments": false}}),
    );
    let (line, character) = open(&client, URI, "rust", "fn main() {\n    let a = 1;\n    $0\n}\n");
    assert!(suggestion(&client, URI, (line, character)).is_some());
    client.change(URI, 2, [(line, character); 2], "// note");
    assert_eq!(suggestion(&client, URI, (line, character + 7)), None);
    assert_eq!(last_reason(&client), "comment");
    client.change(URI, 3, [(line, character), (line, character + 3)], "");
    client.change(URI, 4, [(line, character), (line, character + 4)], "y");
    assert!(suggestion(&client, URI, (line, character + 1)).is_some());
}
