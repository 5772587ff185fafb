//! A generation that is running goes on while what is typed agrees with what it has said.

use std::sync::Arc;

use fimble_client::{Client, ClientError, InlineTrigger};
use serde_json::json;

use crate::support::{Behaviour, Gate, Scripted, connect, open, status, suggestion, texts, wait_until};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

/// A server whose model has said "comp" for the request that is returned, and waits before it says the rest.
fn halfway(rest: &str) -> (Client, Arc<Scripted>, Arc<Gate>, (u32, u32), i64) {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([
        Behaviour::Pause("comp".to_owned(), Arc::clone(&gate), rest.to_owned()),
        Behaviour::Say("afresh();".to_owned()),
    ]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    let first = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    (client, model, gate, place, first)
}

#[test]
fn typing_what_the_model_says_keeps_it_running_and_gets_the_rest() {
    let (client, model, gate, (line, character), mut last) = halfway("ute(1);");
    // One key after the other, each with its request, all of them before the model goes on.
    for (typed, column) in ["c", "o", "mp"].into_iter().zip([0, 1, 2]) {
        client.change(URI, 2 + i32::try_from(column).unwrap(), [(line, character + column); 2], typed);
        let end = column + u32::try_from(typed.len()).unwrap();
        let newer = client.send_inline_completion(URI, (line, character + end), InlineTrigger::Automatic);
        assert_eq!(client.wait_inline_completion(last).unwrap(), [], "the older one ends at once");
        last = newer;
    }
    status(&client);
    gate.open();
    let items = client.wait_inline_completion(last).unwrap();
    assert_eq!(texts(&items), ["ute(1);"]);
    assert_eq!(items[0].range, [(line, character + 4); 2]);
    assert_eq!((model.n_calls(), model.n_cancelled()), (1, 0));
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["path"], "kept");
    assert_eq!(why["trace"]["character"], character + 4);
    // What the cache says for the same place is the same.
    assert_eq!(suggestion(&client, URI, (line, character + 4)).unwrap(), "ute(1);");
    assert_eq!(model.n_calls(), 1);
}

#[test]
fn a_bracket_that_the_editor_closes_agrees() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Pause("f(a".to_owned(), Arc::clone(&gate), ", b);".to_owned())]);
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", RUST);
    let first = client.send_inline_completion(URI, (line, character), InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [(line, character); 2], "f()");
    let second = client.send_inline_completion(URI, (line, character + 2), InlineTrigger::Automatic);
    assert_eq!(client.wait_inline_completion(first).unwrap(), []);
    gate.open();
    let items = client.wait_inline_completion(second).unwrap();
    assert_eq!(texts(&items), ["a, b);"]);
    assert_eq!(items[0].range, [(line, character + 2), (line, character + 3)]);
    assert_eq!(model.n_calls(), 1);
}

#[test]
fn what_diverges_or_is_not_known_yet_starts_afresh() {
    for typed in ["x", "cx", "compu", " comp"] {
        let (client, model, _gate, (line, character), first) = halfway("ute(1);");
        client.change(URI, 2, [(line, character); 2], typed);
        let end = character + u32::try_from(typed.len()).unwrap();
        let second = client.send_inline_completion(URI, (line, end), InlineTrigger::Automatic);
        assert_eq!(client.wait_inline_completion(first).unwrap(), []);
        assert_eq!(texts(&client.wait_inline_completion(second).unwrap()), ["afresh();"], "{typed}");
        wait_until(&client, |_| model.n_cancelled() == 1);
    }
}

#[test]
fn a_request_that_took_work_over_gets_its_own_when_nothing_is_left_of_it() {
    let (client, model, gate, (line, character), first) = halfway("\n");
    client.change(URI, 2, [(line, character); 2], "comp");
    let second = client.send_inline_completion(URI, (line, character + 4), InlineTrigger::Automatic);
    assert_eq!(client.wait_inline_completion(first).unwrap(), []);
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(second).unwrap()), ["afresh();"]);
    assert_eq!(model.n_calls(), 2);
}

#[test]
fn kept_work_ends_with_the_request_that_took_it_over() {
    let (client, model, _gate, (line, character), first) = halfway("ute(1);");
    let second = client.send_inline_completion(URI, (line, character), InlineTrigger::Invoked);
    assert_eq!(client.wait_inline_completion(first).unwrap(), []);
    client.cancel(second);
    match client.wait(second) {
        Err(ClientError::Response(error)) => assert_eq!(error.code, -32800),
        other => panic!("{other:?}"),
    }
    wait_until(&client, |_| model.n_cancelled() == 1);
    assert_eq!(status(&client)["pending"], 0);
}
