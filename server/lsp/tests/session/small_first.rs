//! The small model that answers where the larger one has written nothing in time, and how the larger one takes over.

use std::sync::Arc;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{Behaviour, Gate, Scripted, inline_capabilities, open, suggestion, wait_until};
use crate::two_models::{Models, Small, server, set_model, wait_for_model, wait_until_freed, why};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

/// A client that asks again, and a large model that waits at a gate before it writes.
fn connect(small: &Arc<Small>, text: &str, settings: &Value) -> (Client, Arc<Gate>, Arc<Scripted>) {
    let (models, gate) = (Arc::new(Models::default()), Arc::new(Gate::default()));
    let script = [Behaviour::Wait(Arc::clone(&gate), text.to_owned())];
    let (loaded, large) = models.add_scripted("large", script);
    loaded.open();
    let client = Client::start(server(small, &models)).unwrap().strict();
    let mut capabilities = inline_capabilities();
    capabilities["experimental"] = json!({"fimble": {"inlineCompletionRefresh": true}});
    client.initialize(&capabilities, settings).unwrap();
    wait_for_model(&client, "large");
    (client, gate, large)
}

#[test]
fn the_small_model_answers_first_and_the_larger_one_goes_on() {
    let small = Arc::new(Small::saying("small"));
    let (client, gate, large) = connect(&small, "small_and_large();", &json!({"budgetMs": 2_000}));
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small");
    let trace = why(&client);
    assert_eq!((&trace["trace"]["path"], &trace["trace"]["model"]), (&json!("smallModel"), &json!("small")));
    // What is typed along with it needs nobody.
    client.change(URI, 2, [place, place], "sm");
    let typed = (place.0, place.1 + 2);
    assert_eq!(suggestion(&client, URI, typed).unwrap(), "all");
    assert_eq!((large.n_calls(), large.n_cancelled()), (1, 0));
    gate.open();
    let refresh = client.next_message("fimble/inlineCompletionRefresh").unwrap();
    assert_eq!(refresh.params, json!({"textDocument": {"uri": URI, "version": 2}}));
    assert_eq!(suggestion(&client, URI, typed).unwrap(), "all_and_large();");
    assert_eq!((large.n_calls(), large.n_cancelled()), (1, 0));
}

#[test]
fn who_asks_by_hand_waits_for_the_larger_model() {
    let small = Arc::new(Small::saying("small();"));
    let (client, gate, _) = connect(&small, "large();", &json!({"budgetMs": 20}));
    let place = open(&client, URI, "rust", RUST);
    let asked = client.send_inline_completion(URI, place, InlineTrigger::Invoked);
    gate.wait_for_arrivals(1);
    gate.open();
    assert_eq!(client.wait_inline_completion(asked).unwrap()[0].insert_text, "large();");
}

#[test]
fn a_quick_answer_of_the_larger_model_leaves_the_small_one_out() {
    let small = Arc::new(Small::saying("small();"));
    let (client, gate, _) = connect(&small, "large();", &json!({"budgetMs": 60_000}));
    gate.open();
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
    let models: Vec<_> = small.made.lock().unwrap().iter().filter_map(std::sync::Weak::upgrade).collect();
    assert_eq!(models.iter().map(|model| model.n_calls()).sum::<usize>(), 0);
}

#[test]
fn without_the_setting_the_small_model_is_freed_and_the_next_one_loads_it_again() {
    let small = Arc::new(Small::saying("small();"));
    let (client, gate, _) = connect(&small, "large();", &json!({"budgetMs": 60_000}));
    assert_eq!(small.n_alive(), 1);
    // It stands in for the next model, too.
    set_model(&client, &json!("missing"));
    wait_until(&client, |status| status["wanted"]["state"] == "failed");
    client.next_message("window/showMessage").unwrap();
    let _ = client.take_messages();
    assert_eq!((small.n_made(), small.n_alive()), (1, 1));
    set_model(&client, &json!("large"));
    wait_for_model(&client, "large");
    // The settings replace those before: without the model's name it would be loaded again.
    let settings = json!({"model": "large", "budgetMs": 60_000, "experimental": {"smallModelFirst": false}});
    client.notify("workspace/didChangeConfiguration", &json!({"settings": settings}));
    wait_until_freed(&client, &small);
    gate.open();
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
}
