//! Work that nobody asked for yet: what it brings, when it does not happen, and that it gives way.

use std::sync::Arc;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, connect_with, inline_capabilities, last_reason, open, options, status,
    suggestion, texts, wait_for_state, wait_until,
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
    client.close(URI);
    assert_eq!(status(&client)["pending"], 0);
}

/// How often the model was asked when [`begins`] is done: twice to warm it up, and once for nothing.
const N_BEFORE: usize = 3;

/// A client that has asked once and so is expected to ask about each key, a model, and the place that was asked about. Nothing
/// was suggested there, so that nothing is looked ahead to.
fn begins(script: impl IntoIterator<Item = Behaviour>) -> (Client, Arc<Scripted>, (u32, u32)) {
    let model = Scripted::new(std::iter::repeat_n(say(""), N_BEFORE).chain(script));
    let mut options = options(&model);
    options.warm_up = true;
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &json!({"lookAhead": "always"})).unwrap();
    wait_until(&client, |_| model.n_calls() == N_BEFORE - 1);
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place), None);
    settle(&client);
    (client, model, place)
}

/// Waits until everything that is begun ahead has begun and ended. The server begins when nothing waits: between two questions
/// of this client.
fn settle(client: &Client) {
    for _ in 0..20 {
        status(client);
    }
    wait_until(client, |status| status["computing"] == 0);
}

/// Types a text at a place and returns the place behind it.
fn typed(client: &Client, version: i32, (line, character): (u32, u32), text: &str) -> (u32, u32) {
    client.change(URI, version, [(line, character); 2], text);
    (line, character + u32::try_from(text.len()).unwrap())
}

#[test]
fn what_a_key_leads_to_is_computed_before_it_is_asked_for() {
    let (client, model, place) = begins([say("compute(1);"), say("other();")]);
    let behind = typed(&client, 2, place, "x");
    wait_until(&client, |status| model.n_calls() == N_BEFORE + 1 && status["computing"] == 0);
    assert!(model.last_prompt().ends_with("let total = x"), "{:?}", model.last_prompt());
    assert_eq!(suggestion(&client, URI, behind).unwrap(), "compute(1);");
    let trace = client.execute_command("fimble.why", &json!([])).unwrap()["trace"].clone();
    assert_eq!((&trace["path"], &trace["model"]), (&json!("kept"), &json!("scripted")));
    assert!(trace["tokens"]["decoded"].as_u64() > Some(0), "{trace}");
    assert_eq!(status(&client)["withoutModel"], 0);
    // Once it was asked for it is a suggestion like any other.
    assert_eq!(suggestion(&client, URI, behind).unwrap(), "compute(1);");
    assert_eq!(last_path(&client), "same");
}

#[test]
fn keys_that_come_faster_than_questions_begin_nothing() {
    let (client, model, place) = begins([say("compute(1);"), say("other();")]);
    let behind = typed(&client, 2, place, "x");
    wait_until(&client, |status| model.n_calls() == N_BEFORE + 1 && status["computing"] == 0);
    let further = typed(&client, 3, behind, "y");
    settle(&client);
    assert_eq!(model.n_calls(), N_BEFORE + 1);
    assert_eq!(suggestion(&client, URI, further).unwrap(), "other();");
}

#[test]
fn a_question_takes_over_what_was_begun_for_its_key() {
    let gate = Arc::new(Gate::default());
    let (client, model, place) = begins([Behaviour::Wait(Arc::clone(&gate), "compute(1);".to_owned())]);
    let behind = typed(&client, 2, place, "x");
    gate.wait_for_arrivals(1);
    let question = client.send_inline_completion(URI, behind, InlineTrigger::Automatic);
    status(&client);
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(question).unwrap()), ["compute(1);"]);
    assert_eq!((last_path(&client), model.n_cancelled()), (json!("kept"), 0));
}

#[test]
fn what_came_to_nothing_before_it_was_asked_for_is_not_computed_again() {
    for is_done in [true, false] {
        let gate = Arc::new(Gate::default());
        let (client, model, place) =
            begins([Behaviour::Wait(Arc::clone(&gate), String::new()), say("never")]);
        let behind = typed(&client, 2, place, "x");
        gate.wait_for_arrivals(1);
        if is_done {
            gate.open();
            settle(&client);
        }
        let question = client.send_inline_completion(URI, behind, InlineTrigger::Automatic);
        status(&client);
        gate.open();
        assert_eq!(texts(&client.wait_inline_completion(question).unwrap()), [""; 0]);
        assert_eq!((model.n_calls(), last_reason(&client)), (N_BEFORE + 1, "nothing-generated".to_owned()));
        // An explicit request tries it.
        let by_hand = client.inline_completion(URI, behind, InlineTrigger::Invoked).unwrap();
        assert_eq!(texts(&by_hand), ["never"]);
    }
}

#[test]
fn what_was_begun_for_another_place_gives_way() {
    let gate = Arc::new(Gate::default());
    let (client, model, place) =
        begins([Behaviour::Wait(Arc::clone(&gate), "compute(1);".to_owned()), say("other();")]);
    let behind = typed(&client, 2, place, "x");
    gate.wait_for_arrivals(1);
    let further = typed(&client, 3, behind, "y");
    assert_eq!(suggestion(&client, URI, further).unwrap(), "other();");
    // The gate never opened.
    wait_until(&client, |_| model.n_cancelled() == 1);
}

#[test]
fn a_bracket_that_the_editor_closed_stands_behind_the_cursor() {
    let (client, model, place) = begins([say("first"), say("second")]);
    client.change(URI, 2, [place; 2], "()");
    wait_until(&client, |status| model.n_calls() == N_BEFORE + 1 && status["computing"] == 0);
    assert!(model.last_prompt().ends_with("let total = ("), "{:?}", model.last_prompt());
    assert_eq!(suggestion(&client, URI, (place.0, place.1 + 1)).unwrap(), "first");
    assert_eq!(last_path(&client), "kept");
}

#[test]
fn nothing_is_begun_where_a_suggestion_is_known() {
    let (client, model, place) = begins([say("compute(1);"), say("(2);")]);
    let behind = typed(&client, 2, place, "x");
    assert_eq!(suggestion(&client, URI, behind).unwrap(), "compute(1);");
    // What comes behind it is looked ahead to.
    let n_calls = N_BEFORE + 2;
    wait_until(&client, |status| model.n_calls() == n_calls && status["computing"] == 0);
    let known = typed(&client, 3, behind, "c");
    settle(&client);
    assert_eq!(model.n_calls(), n_calls);
    assert_eq!(suggestion(&client, URI, known).unwrap(), "ompute(1);");
}

#[test]
fn nothing_is_begun_where_a_suggestion_was_dismissed() {
    let (client, model, place) = begins([say("")]);
    let (line, character) = place;
    let argument =
        json!([{"textDocument": {"uri": URI}, "position": {"line": line, "character": character}}]);
    client.execute_command("fimble.dismissed", &argument).unwrap();
    let behind = typed(&client, 2, place, "x");
    assert_eq!(suggestion(&client, URI, behind), None);
    settle(&client);
    let n_calls = model.n_calls();
    client.change(URI, 3, [place, behind], "");
    settle(&client);
    assert_eq!(model.n_calls(), n_calls);
}

#[test]
fn nothing_is_begun_in_a_language_that_is_switched_off() {
    let (client, model, place) = begins([say("never")]);
    let settings = json!({"settings": {"lookAhead": "always", "languages": {"disabled": ["rust"]}}});
    client.notify("workspace/didChangeConfiguration", &settings);
    assert_eq!(suggestion(&client, URI, place), None);
    let (n_calls, n_warm_ups) = (model.n_calls(), model.n_warm_ups());
    typed(&client, 2, place, "x");
    settle(&client);
    assert_eq!((model.n_calls(), model.n_warm_ups()), (n_calls, n_warm_ups));
}

#[test]
fn what_is_looked_ahead_to_ends_when_a_key_leads_elsewhere() {
    let gate = Arc::new(Gate::default());
    let ahead = Behaviour::Wait(Arc::clone(&gate), "(2);".to_owned());
    let (client, model, place) = begins([say("compute"), ahead, say("other();")]);
    let behind = typed(&client, 2, place, "x");
    assert_eq!(suggestion(&client, URI, behind).unwrap(), "compute");
    gate.wait_for_arrivals(1);
    let elsewhere = typed(&client, 3, behind, "q");
    // The gate never opened.
    wait_until(&client, |_| model.n_cancelled() == 1 && model.n_calls() == N_BEFORE + 3);
    assert_eq!(suggestion(&client, URI, elsewhere).unwrap(), "other();");
    assert_eq!(last_path(&client), "kept");
}
