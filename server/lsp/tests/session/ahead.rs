//! Work that nobody asked for yet: what it brings, when it does not happen, and that it gives way.

use std::sync::Arc;

use fimble_lsp::client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, connect_with, inline_capabilities, open, options, status, suggestion, texts,
    wait_for_state, wait_until,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

fn looking_ahead(script: impl IntoIterator<Item = Behaviour>) -> (Client, Arc<Scripted>, (u32, u32)) {
    let model = Scripted::new(script);
    let client = connect_with(&model, &inline_capabilities(), &json!({"lookAhead": "always"}));
    let place = open(&client, URI, "rust", RUST);
    (client, model, place)
}

fn say(text: &str) -> Behaviour {
    Behaviour::Say(text.to_owned())
}

fn last_path(client: &Client) -> Value {
    client.execute_command("fimble.why", &json!([])).unwrap()["trace"]["path"].clone()
}

#[test]
fn the_request_after_accepting_is_answered_without_the_model() {
    let (client, model, (line, character)) = looking_ahead([say("compute"), say("(1);"), say("never")]);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute");
    wait_until(&client, |status| model.n_calls() == 2 && status["computing"] == 0);
    assert!(model.last_prompt().ends_with("let total = compute"), "{:?}", model.last_prompt());
    client.change(URI, 2, [(line, character); 2], "compute");
    assert_eq!(suggestion(&client, URI, (line, character + 7)).unwrap(), "(1);");
    assert_eq!(last_path(&client), "lookAhead");
    // Once it was asked for it is a suggestion like any other.
    assert_eq!(suggestion(&client, URI, (line, character + 7)).unwrap(), "(1);");
    assert_eq!(last_path(&client), "same");
}

#[test]
fn typing_through_a_suggestion_looks_ahead_once() {
    let (client, model, (line, character)) = looking_ahead([say("compute"), say("(1);")]);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute");
    for (number, typed) in (0..).zip(["c", "o", "m"]) {
        client.change(URI, 2 + number, [(line, character + u32::try_from(number).unwrap()); 2], typed);
        suggestion(&client, URI, (line, character + u32::try_from(number).unwrap() + 1)).unwrap();
        wait_until(&client, |status| status["computing"] == 0);
    }
    assert_eq!(model.n_calls(), 2);
}

#[test]
fn nothing_is_computed_ahead_on_battery_or_when_it_is_switched_off() {
    for setting in ["auto", "never"] {
        let model = Scripted::saying("compute");
        // The probe of the tests' server says that it runs on battery.
        let client = connect_with(&model, &inline_capabilities(), &json!({"lookAhead": setting}));
        let place = open(&client, URI, "rust", RUST);
        assert!(suggestion(&client, URI, place).is_some());
        wait_until(&client, |status| status["computing"] == 0);
        assert_eq!(model.n_calls(), 1, "{setting}");
    }
}

#[test]
fn a_real_request_ends_what_is_computed_ahead() {
    let gate = Arc::new(Gate::default());
    let ahead = Behaviour::Wait(Arc::clone(&gate), "(1);".to_owned());
    let (client, model, (line, character)) = looking_ahead([say("compute"), ahead, say("other();")]);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute");
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [(line, character); 2], "x");
    assert_eq!(suggestion(&client, URI, (line, character + 1)).unwrap(), "other();");
    // The gate never opened.
    wait_until(&client, |_| model.n_cancelled() == 1);
}

#[test]
fn accepting_before_the_look_ahead_is_done_waits_for_it() {
    let gate = Arc::new(Gate::default());
    let ahead = Behaviour::Wait(Arc::clone(&gate), "(1);".to_owned());
    let (client, model, (line, character)) = looking_ahead([say("compute"), ahead, say("never")]);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute");
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [(line, character); 2], "compute");
    let next = client.send_inline_completion(URI, (line, character + 7), InlineTrigger::Automatic);
    status(&client);
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(next).unwrap()), ["(1);"]);
    assert_eq!((last_path(&client), model.n_cancelled()), (json!("kept"), 0));
}

#[test]
fn prompts_are_read_on_opening_and_after_changes_that_nobody_typed() {
    let model = Scripted::saying("compute");
    let mut options = options(&model);
    options.warm_up = true;
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &json!({"lookAhead": "always"})).unwrap();
    wait_for_state(&client, "ready");
    client.open(URI, "rust", "fn main() {\n}\n");
    wait_until(&client, |status| model.n_warm_ups() == 1 && status["computing"] == 0);
    client.change(URI, 2, [(1, 0); 2], "    let pasted = 1;\n    let more = 2;\n");
    wait_until(&client, |status| model.n_warm_ups() == 2 && status["computing"] == 0);
    assert!(model.last_prompt().contains("let pasted = 1;"));
    // A client that does not ask about keys gets nothing read for them.
    client.change(URI, 3, [(3, 0); 2], "l");
    wait_until(&client, |status| status["computing"] == 0);
    assert_eq!(model.n_warm_ups(), 2);
    // One that asks, and waits before it does, finds its prompt read; but not for what is answered without the model.
    assert_eq!(suggestion(&client, URI, (3, 1)).unwrap(), "compute");
    client.change(URI, 4, [(3, 1); 2], "x");
    wait_until(&client, |status| model.n_warm_ups() == 3 && status["computing"] == 0);
    assert!(model.last_prompt().ends_with("\nlx"), "{:?}", model.last_prompt());
    assert_eq!(suggestion(&client, URI, (3, 2)).unwrap(), "compute");
    client.change(URI, 5, [(3, 2); 2], "c");
    wait_until(&client, |status| status["computing"] == 0);
    assert_eq!(suggestion(&client, URI, (3, 3)).unwrap(), "ompute");
    assert_eq!(model.n_warm_ups(), 3);
    client.close(URI);
    assert_eq!(status(&client)["pending"], 0);
}
