//! Settings from the client: what applies, and what is said about what does not.

use fimble_client::InlineTrigger;
use fimble_lsp::LogLevel;
use serde_json::json;

use crate::support::{
    Scripted, connect, connect_with, inline_capabilities, last_reason, open, suggestion, wait_for_state,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

#[test]
fn a_bad_value_is_shown_once_and_the_rest_applies() {
    let settings =
        json!({"fimble": {"experimental": {"maxLines": "many"}, "languages": {"disabled": ["rust"]}}});
    let client = connect_with(&Scripted::saying("x();"), &inline_capabilities(), &settings);
    let message = client.next_message("window/showMessage").unwrap();
    assert_eq!(message.params["type"], 2);
    let text = message.params["message"].as_str().unwrap();
    for part in ["fimble.experimental.maxLines", "\"many\"", "from 1 to 100"] {
        assert!(text.contains(part), "{text}");
    }
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "language-disabled");
    // The same mistake is not told twice; another one is.
    client.notify(
        "workspace/didChangeConfiguration",
        &json!({"settings": {"fimble": {"experimental": {"threads": 0}}}}),
    );
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("fimble.experimental.threads"));
}

#[test]
fn a_message_holds_no_link_that_a_click_would_run() {
    let settings = json!({"experimental": {"maxLines": "[x](command:y)"}});
    let client = connect_with(&Scripted::saying("x();"), &inline_capabilities(), &settings);
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("[x] (command:y)"), "{message:?}");
}

#[test]
fn the_log_level_is_passed_on_when_it_is_set() {
    let (sender, levels) = std::sync::mpsc::channel();
    let mut options = crate::support::options(&Scripted::saying("x();"));
    options.log_level_sink = Some(std::sync::Arc::new(move |level| sender.send(level).unwrap()));
    let client = fimble_client::Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &json!({"experimental": {"threads": 1}})).unwrap();
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"logLevel": "debug"}}));
    let level = levels.recv().unwrap();
    assert_eq!(level, LogLevel::Debug);
    assert_eq!(level.filter(), "debug,tower_lsp_server=warn");
    client.notify(
        "workspace/didChangeConfiguration",
        &json!({"settings": {"logLevel": "debug", "experimental": {"maxLines": 2}}}),
    );
    crate::support::status(&client);
    assert!(levels.try_recv().is_err());
}

#[test]
fn a_changed_setting_applies_to_the_next_request() {
    let client = connect(&Scripted::saying("x();"));
    let place = open(&client, URI, "rust", RUST);
    assert!(suggestion(&client, URI, place).is_some());
    for (settings, expected) in
        [(json!({"fimble": {"enabled": false}}), None), (json!({"enabled": true}), Some("x();".to_owned()))]
    {
        client.notify("workspace/didChangeConfiguration", &json!({"settings": settings}));
        assert_eq!(suggestion(&client, URI, place), expected, "{settings}");
    }
}

#[test]
fn a_suggestion_made_under_other_settings_is_not_shown() {
    let model = Scripted::saying("first();\n    second();\n");
    let client = connect(&model);
    let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    let ask = || client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap()[0].insert_text.clone();
    assert!(ask().contains("second"));
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"multiLine": "never"}}));
    assert_eq!(ask(), "first();");
    assert_eq!(model.n_calls(), 2);
}

#[test]
fn a_server_that_is_switched_off_loads_no_model_until_it_is_switched_on() {
    let model = Scripted::saying("x();");
    let client = fimble_client::Client::start(crate::support::options(&model)).unwrap().strict();
    client.initialize(&inline_capabilities(), &json!({"enabled": false})).unwrap();
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "disabled");
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"enabled": true}}));
    wait_for_state(&client, "ready");
    assert!(suggestion(&client, URI, place).is_some());
}
