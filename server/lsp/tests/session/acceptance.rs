//! How the server learns that a suggestion was accepted: by the client's command, or from the edit alone.

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{Scripted, connect, connect_with, open, status};

const URI: &str = "file:///w/a.rs";

fn n_accepted(client: &Client) -> u64 {
    status(client)["accepted"].as_u64().unwrap()
}

/// A client without inline completion, in a menu that offers `text` at the end of this line.
fn menu(text: &str, line: &str) -> (Client, (u32, u32), Vec<Value>) {
    let client = connect_with(&Scripted::saying(text), &json!({}), &Value::Null);
    let place = open(&client, URI, "rust", &format!("fn main() {{\n    {line}$0\n}}\n"));
    let items = client.completion(URI, place).unwrap()["items"].as_array().unwrap().clone();
    (client, place, items)
}

#[test]
fn an_edit_that_brings_exactly_an_item_of_the_menu_accepts_it() {
    let (lines, line) = (("first();\n    second();\n", ""), ("ute(1);", "let total = comp"));
    for ((says, typed), chosen, n_typed_meanwhile) in
        [(lines, 0, 0), (lines, 1, 0), (line, 0, 0), (line, 0, 2)]
    {
        let (client, (line, character), items) = menu(says, typed);
        let n_word = u32::try_from(typed.len()).unwrap().min(4);
        let text = items[chosen]["textEdit"]["newText"].as_str().unwrap();
        let mut version = 1;
        let mut end = character;
        for typed in "ut".chars().take(n_typed_meanwhile) {
            version += 1;
            client.change(URI, version, [(line, end); 2], &typed.to_string());
            end += 1;
        }
        assert_eq!(n_accepted(&client), 0);
        client.change(URI, version + 1, [(line, character - n_word), (line, end)], text);
        assert_eq!(n_accepted(&client), 1, "item {chosen} of {says:?}");
    }
}

#[test]
fn what_is_typed_along_or_pasted_elsewhere_accepts_nothing() {
    let (client, (line, character), _) = menu("ute(1);", "let total = comp");
    for (at, key) in (0..).zip("ute(1);".chars()) {
        client.change(URI, at + 2, [(line, character + u32::try_from(at).unwrap()); 2], &key.to_string());
    }
    assert_eq!(n_accepted(&client), 0, "typed");
    let (client, (line, character), _) = menu("ute(1);", "let total = comp");
    client.change(URI, 2, [(line, character); 2], "ute(2);");
    assert_eq!(n_accepted(&client), 0, "another text");
    client.change(URI, 3, [(0, 0); 2], "ute(1);");
    assert_eq!(n_accepted(&client), 0, "another place");
    client.replace(URI, 4, "fn main() {\n    let total = compute(1);\n}\n");
    assert_eq!(n_accepted(&client), 0, "a file that was read again");
}

#[test]
fn edit_and_command_count_once_in_either_order() {
    for is_edit_first in [true, false] {
        let client = connect(&Scripted::saying("compute(1);"));
        let place = open(&client, URI, "rust", "fn main() {\n    let total = $0\n}\n");
        let items = client.inline_completion(URI, place, InlineTrigger::Automatic).unwrap();
        let arguments = items[0].command["arguments"].clone();
        let command = || client.execute_command("fimble.accepted", &arguments).unwrap();
        if !is_edit_first {
            command();
        }
        client.change(URI, 2, [place; 2], "compute(1);");
        // What is shown next belongs to the next acceptance.
        client.inline_completion(URI, (place.0, place.1 + 11), InlineTrigger::Automatic).unwrap();
        if is_edit_first {
            command();
        }
        assert_eq!(n_accepted(&client), 1);
    }
}

#[test]
fn an_acceptance_without_a_number_is_an_error() {
    let client = connect(&Scripted::saying("compute(1);"));
    assert!(client.execute_command("fimble.accepted", &json!([])).is_err());
    assert_eq!(n_accepted(&client), 0);
}
