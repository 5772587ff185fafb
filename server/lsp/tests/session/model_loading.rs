//! The model's ways: slow, missing, replaced.

use std::sync::{Arc, Mutex};

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::{LoadProgress, ModelSettings, ServerOptions};
use fimble_model::{
    CancelToken, ErrorCode, GenerateRequest, Generation, LoadError, Model, ModelError, ModelInfo,
    TokenObserver,
};
use serde_json::{Value, json};

use crate::support::{
    Gate, Scripted, inline_capabilities, last_reason, open, options, status, suggestion, texts,
    wait_for_state,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

/// A server whose model is loaded when the gate opens.
fn slow(model: &Arc<Scripted>, gate: &Arc<Gate>) -> Client {
    let mut options = options(model);
    let (model, gate) = (Arc::clone(model), Arc::clone(gate));
    options.model_loader = Arc::new(move |_, _| {
        gate.pass_once_open();
        Ok(model.clone() as Arc<dyn Model>)
    });
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    client
}

#[test]
fn while_the_model_loads_typing_gets_nothing_and_asking_waits() {
    let gate = Arc::new(Gate::default());
    let client = slow(&Scripted::saying("x();"), &gate);
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(status(&client)["state"], "loading");
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "loading");
    let superseded = client.send_inline_completion(URI, place, InlineTrigger::Invoked);
    let invoked = client.send_inline_completion(URI, place, InlineTrigger::Invoked);
    assert_eq!(client.wait_inline_completion(superseded).unwrap(), []);
    assert_eq!(status(&client)["pending"], 1);
    gate.open();
    assert_eq!(texts(&client.wait_inline_completion(invoked).unwrap()), ["x();"]);
}

#[test]
fn a_waiting_request_whose_document_changes_is_answered_empty() {
    let gate = Arc::new(Gate::default());
    let client = slow(&Scripted::saying("x();"), &gate);
    let place = open(&client, URI, "rust", RUST);
    let invoked = client.send_inline_completion(URI, place, InlineTrigger::Invoked);
    client.change(URI, 2, [(0, 0), (0, 0)], "// note\n");
    status(&client);
    gate.open();
    assert_eq!(client.wait_inline_completion(invoked).unwrap(), []);
    assert_eq!(last_reason(&client), "document-changed");
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_once_and_can_be_replaced() {
    let good = Scripted::saying("x();");
    let wanted: Arc<Mutex<Vec<ModelSettings>>> = Arc::default();
    let mut server = ServerOptions::new({
        let wanted = Arc::clone(&wanted);
        Arc::new(move |settings, _| {
            wanted.lock().unwrap().push(settings.clone());
            match settings.names.first().map(String::as_str).unwrap_or_default() {
                "good" => Ok(good.clone() as Arc<dyn Model>),
                "panics" => panic!("as the test wants"),
                _ => Err(LoadError {
                    code: ErrorCode::ModelUnusable,
                    cause: "model.onnx is truncated".to_owned(),
                    remedy: "Add the model again.".to_owned(),
                }),
            }
        })
    });
    server.warm_up = false;
    let client = Client::start(server).unwrap().strict();
    client
        .initialize(&inline_capabilities(), &json!({"model": "/broken", "experimental": {"threads": 3}}))
        .unwrap();
    let message = client.next_message("window/showMessage").unwrap();
    assert_eq!(message.params["type"], 1);
    let text = message.params["message"].as_str().unwrap();
    assert!(text.contains("model.onnx is truncated") && text.contains("Add the model again"), "{text}");
    assert_eq!(message.params["data"]["code"], "model-unusable");
    let place = open(&client, URI, "rust", RUST);
    for trigger in [InlineTrigger::Automatic, InlineTrigger::Invoked] {
        assert_eq!(client.inline_completion(URI, place, trigger).unwrap(), []);
        assert_eq!(last_reason(&client), "no-model");
    }
    let failed = status(&client);
    assert_eq!(failed["state"], "failed");
    assert!(failed["reason"].as_str().unwrap().contains("truncated"));
    let error = json!({
        "code": "model-unusable", "cause": "model.onnx is truncated", "remedy": "Add the model again.",
    });
    assert_eq!(failed["error"], error);

    // Repeated settings are no reason to try again; the command is.
    client.notify(
        "workspace/didChangeConfiguration",
        &json!({"settings": {"model": "/broken", "experimental": {"threads": 3}}}),
    );
    client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    client.next_message("window/showMessage").unwrap();

    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"model": "panics"}}));
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("internal error"));

    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"model": "good"}}));
    wait_for_state(&client, "ready");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "x();");
    let models: Vec<String> =
        wanted.lock().unwrap().iter().filter_map(|settings| settings.names.first().cloned()).collect();
    assert_eq!(models, ["/broken", "/broken", "panics", "good"]);
    assert_eq!(wanted.lock().unwrap()[0].threads, Some(3));
}

#[test]
fn a_warm_model_has_run_and_was_measured() {
    let model = Scripted::saying("x();");
    let mut options = options(&model);
    options.warm_up = true;
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    crate::support::wait_until(&client, |_| model.n_calls() == 2);
    assert_eq!(status(&client)["requests"], 0);
}

/// A model whose provider fails in its first generation, and which tells so.
struct Failing(Arc<Scripted>);

impl Model for Failing {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn notices(&self) -> Vec<String> {
        vec!["The CPU computes from now on.".to_owned(); self.0.n_calls().min(1)]
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.0.count_tokens(text)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        self.0.generate(request, cancel, observer)
    }
}

#[test]
fn what_a_model_cannot_do_is_told_once_when_it_shows() {
    let model = Scripted::saying("x();");
    let mut options = options(&model);
    let failing = Arc::new(Failing(model));
    options.model_loader = Arc::new(move |_, _| Ok(failing.clone() as Arc<dyn Model>));
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &json!({"experimental": {"contextTokens": 5000}})).unwrap();
    let told = || client.next_message("window/showMessage").unwrap().params["message"].to_string();
    let context = told();
    assert!(
        context.contains("`experimental.contextTokens` is 5000") && context.contains("reads 4096 tokens"),
        "{context}"
    );

    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "x();");
    assert!(told().contains("The CPU computes from now on."));

    client
        .notify("workspace/didChangeConfiguration", &json!({"settings": {"experimental": {"maxLines": 2}}}));
    assert_eq!(suggestion(&client, URI, place).unwrap(), "x();");
    client.notify(
        "workspace/didChangeConfiguration",
        &json!({"settings": {"experimental": {"contextTokens": 6000}}}),
    );
    assert!(told().contains("`experimental.contextTokens` is 6000"), "nothing is told in between");
}

#[test]
fn a_client_that_wants_the_status_is_told_of_every_change_once() {
    let gate = Arc::new(Gate::default());
    let mut options = options(&Scripted::saying("x();"));
    let loads = Arc::clone(&gate);
    options.model_loader = Arc::new(move |_, progress| {
        progress(LoadProgress { fraction: Some(0.5), message: "half".to_owned() });
        loads.pass_once_open();
        Err(LoadError {
            code: ErrorCode::ModelUnreadable,
            cause: "no such file".to_owned(),
            remedy: "Add it.".to_owned(),
        })
    });
    let client = Client::start(options).unwrap().strict();
    let mut capabilities = inline_capabilities();
    capabilities["experimental"] = json!({"fimble": {"status": true}});
    client.initialize(&capabilities, &Value::Null).unwrap();
    let next = || client.next_message("fimble/status").unwrap().params;
    let mut told = next();
    // Whether loading began to report before the client was ready to listen is chance.
    if told.get("message").is_none() {
        told = next();
    }
    assert_eq!(
        (&told["state"], &told["message"], &told["fraction"]),
        (&json!("loading"), &json!("half"), &json!(0.5))
    );
    gate.open();
    let failed = next();
    assert_eq!(failed["state"], "failed");
    client.next_message("window/showMessage").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("Add it."), "{failed}");
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"enabled": false}}));
    assert_eq!(next()["state"], "disabled");
}
