//! What benchmarks and recorders rely on: every token is counted, messages can be watched, and answers know when they
//! came.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, connect, inline_capabilities, open, options, status, wait_until,
};

const URI: &str = "file:///a.rs";

#[test]
fn the_tokens_of_work_that_nobody_waited_for_are_counted_too() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([
        Behaviour::Wait(Arc::clone(&gate), "x".to_owned()),
        Behaviour::Say("y();".to_owned()),
    ]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", "fn main() {\n    let value = $0\n}\n");
    let superseded = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    assert_eq!(status(&client)["computing"], 1);
    client.change(URI, 2, [place; 2], "z");
    let later = (place.0, place.1 + 1);
    assert_eq!(client.inline_completion(URI, later, InlineTrigger::Automatic).unwrap().len(), 1);
    assert!(client.wait_inline_completion(superseded).unwrap().is_empty());
    let status = wait_until(&client, |status| status["computing"] == 0);
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    let of_the_answer = why["trace"]["tokens"]["prefilled"].as_u64().unwrap();
    let of_all = status["tokens"]["prefilled"].as_u64().unwrap();
    assert!(of_the_answer > 0 && of_all > of_the_answer, "{status:#} after {why:#}");
    assert_eq!(status["tokens"]["decoded"], 4);
}

#[test]
fn an_answer_knows_when_it_came_however_late_it_is_taken() {
    let client = connect(&Scripted::saying("compute();"));
    let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    let sent = Instant::now();
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    wait_until(&client, |status| status["shown"] == 1);
    // Its answer was sent before that of another request that came after it.
    status(&client);
    let taken = Instant::now();
    let (items, arrived) = client.wait_inline_completion_timed(id).unwrap();
    assert_eq!(items.len(), 1);
    assert!(sent < arrived && arrived < taken);
}

#[test]
fn a_sink_sees_every_good_message_in_order_and_the_notice_is_shown_once() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let mut options = options(&Scripted::saying("x"));
    options.notice = Some("You are watched.".to_owned());
    options.message_sink = Some(Arc::new(move |body| {
        let message: Value = serde_json::from_slice(body).unwrap();
        sink.lock().unwrap().push(message["method"].as_str().unwrap().to_owned());
    }));
    let mut client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    let notice = client.next_message("window/showMessage").unwrap();
    assert_eq!(notice.params["message"], "You are watched.");
    client.send_bytes(b"Content-Length: 3\r\n\r\n{x}");
    assert!(client.wait_for_unidentified().is_err());
    client.open(URI, "rust", "");
    client.close(URI);
    client.shut_down().unwrap();
    let expected =
        ["initialize", "initialized", "textDocument/didOpen", "textDocument/didClose", "shutdown", "exit"];
    assert_eq!(*seen.lock().unwrap(), expected);
}
