//! The small model that answers while another one is loaded: who answers, what is said of it, and how the other one takes over.

use std::sync::Arc;

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::{ModelSettings, StandIn, WantedModel, file_uri};
use fimble_model::{Layer, LoadError, Model};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, inline_capabilities, last_reason, open, slashed, status, suggestion, texts, wait_until,
};
use crate::two_models::{Models, Small, connect, server, wait_for_model, wait_until_freed, why};

const URI: &str = "file:///w/a.rs";
const OTHER: &str = "file:///w/b.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

#[test]
fn the_small_model_answers_until_the_larger_one_takes_over_and_is_freed_then() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, large) = models.add("large", "large();");
    let client = connect(server(&small, &models), &json!({"experimental": {"smallModelFirst": false}}));
    let place = open(&client, URI, "rust", RUST);
    let loading = wait_for_model(&client, "small");
    assert_eq!(
        loading["wanted"],
        json!({"model": "large", "state": "loading", "reason": null, "error": null})
    );
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    let trace = why(&client);
    assert_eq!(trace["trace"]["model"], "small");
    assert_eq!(trace["trace"]["standIn"], "small answers while large is being loaded");
    assert!(trace["text"].as_str().unwrap().contains("small answers while large is being loaded"), "{trace}");
    // An answer of the cache says it, too.
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    assert_eq!(why(&client)["trace"]["standIn"], "small answers while large is being loaded");

    gate.open();
    let ready = wait_for_model(&client, "large");
    assert_eq!(ready["wanted"], Value::Null);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
    let trace = why(&client);
    assert_eq!((&trace["trace"]["model"], &trace["trace"]["standIn"]), (&json!("large"), &json!("")));
    assert!(!trace["text"].as_str().unwrap().contains("being loaded"), "{trace}");
    wait_until_freed(&client, &small);
    assert_eq!((small.n_made(), large.n_calls()), (1, 1));
}

#[test]
fn a_request_that_came_before_the_small_model_is_answered_by_it() {
    struct Late(Arc<Small>, Arc<Gate>);
    impl StandIn for Late {
        fn wanted(&self, settings: &ModelSettings) -> WantedModel {
            self.0.wanted(settings)
        }

        fn load(&self, settings: &ModelSettings) -> Result<Arc<dyn Model>, LoadError> {
            self.1.pass_once_open();
            self.0.load(settings)
        }
    }
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let _large = models.add("large", "large();");
    let late = Arc::new(Gate::default());
    let mut options = server(&small, &models);
    options.stand_in = Some(Arc::new(Late(Arc::clone(&small), Arc::clone(&late))));
    let client = connect(options, &Value::Null);
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "loading");
    let invoked = client.send_inline_completion(URI, place, InlineTrigger::Invoked);
    assert_eq!(status(&client)["state"], "loading");
    late.open();
    assert_eq!(texts(&client.wait_inline_completion(invoked).unwrap()), ["small();"]);
    assert_eq!(why(&client)["trace"]["standIn"], "small answers while large is being loaded");
}

#[test]
fn work_of_the_small_model_ends_with_it_after_the_take_over_and_each_request_is_answered_once() {
    let stuck = Arc::new(Gate::default());
    let script = [Behaviour::Wait(Arc::clone(&stuck), "small();".to_owned())];
    let (small, models) = (Arc::new(Small::scripted(script)), Arc::new(Models::default()));
    let (gate, _large) = models.add("large", "large();");
    let client = connect(server(&small, &models), &json!({"experimental": {"smallModelFirst": false}}));
    let place = open(&client, URI, "rust", RUST);
    open(&client, OTHER, "rust", RUST);
    wait_for_model(&client, "small");
    let first = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    let superseded = client.send_inline_completion(OTHER, place, InlineTrigger::Automatic);
    stuck.wait_for_arrivals(2);
    gate.open();
    wait_for_model(&client, "large");
    // The same place again, while the work for it goes on: another model, another work.
    let second = client.send_inline_completion(OTHER, place, InlineTrigger::Automatic);
    assert_eq!(client.wait_inline_completion(superseded).unwrap(), []);
    assert_eq!(texts(&client.wait_inline_completion(second).unwrap()), ["large();"]);
    assert_eq!(small.n_alive(), 1);
    stuck.open();
    assert_eq!(texts(&client.wait_inline_completion(first).unwrap()), ["small();"]);
    assert_eq!(why(&client)["trace"]["model"], "small");
    wait_until_freed(&client, &small);
    // What the small model said is not shown for the large one's.
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
}

#[test]
fn work_that_began_with_a_key_is_not_taken_for_the_next_model_s() {
    let stuck = Arc::new(Gate::default());
    let script = [Behaviour::Pause("sm".to_owned(), Arc::clone(&stuck), "all();".to_owned())];
    let (small, models) = (Arc::new(Small::scripted(script)), Arc::new(Models::default()));
    let (gate, _large) = models.add("large", "smart();");
    let client = connect(server(&small, &models), &Value::Null);
    let place = open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    let first = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    stuck.wait_for_arrivals(1);
    client.change(URI, 2, [place, place], "s");
    let typed = (place.0, place.1 + 1);
    let kept = client.send_inline_completion(URI, typed, InlineTrigger::Automatic);
    assert_eq!(client.wait_inline_completion(first).unwrap(), []);
    gate.open();
    wait_for_model(&client, "large");
    stuck.open();
    // The work for the first one had gone on for it; what it says is no answer any more, and the next model is asked.
    assert_eq!(texts(&client.wait_inline_completion(kept).unwrap()), ["smart();"]);
    let trace = why(&client);
    assert_eq!((&trace["trace"]["model"], &trace["trace"]["standIn"]), (&json!("large"), &json!("")));
}

#[test]
fn the_model_that_takes_over_is_told_of_the_open_documents_and_of_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lib.rs"), "pub fn total() -> usize {\n    1\n}\n".repeat(8)).unwrap();
    let on_disk = format!("{}/lib.rs", slashed(folder.path()));
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, large) = models.add("large", "large();");
    let client = Client::start(server(&small, &models)).unwrap().strict();
    let folders = json!([{"uri": file_uri(folder.path()), "name": "w"}]);
    client
        .initialize_in(&folders, &inline_capabilities(), &json!({"experimental": {"smallModelFirst": false}}))
        .unwrap();
    open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    let told = small.made.lock().unwrap()[0].upgrade().unwrap();
    told.wait_for_memory("/w/a.rs", |told| told.is_some_and(|(layer, _)| *layer == Layer::Open));
    told.wait_for_memory(&on_disk, |told| told.is_some_and(|(layer, _)| *layer == Layer::Workspace));
    assert_eq!(large.n_upserted(), 0);
    gate.open();
    wait_for_model(&client, "large");
    large.wait_for_memory("/w/a.rs", |told| told.is_some_and(|(layer, _)| *layer == Layer::Open));
    large.wait_for_memory(&on_disk, |told| told.is_some_and(|(layer, _)| *layer == Layer::Workspace));
    drop(told);
    wait_until_freed(&client, &small);
}

#[test]
fn the_prompt_of_the_open_document_is_read_before_the_next_key() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, large) = models.add("large", "large();");
    let mut options = server(&small, &models);
    options.warm_up = true;
    options.on_battery = None;
    let client = connect(options, &Value::Null);
    open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    gate.open();
    wait_for_model(&client, "large");
    // It was measured before it took over.
    assert_eq!(large.n_calls(), 2);
    wait_until(&client, |_| large.n_warm_ups() == 1);
}

#[test]
fn the_status_tells_of_the_load_beside_the_model_that_answers() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, _large) = models.add("large", "large();");
    let client = Client::start(server(&small, &models)).unwrap().strict();
    let mut capabilities = inline_capabilities();
    capabilities["experimental"] = json!({"fimble": {"status": true}});
    client.initialize(&capabilities, &Value::Null).unwrap();
    // How far the load is when the client begins to listen is chance.
    let mut told = client.next_message("fimble/status").unwrap().params;
    while told["wanted"]["message"].is_null() {
        told = client.next_message("fimble/status").unwrap().params;
    }
    assert_eq!((&told["state"], &told["model"]), (&json!("ready"), &json!("small")));
    assert_eq!((&told["message"], &told["fraction"]), (&Value::Null, &Value::Null));
    let wanted = json!({"model": "large", "state": "loading", "reason": null, "error": null, "message": "reading weights", "fraction": 0.5});
    assert_eq!(told["wanted"], wanted);
    assert_eq!(told["chat"]["state"], "loading");
    gate.open();
    let told = client.next_message("fimble/status").unwrap().params;
    assert_eq!((&told["model"], &told["wanted"]), (&json!("large"), &Value::Null));
}

#[test]
fn an_action_that_needs_a_chat_waits_for_the_wanted_model() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let _large = models.add("large", "large();");
    let client = connect(server(&small, &models), &Value::Null);
    open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let place = json!([{"textDocument": {"uri": URI}, "range": range}]);
    assert_eq!(client.execute_command("fimble.explain", &place), Ok(Value::Null));
    let told = client.next_message("window/showMessage").unwrap().params;
    assert!(told["message"].as_str().unwrap().contains("still being loaded"), "{told}");
}
