//! Another model while the server runs: by the command, by the setting, and where it cannot be loaded.

use std::sync::Arc;

use fimble_lsp::WantedModel;
use serde_json::{Value, json};

use crate::support::{open, status, suggestion, wait_for_state, wait_until};
use crate::two_models::{Models, Small, connect, server, set_model, wait_for_model, wait_until_freed, why};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

#[test]
fn where_the_wanted_model_cannot_be_loaded_the_small_one_goes_on_and_the_failure_is_shown_once() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let client = connect(server(&small, &models), &json!({"experimental": {"smallModelFirst": false}}));
    let place = open(&client, URI, "rust", RUST);
    let message = client.next_message("window/showMessage").unwrap();
    let text = message.params["message"].as_str().unwrap();
    assert_eq!(message.params["type"], 2);
    for part in ["small answers", "large could not be loaded", "there is no model large", "Add it."] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    assert!(why(&client)["trace"]["standIn"].as_str().unwrap().contains("there is no model large"));
    let failed = status(&client);
    assert_eq!((&failed["state"], &failed["model"]), (&json!("ready"), &json!("small")));
    assert_eq!(failed["wanted"]["state"], "failed");
    assert!(failed["wanted"]["reason"].as_str().unwrap().contains("Add it."), "{failed}");

    // It is there now: the command takes it, without a moment in which nobody answers.
    let (gate, _large) = models.add("large", "large();");
    let answer = client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    assert_eq!((&answer["state"], &answer["model"]), (&json!("ready"), &json!("small")));
    assert_eq!(answer["wanted"]["state"], "loading");
    client.change(URI, 2, [place, place], "(");
    let typed = (place.0, place.1 + 1);
    assert_eq!(suggestion(&client, URI, typed).unwrap(), "small();");
    gate.open();
    wait_for_model(&client, "large");
    assert_eq!(suggestion(&client, URI, typed).unwrap(), "large();");
    wait_until_freed(&client, &small);
    assert_eq!(small.n_made(), 1);
}

#[test]
fn a_wanted_small_model_is_loaded_once_and_stands_in_for_the_next_one() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    small.set_in_use(WantedModel::StandIn);
    let client = connect(server(&small, &models), &json!({"experimental": {"smallModelFirst": false}}));
    let place = open(&client, URI, "rust", RUST);
    let ready = wait_for_model(&client, "small");
    assert_eq!(ready["wanted"], Value::Null);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    assert_eq!(why(&client)["trace"]["standIn"], "");
    assert_eq!(small.n_made(), 1);

    let (gate, _large) = models.add("large", "large();");
    small.set_in_use(WantedModel::Other("large".to_owned()));
    let answer = client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    assert_eq!((&answer["state"], &answer["model"]), (&json!("ready"), &json!("small")));
    wait_until(&client, |status| status["wanted"]["model"] == "large");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    gate.open();
    wait_for_model(&client, "large");
    wait_until_freed(&client, &small);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
    // And back: the small one is what is loaded, and nothing stands in for it.
    small.set_in_use(WantedModel::StandIn);
    client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    wait_for_model(&client, "small");
    assert_eq!((small.n_made(), small.n_alive()), (2, 1));
}

#[test]
fn a_setting_that_changes_while_a_model_loads_wins_and_the_small_model_goes_on_meanwhile() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (first_gate, first) = models.add("first", "first();");
    let (second_gate, _second) = models.add("second", "second();");
    let client = connect(server(&small, &models), &json!({"model": "first"}));
    let place = open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    first_gate.wait_for_arrivals(1);
    set_model(&client, &json!("second"));
    second_gate.wait_for_arrivals(1);
    let loading = wait_until(&client, |status| status["wanted"]["model"] == "second");
    assert_eq!(loading["model"], "small");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    first_gate.open();
    second_gate.open();
    wait_for_model(&client, "second");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "second();");
    assert_eq!((small.n_made(), small.n_alive(), first.n_calls()), (1, 1, 0));

    // From one large model to another: the small one beside it answers meanwhile.
    let (third_gate, _third) = models.add("third", "third();");
    set_model(&client, &json!("third"));
    third_gate.wait_for_arrivals(1);
    wait_for_model(&client, "small");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
    third_gate.open();
    wait_for_model(&client, "third");
    assert_eq!((small.n_made(), small.n_alive()), (1, 1));
    set_model(&client, &json!("small"));
    // The small one that stood in answers until the wanted one is loaded.
    wait_until(&client, |status| status["model"] == "small" && small.n_made() == 2);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "small();");
}

#[test]
fn nothing_stands_in_for_servers_unless_it_answered_before() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, _servers) = models.add("servers", "served();");
    small.set_in_use(WantedModel::Independent);
    let client = connect(server(&small, &models), &Value::Null);
    let place = open(&client, URI, "rust", RUST);
    gate.wait_for_arrivals(1);
    assert_eq!(status(&client)["state"], "loading");
    assert_eq!(suggestion(&client, URI, place), None);
    gate.open();
    wait_for_state(&client, "ready");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "served();");
    assert_eq!(small.n_made(), 0);
}

#[test]
fn a_small_model_that_fails_costs_nothing_but_itself() {
    let small = Arc::new(Small::failing());
    let models = Arc::new(Models::default());
    let (gate, _large) = models.add("large", "large();");
    let client = connect(server(&small, &models), &json!({"experimental": {"smallModelFirst": false}}));
    let place = open(&client, URI, "rust", RUST);
    gate.wait_for_arrivals(1);
    assert_eq!(suggestion(&client, URI, place), None);
    gate.open();
    wait_for_model(&client, "large");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
    // Where both fail, the wanted one's failure is what is shown.
    set_model(&client, &json!("missing"));
    let message = client.next_message("window/showMessage").unwrap();
    let text = message.params["message"].as_str().unwrap();
    assert!(text.contains("without suggestions: there is no model missing"), "{text}");
    assert_eq!(status(&client)["state"], "failed");
}

#[test]
fn a_setting_that_is_taken_back_leaves_the_choice_to_the_model_in_use() {
    let (small, models) = (Arc::new(Small::saying("small();")), Arc::new(Models::default()));
    let (gate, _large) = models.add("large", "large();");
    gate.open();
    let client = connect(server(&small, &models), &json!({"model": "small"}));
    let place = open(&client, URI, "rust", RUST);
    wait_for_model(&client, "small");
    set_model(&client, &Value::Null);
    wait_for_model(&client, "large");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "large();");
}
