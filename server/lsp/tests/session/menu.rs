//! `textDocument/completion`, as Helix uses it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Behaviour, Gate, Scripted, connect_with, inline_capabilities, open};

const URI: &str = "file:///w/a.rs";

fn helix() -> Value {
    json!({
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
        "textDocument": {"completion": {"completionItem": {"insertReplaceSupport": true}}},
    })
}

#[test]
fn an_item_completes_the_typed_word_with_one_edit_on_its_line() {
    let client = connect_with(&Scripted::saying("ute(1);"), &helix(), &Value::Null);
    let (line, character) = open(&client, URI, "rust", "fn main() {\n    let total = comp$0\n}\n");
    let list = client.completion(URI, (line, character)).unwrap();
    assert_eq!(list["isIncomplete"], true);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    let item = &items[0];
    assert_eq!(item["label"], "compute(1);");
    assert!(item["filterText"].as_str().unwrap().starts_with("comp"));
    assert_eq!(item["kind"], 1);
    assert_eq!(item["insertTextFormat"], 1);
    assert_eq!(item["textEdit"]["newText"], "compute(1);");
    let start = json!({"line": line, "character": character - 4});
    let end = json!({"line": line, "character": character});
    assert_eq!(item["textEdit"]["range"], json!({"start": start, "end": end}));
}

#[test]
fn the_text_beside_the_menu_is_what_the_client_can_show() {
    let markdown = json!({"kind": "markdown", "value": "```rust\ncompute(1);\n```"});
    let plain = json!({"kind": "plaintext", "value": "compute(1);"});
    for (formats, expected) in [
        (json!(["plaintext", "markdown"]), &markdown),
        (json!(["plaintext"]), &plain),
        // Who says nothing may show the fences.
        (Value::Null, &plain),
    ] {
        let capabilities =
            json!({"textDocument": {"completion": {"completionItem": {"documentationFormat": formats}}}});
        let client = connect_with(&Scripted::saying("ute(1);"), &capabilities, &Value::Null);
        let place = open(&client, URI, "rust", "fn main() {\n    let total = comp$0\n}\n");
        let list = client.completion(URI, place).unwrap();
        assert_eq!(&list["items"][0]["documentation"], expected);
    }
}

#[test]
fn a_suggestion_of_several_lines_comes_whole_and_as_its_first_line() {
    let client = connect_with(&Scripted::saying("first();\n    second();\n"), &helix(), &Value::Null);
    let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    let list = client.completion(URI, place).unwrap();
    let texts: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["textEdit"]["newText"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["first();\n    second();", "first();"]);
    assert!(list["items"][0]["sortText"].as_str() < list["items"][1]["sortText"].as_str());
}

#[test]
fn a_superseded_menu_is_answered_without_a_cancellation() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([
        Behaviour::Wait(Arc::clone(&gate), "old();".to_owned()),
        Behaviour::Say("new();".to_owned()),
    ]);
    let client = connect_with(&model, &helix(), &Value::Null);
    let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    let params = json!({"textDocument": {"uri": URI}, "position": {"line": place.0, "character": place.1}});
    let old = client.send("textDocument/completion", &params);
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [place; 2], " ");
    let new = client.completion(URI, (place.0, place.1 + 1)).unwrap();
    assert_eq!(client.wait(old).unwrap(), json!({"isIncomplete": true, "items": []}));
    assert_eq!(new["items"][0]["textEdit"]["newText"], "new();");
}

#[test]
fn the_menu_answers_as_the_client_and_the_setting_say() {
    let text = "fn main() {\n    let total = $0\n}\n";
    for (capabilities, setting, expected) in [
        (inline_capabilities(), "auto", 0),
        (inline_capabilities(), "always", 1),
        (helix(), "auto", 1),
        (helix(), "never", 0),
    ] {
        let client = connect_with(&Scripted::saying("x();"), &capabilities, &json!({"completion": setting}));
        let place = open(&client, URI, "rust", text);
        let list = client.completion(URI, place).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), expected, "{capabilities} {setting}");
    }
}

#[test]
fn a_word_outside_of_ascii_is_part_of_the_edit() {
    let client = connect_with(&Scripted::saying("er = 1;"), &json!({}), &json!(null));
    let (line, character) = open(&client, URI, "rust", "fn main() {\n    let 😀; let zähl$0\n}\n");
    let list = client.completion(URI, (line, character)).unwrap();
    let edit = &list["items"][0]["textEdit"];
    assert_eq!(edit["newText"], "zähler = 1;");
    assert_eq!(edit["range"]["start"]["character"], character - 4);
}
