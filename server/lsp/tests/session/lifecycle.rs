//! The life of a connection: its beginning, its end, and what is sent at the wrong time.

use std::sync::Arc;

use fimble_client::{Client, ClientError, InlineTrigger};
use fimble_lsp::ExitStatus;
use serde_json::{Value, json};

use crate::support::{Behaviour, Gate, Scripted, connect, connect_with, inline_capabilities, open, options};

const URI: &str = "file:///w/a.rs";

fn code(result: Result<Value, ClientError>) -> i64 {
    match result {
        Err(ClientError::Response(error)) => error.code,
        other => panic!("not an error response: {other:?}"),
    }
}

#[test]
fn initialize_says_what_is_offered_in_the_clients_terms() {
    let client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
    let capabilities = json!({"general": {"positionEncodings": ["utf-32", "utf-8"]}});
    let answer = client.initialize(&capabilities, &Value::Null).unwrap();
    let offered = &answer["capabilities"];
    assert_eq!(offered["positionEncoding"], "utf-32");
    assert_eq!(offered["textDocumentSync"]["openClose"], true);
    assert_eq!(offered["textDocumentSync"]["change"], 2);
    assert_eq!(offered["inlineCompletionProvider"], true);
    assert!(offered["completionProvider"].is_object());
    let commands = offered["executeCommandProvider"]["commands"].as_array().unwrap();
    assert!(commands.contains(&json!("fimble.why")) && commands.contains(&json!("fimble.accepted")));
    assert_eq!(answer["serverInfo"]["name"], "fimble");
}

#[test]
fn a_request_before_initialize_and_after_shutdown_gets_the_protocols_code() {
    let mut client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
    let place = json!({"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}});
    // What is unknown is still at the wrong time first.
    for method in ["textDocument/inlineCompletion", "textDocument/levitate", "$/levitate", "shutdown"] {
        assert_eq!(code(client.request(method, &place)), -32002, "{method}");
    }
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    assert_eq!(code(client.request("initialize", &json!({"capabilities": {}}))), -32600);
    client.request("shutdown", &Value::Null).unwrap();
    for method in ["textDocument/inlineCompletion", "textDocument/levitate", "$/levitate", "shutdown"] {
        assert_eq!(code(client.request(method, &place)), -32600, "{method}");
    }
    assert_eq!(client.leave(true), Some(ExitStatus::Clean));
}

#[test]
fn a_helix_that_is_too_old_is_told_what_to_do_and_served() {
    for (version, is_told) in [
        ("25.01.1 (e7ac2fcd)", true),
        ("24.7", true),
        ("25.07.1", false),
        ("25.07", false),
        ("26.1 (0)", false),
        ("unknown", false),
    ] {
        let client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
        let info = json!({"clientInfo": {"name": "helix", "version": version}, "capabilities": {},
            "initializationOptions": {"experimental": {"maxLines": "many"}}});
        client.request("initialize", &info).unwrap();
        client.notify("initialized", &json!({}));
        let mut text = String::new();
        // What is told of a setting comes behind it.
        while !text.contains("maxLines") {
            let message = client.next_message("window/showMessage").unwrap();
            text.push_str(message.params["message"].as_str().unwrap());
        }
        let is_complete =
            ["Helix 25.07 or newer", version, "Update Helix"].iter().all(|part| text.contains(part));
        assert_eq!((text.contains("Helix"), is_complete), (is_told, is_told), "{text}");
    }
}

#[test]
fn a_client_that_sends_the_bare_minimum_is_served() {
    let client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
    assert_eq!(code(client.request("initialize", &json!([]))), -32602);
    let answer = client.request("initialize", &json!({})).unwrap();
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
}

#[test]
fn the_end_says_whether_it_was_proper() {
    let connected = || connect(&Scripted::saying("x"));
    assert_eq!(connected().shut_down().unwrap(), Some(ExitStatus::Clean));
    assert_eq!(connected().leave(true), Some(ExitStatus::Abrupt));
    assert_eq!(connected().leave(false), Some(ExitStatus::Abrupt));
}

#[test]
fn what_is_pending_at_the_end_is_answered() {
    for with_shutdown in [true, false] {
        let gate = Arc::new(Gate::default());
        let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "x();".to_owned())]);
        let mut client = connect(&model);
        let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
        let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
        gate.wait_for_arrivals(1);
        if with_shutdown {
            assert_eq!(client.shut_down().unwrap(), Some(ExitStatus::Clean));
        } else {
            assert_eq!(client.leave(false), Some(ExitStatus::Abrupt));
        }
        assert_eq!(code(client.wait(id)), -32800);
    }
}

#[test]
fn progress_is_shown_only_to_clients_that_can() {
    let capabilities =
        json!({"window": {"workDoneProgress": true}, "textDocument": {"inlineCompletion": {}}});
    for (capabilities, expects) in [(capabilities, true), (inline_capabilities(), false)] {
        let model = Scripted::saying("x();");
        let mut with_progress = options(&model);
        let release = fimble_model::CancelToken::new();
        let token = release.clone();
        with_progress.model_loader = Arc::new(move |_, progress| {
            // Reports until the test has seen enough.
            while !token.is_cancelled() {
                progress(fimble_lsp::LoadProgress { fraction: Some(0.5), message: "half".to_owned() });
                std::thread::yield_now();
            }
            Ok(model.clone())
        });
        let client = Client::start(with_progress).unwrap();
        client.initialize(&capabilities, &Value::Null).unwrap();
        if expects {
            let create = client.next_message("window/workDoneProgress/create").unwrap();
            let token = &create.params["token"];
            let begin = client.next_message("$/progress").unwrap();
            assert_eq!((&begin.params["token"], &begin.params["value"]["kind"]), (token, &json!("begin")));
            let report = client.next_message("$/progress").unwrap();
            assert_eq!(
                report.params["value"],
                json!({"kind": "report", "message": "half", "percentage": 50})
            );
        }
        release.cancel();
        crate::support::wait_for_state(&client, "ready");
        if expects {
            // Answers do not wait behind notifications, so the end may come after the state.
            let last = loop {
                let progress = client.next_message("$/progress").unwrap();
                if progress.params["value"]["kind"] != "report" {
                    break progress;
                }
            };
            assert_eq!(last.params["value"], json!({"kind": "end", "message": "ready"}));
        } else {
            assert_eq!(client.take_messages(), []);
        }
    }
}

#[test]
fn a_client_that_wants_to_be_asked_for_its_settings_is_asked() {
    let client = Client::start(options(&Scripted::saying("compute(1);"))).unwrap().strict();
    client.set_configuration(json!({"enabled": false}));
    let capabilities = json!({
        "workspace": {"configuration": true, "didChangeConfiguration": {"dynamicRegistration": true}},
        "textDocument": {"inlineCompletion": {}},
    });
    client.initialize(&capabilities, &Value::Null).unwrap();
    client.next_message("client/registerCapability").unwrap();
    let pull = client.next_message("workspace/configuration").unwrap();
    assert_eq!(pull.params["items"][0]["section"], "fimble");
    crate::support::wait_for_state(&client, "disabled");
    client.set_configuration(json!({"enabled": true}));
    client.notify("workspace/didChangeConfiguration", &json!({"settings": null}));
    client.next_message("workspace/configuration").unwrap();
    crate::support::wait_for_state(&client, "ready");
}

#[test]
fn a_closed_document_frees_what_it_held() {
    let model = Scripted::saying("compute(1);");
    let client = connect_with(&model, &inline_capabilities(), &Value::Null);
    let uris: Vec<String> = (0..5).map(|number| format!("file:///w/{number}.rs")).collect();
    for uri in &uris {
        let place = open(&client, uri, "rust", "fn main() {\n    let total = $0\n}\n");
        client.inline_completion(uri, place, InlineTrigger::Automatic).unwrap();
    }
    let status = crate::support::status(&client);
    assert_eq!((&status["documents"], &status["cacheEntries"]), (&json!(5), &json!(5)));
    for uri in &uris {
        client.close(uri);
    }
    let status = crate::support::status(&client);
    let freed = ["documents", "documentBytes", "cacheEntries", "pending"].map(|key| status[key].clone());
    assert_eq!(freed, [json!(0), json!(0), json!(0), json!(0)]);
}

#[test]
fn closing_a_document_answers_its_requests() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "x();".to_owned())]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    client.close(URI);
    assert_eq!(client.wait_inline_completion(id).unwrap(), []);
    assert_eq!(crate::support::last_reason(&client), "closed");
}
