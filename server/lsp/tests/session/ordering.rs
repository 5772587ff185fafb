//! Order: edits are never held up, newer requests supersede, cancellations are answered at once.

use std::sync::Arc;

use fimble_client::{ClientError, InlineTrigger};
use serde_json::json;

use crate::support::{
    Behaviour, Gate, Scripted, connect, last_reason, open, status, suggestion, texts, wait_until,
};

const URI: &str = "file:///w/a.rs";
const OTHER: &str = "file:///w/b.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

fn waiting_model(text: &str) -> (Arc<Scripted>, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let script = [
        Behaviour::Say("compute(1);".to_owned()),
        Behaviour::Wait(Arc::clone(&gate), text.to_owned()),
        Behaviour::Say("compute(2);".to_owned()),
    ];
    (Scripted::new(script), gate)
}

#[test]
fn an_edit_and_what_needs_no_model_do_not_wait_for_a_generation() {
    let (model, gate) = waiting_model("never_mind();");
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", RUST);
    let other = open(&client, OTHER, "rust", RUST);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute(1);");
    let blocked = client.send_inline_completion(OTHER, other, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    // The model is busy; this answer proves that the edit took effect and that the loop is free.
    client.change(URI, 2, [(line, character); 2], "comp");
    assert_eq!(suggestion(&client, URI, (line, character + 4)).unwrap(), "ute(1);");
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(blocked).unwrap()), ["never_mind();"]);
    assert_eq!(model.n_calls(), 2);
}

#[test]
fn a_superseded_request_gets_an_empty_list_at_once_and_its_work_is_cancelled() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([
        Behaviour::Wait(Arc::clone(&gate), "old();".to_owned()),
        Behaviour::Say("new();".to_owned()),
    ]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    let old = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [place; 2], "z");
    let new = client.send_inline_completion(URI, (place.0, place.1 + 1), InlineTrigger::Automatic);
    assert_eq!(client.wait_inline_completion(old).unwrap(), []);
    assert_eq!(texts(&client.wait_inline_completion(new).unwrap()), ["new();"]);
    // The gate never opened: it is the cancellation that let the first generation go.
    let status = wait_until(&client, |_| model.n_cancelled() == 1);
    assert_eq!((&status["superseded"], &status["pending"]), (&json!(1), &json!(0)));
}

#[test]
fn requests_for_different_documents_and_methods_do_not_supersede_each_other() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "done();".to_owned())]);
    let client = crate::support::connect_with(&model, &json!({}), &json!(null));
    let place = open(&client, URI, "rust", RUST);
    open(&client, OTHER, "rust", RUST);
    let first = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    let second = client.send_inline_completion(OTHER, place, InlineTrigger::Automatic);
    let menu = json!({"textDocument": {"uri": URI}, "position": {"line": place.0, "character": place.1}});
    let menu = client.send("textDocument/completion", &menu);
    gate.wait_for_arrivals(3);
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(first).unwrap()), ["done();"]);
    assert_eq!(texts(&client.wait_inline_completion(second).unwrap()), ["done();"]);
    assert_eq!(client.wait(menu).unwrap()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_cancelled_request_is_answered_at_once_with_the_protocols_code() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "old();".to_owned())]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    client.cancel(id);
    match client.wait(id) {
        Err(ClientError::Response(error)) => assert_eq!(error.code, -32800),
        other => panic!("{other:?}"),
    }
    wait_until(&client, |_| model.n_cancelled() == 1);
    // Cancelling what was answered, or never asked, is harmless.
    client.cancel(id);
    client.cancel(4711);
    assert_eq!(status(&client)["cancelled"], 1);
}

#[test]
fn a_request_sees_the_edits_before_it_and_not_those_after_it() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "one();".to_owned())]);
    let client = connect(&model);
    client.open(URI, "rust", "");
    for number in 0..50 {
        client.change(URI, 2 + number, [(0, u32::try_from(number).unwrap()); 2], &(number % 10).to_string());
    }
    let id = client.send_inline_completion(URI, (0, 50), InlineTrigger::Automatic);
    client.change(URI, 100, [(0, 50); 2], " after");
    gate.wait_for_arrivals(1);
    assert!(model.last_prompt().ends_with(&"0123456789".repeat(5)), "{:?}", model.last_prompt());
    gate.open();
    // The text is another one now: the answer would stand in the wrong place.
    assert_eq!(client.wait_inline_completion(id).unwrap(), []);
    assert_eq!(last_reason(&client), "document-changed");
}

#[test]
fn a_late_result_answers_the_next_request() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "compute(1);".to_owned())]);
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", RUST);
    let id = client.send_inline_completion(URI, (line, character), InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [(line, character); 2], "com");
    status(&client);
    gate.open();
    assert_eq!(client.wait_inline_completion(id).unwrap(), []);
    assert_eq!(suggestion(&client, URI, (line, character + 3)).unwrap(), "pute(1);");
    assert_eq!(model.n_calls(), 1);
}

#[test]
fn an_id_that_is_still_waiting_cannot_be_used_again() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "x();".to_owned())]);
    let client = fimble_client::Client::start(crate::support::options(&model)).unwrap();
    client.initialize(&crate::support::inline_capabilities(), &json!(null)).unwrap();
    crate::support::wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", RUST);
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "workspace/executeCommand",
        "params": {"command": "fimble.status"}})
    .to_string();
    client.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    match client.wait(id) {
        Err(ClientError::Response(error)) => assert_eq!(error.code, -32600),
        other => panic!("{other:?}"),
    }
    gate.open();
}
