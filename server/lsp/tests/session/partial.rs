//! Suggestions that are answered while the model still writes them.

use std::sync::Arc;

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::ServerOptions;
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, inline_capabilities, open, options, status, suggestion, wait_for_state,
    wait_until,
};
const URI: &str = "file:///w/a.rs";
const BLOCK: &str = "fn main() {\n    $0\n}\n";

/// A client that asks again, or does not.
fn connect(model: &Arc<Scripted>, asks_again: bool) -> Client {
    let client = Client::start(ServerOptions { warm_up: false, ..options(model) }).unwrap().strict();
    let mut capabilities = inline_capabilities();
    capabilities["experimental"] = json!({"fimble": {"inlineCompletionRefresh": asks_again}});
    // What is known is answered at once.
    client.initialize(&capabilities, &json!({"budgetMs": 20, "minConfidence": 0})).unwrap();
    wait_for_state(&client, "ready");
    client
}

fn path(client: &Client) -> Value {
    client.execute_command("fimble.why", &json!([])).unwrap()["trace"]["path"].clone()
}

/// A model that writes the first text, waits, and writes the second one. What it writes first takes longer than the budget.
fn pausing(first: &str, second: &str) -> (Arc<Scripted>, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    (Scripted::new([Behaviour::Late(first.to_owned(), Arc::clone(&gate), second.to_owned())]), gate)
}

#[test]
fn the_lines_that_are_whole_are_shown_and_the_rest_follows() {
    let (model, gate) = pausing("let a = 1;\n    let b = 2;\n    le", "t c = 3;\n}\n");
    let client = connect(&model, true);
    let place = open(&client, URI, "rust", BLOCK);
    let item = suggestion(&client, URI, place).expect("the beginning");
    assert_eq!(item, "let a = 1;\n    let b = 2;");
    assert_eq!(path(&client), "partial");
    gate.open();
    let refresh = client.next_message("fimble/inlineCompletionRefresh").unwrap();
    assert_eq!(refresh.params, json!({"textDocument": {"uri": URI, "version": 1}}));
    assert_eq!(suggestion(&client, URI, place).unwrap(), "let a = 1;\n    let b = 2;\n    let c = 3;");
    assert_eq!((path(&client), model.n_calls()), (json!("same"), 1));
}

#[test]
fn a_line_that_is_not_whole_ends_in_a_whole_word() {
    let (model, gate) = pausing("total.checked_add(val", "ue)");
    let client = connect(&model, false);
    let place = open(&client, URI, "rust", "fn main() {\n    let sum = $0;\n}\n");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "total.checked_add");
    gate.open();
    wait_until(&client, |status| status["computing"] == 0);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "total.checked_add(value)");
    assert_eq!(model.n_calls(), 1);
}

#[test]
fn typing_along_keeps_the_work_and_another_text_ends_it() {
    let (model, gate) = pausing("let total = compute", "(1);");
    let client = connect(&model, false);
    let (line, character) = open(&client, URI, "rust", BLOCK);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "let total");
    client.change(URI, 2, [(line, character); 2], "let t");
    let place = (line, character + 5);
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.open();
    let items = client.wait_inline_completion(id).unwrap();
    assert!("otal = compute(1);".starts_with(&items[0].insert_text) && !items[0].insert_text.is_empty());
    wait_until(&client, |status| status["computing"] == 0);
    assert_eq!((model.n_calls(), model.n_cancelled()), (1, 0));

    let (model, _gate) = pausing("let total = compute", "(1);");
    let client = connect(&model, false);
    let (line, character) = open(&client, URI, "rust", BLOCK);
    assert!(suggestion(&client, URI, (line, character)).is_some());
    client.change(URI, 2, [(line, character); 2], "x");
    client.send_inline_completion(URI, (line, character + 1), InlineTrigger::Automatic);
    wait_until(&client, |_| model.n_cancelled() >= 1);
    assert!(status(&client)["computing"].is_number());
}

#[test]
fn what_does_not_go_on_with_what_was_shown_is_no_reason_to_ask_again() {
    // The second line closes the block that the first one is in; the whole is what was shown.
    let (model, gate) = pausing("let a = 1;\n", "}\n");
    let client = connect(&model, true);
    let place = open(&client, URI, "rust", BLOCK);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "let a = 1;");
    gate.open();
    wait_until(&client, |status| status["computing"] == 0);
    status(&client);
    assert!(client.take_messages().iter().all(|message| message.method != "fimble/inlineCompletionRefresh"));
}
