//! Several suggestions to choose from: for explicit requests only.

use std::sync::Arc;

use fimble_client::InlineTrigger;

use crate::support::{
    Behaviour, Gate, Scripted, connect, open, suggestion, texts, wait_for_state, wait_until,
};

const URI: &str = "file:///project/a.rs";
const TEXT: &str = "fn main() {\n    let items = make();\n    let n = items.$0\n}\n";

#[test]
fn who_asks_by_hand_may_choose() {
    let model = Scripted::varying(&["len();", "iter().count();", "len();", "size();"]);
    let client = connect(&model);
    wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", TEXT);
    // The first one is what is shown without being asked for, also where that is known already.
    assert_eq!(suggestion(&client, URI, place).as_deref(), Some("len();"));
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["len();", "iter().count();"]);
    assert!(items.iter().all(|item| item.range == items[0].range));
    assert_eq!(suggestion(&client, URI, place).as_deref(), Some("len();"));
}

#[test]
fn work_for_one_suggestion_does_not_answer_who_wants_to_choose() {
    let gate = Arc::new(Gate::default());
    let script =
        [Behaviour::Wait(Arc::clone(&gate), "len();".to_owned()), Behaviour::Say("len();".to_owned())];
    let model = Scripted::new(script).with_lines(&["len();", "size();"]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", TEXT);
    let automatic = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["len();", "size();"]);
    assert_eq!(client.wait_inline_completion(automatic).unwrap(), []);
    wait_until(&client, |_| model.n_cancelled() == 1);
}

#[test]
fn a_model_that_writes_one_line_gives_one() {
    let model = Scripted::saying("len();");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", TEXT);
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["len();"]);
}
