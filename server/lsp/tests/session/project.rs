//! What the model is told of the project: which texts, when anew, and what never.

use std::fs;

use fimble_lsp::client::Client;
use fimble_model::Layer;
use serde_json::{Value, json};

use crate::support::{Scripted, connect, open, options, suggestion, wait_for_state, wait_until};

const URI: &str = "file:///project/store.rs";
const FILE: &str = "/project/store.rs";

#[test]
fn an_open_document_is_told_of_and_forgotten() {
    let model = Scripted::saying("x");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    open(&client, URI, "rust", "fn a() {}\nfn b() {}\n$0");
    model.wait_for_memory(FILE, |told| told.is_some_and(|(layer, _)| *layer == Layer::Open));
    client.notify("textDocument/didClose", &json!({"textDocument": {"uri": URI}}));
    model.wait_for_memory(FILE, |told| told.is_none());
}

#[test]
fn who_asks_right_after_opening_is_answered_with_the_text_in_mind() {
    let model = Scripted::saying("x");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    // What is told of in the background is stuck in another file.
    open(&client, "file:///project/held.rs", "rust", "fn held() {}\n$0");
    model.held.wait_for_arrivals(1);
    let place = open(&client, URI, "rust", "fn a() {}\nfn b() {\n    le$0\n}\n");
    suggestion(&client, URI, place);
    assert!(model.memory().contains_key(FILE));
    // Closed, it is forgotten, whoever told of it.
    client.notify("textDocument/didClose", &json!({"textDocument": {"uri": URI}}));
    model.held.open();
    model.wait_for_memory("/project/held.rs", |told| told.is_some());
    model.wait_for_memory(FILE, |told| told.is_none());
}

#[test]
fn a_line_that_is_typed_is_told_of_when_it_is_left() {
    let model = Scripted::saying("x");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    open(&client, URI, "rust", "fn a() {}\n\n\nfn b() {}\n$0");
    let holds = |part: &'static str| {
        move |told: Option<&(Layer, String)>| told.is_some_and(|(_, text)| text.contains(part))
    };
    model.wait_for_memory(FILE, holds("fn b"));
    let mut version = 1;
    let mut type_at = |line: u32, character: u32, text: &str| {
        version += 1;
        client.change(URI, version, [(line, character); 2], text);
        // A round trip, so that the loop comes to rest.
        wait_for_state(&client, "ready");
    };
    type_at(1, 0, "l");
    model.wait_for_memory(FILE, holds("\nl\n"));
    let n_told = model.n_told();
    for (at, text) in (1..).zip(["e", "t", " ", "x"]) {
        type_at(1, at, text);
    }
    assert_eq!(model.n_told(), n_told);
    type_at(2, 0, "y");
    model.wait_for_memory(FILE, holds("\nlet x\ny\n"));
}

#[test]
fn what_is_no_code_or_holds_a_secret_is_kept_to_itself() {
    let model = Scripted::saying("x");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    let secret = format!("TOKEN = \"{}{}\"\n", "ghp_", "a1".repeat(18));
    client.open("file:///project/keys.py", "python", &secret);
    client.open("file:///project/.env", "shellscript", "A=1\n");
    client.open("file:///project/notes.txt", "plaintext", "hello\n");
    open(&client, URI, "rust", "fn a() {}\n$0");
    model.wait_for_memory(FILE, |told| told.is_some());
    for path in ["keys.py", ".env", "notes.txt"] {
        model.wait_for_memory(&format!("/project/{path}"), |told| told.is_none());
    }
    assert_eq!(model.n_told(), 1);
}

#[test]
fn the_files_of_the_workspace_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.rs"), "pub fn insert_order() {}\n").unwrap();
    fs::write(folder.path().join("main.rs"), "fn main() {}\n").unwrap();
    let model = Scripted::saying("x");
    let client = Client::start(options(&model)).unwrap().strict();
    let path = |file: &str| format!("{}/{file}", folder.path().display());
    let uri = |file: &str| format!("file://{}", path(file));
    let folders = json!([{"uri": uri(""), "name": "project"}]);
    client.initialize_in(&folders, &json!({"textDocument": {"inlineCompletion": {}}}), &Value::Null).unwrap();
    wait_until(&client, |status| status["state"] == "ready");
    model.wait_for_memory(&path("store.rs"), |told| {
        told.is_some_and(|(layer, text)| *layer == Layer::Workspace && text.contains("insert_order"))
    });
    let place = open(&client, &uri("main.rs"), "rust", "fn main() {\n    let a = 1;\n    $0\n}\n");
    model.wait_for_memory(&path("main.rs"), |told| told.is_some_and(|(layer, _)| *layer == Layer::Open));
    assert!(suggestion(&client, &uri("main.rs"), place).is_some());
    client.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri("main.rs")}}));
    // What was closed is what it is on the disk.
    model.wait_for_memory(&path("main.rs"), |told| {
        told.is_some_and(|(layer, text)| *layer == Layer::Workspace && text == "fn main() {}\n")
    });
}

#[test]
fn two_files_of_the_same_name_are_two() {
    let model = Scripted::saying("x");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    for folder in ["a", "b"] {
        client.open(&format!("file:///{folder}/mod.rs"), "rust", &format!("fn {folder}() {{}}\n"));
    }
    for folder in ["a", "b"] {
        model.wait_for_memory(&format!("/{folder}/mod.rs"), |told| {
            told.is_some_and(|(_, text)| *text == format!("fn {folder}() {{}}\n"))
        });
    }
    client.close("file:///a/mod.rs");
    model.wait_for_memory("/a/mod.rs", |told| told.is_none());
    model.wait_for_memory("/b/mod.rs", |told| told.is_some());
}
