//! What a request may read and produce follows from the measured speed of the model and the time budget.

use std::sync::{Arc, Mutex};

use fimble_client::Client;
use fimble_lsp::ServerOptions;
use fimble_model::{
    CancelToken, GenerateRequest, Generation, Model, ModelError, ModelInfo, Speeds, TokenObserver,
};
use serde_json::{Value, json};

use crate::support::{
    Scripted, inline_capabilities, open, options, status, suggestion, wait_for_state, wait_until,
};

const URI: &str = "file:///w/a.rs";
const BLOCK: &str = "fn main() {\n    $0\n}\n";

/// A model that says how fast it is.
struct Paced {
    model: Arc<Scripted>,
    speeds: Arc<Mutex<Speeds>>,
}

impl Model for Paced {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn speeds(&self) -> Speeds {
        *self.speeds.lock().unwrap()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.model.count_tokens(text)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        self.model.generate(request, cancel, observer)
    }
}

/// A server whose model is this one, with these speeds.
fn paced(model: &Arc<Scripted>, speeds: &Arc<Mutex<Speeds>>) -> ServerOptions {
    let (loaded, theirs) = (Arc::clone(model), Arc::clone(speeds));
    let server = ServerOptions::new(Arc::new(move |_, _| {
        let model: Arc<dyn Model> =
            Arc::new(Paced { model: Arc::clone(&loaded), speeds: Arc::clone(&theirs) });
        Ok(model)
    }));
    ServerOptions { model_loader: server.model_loader, ..options(model) }
}

/// A client of a model of these speeds, and the way to change them.
fn connect(prefill: f64, decode: f64, settings: &Value) -> (Client, Arc<Mutex<Speeds>>) {
    let speeds = Arc::new(Mutex::new(Speeds { prefill: Some(prefill), decode: Some(decode) }));
    let client = Client::start(paced(&Scripted::saying("x"), &speeds)).unwrap().strict();
    client.initialize(&inline_capabilities(), settings).unwrap();
    wait_for_state(&client, "ready");
    (client, speeds)
}

fn trace(client: &Client) -> Value {
    client.execute_command("fimble.why", &json!([])).unwrap()["trace"].clone()
}

fn limits(client: &Client) -> String {
    trace(client)["limits"].as_str().unwrap().to_owned()
}

fn mode(client: &Client) -> String {
    trace(client)["mode"].as_str().unwrap().to_owned()
}

#[test]
fn a_slow_model_is_asked_for_one_line() {
    let (client, _) = connect(400.0, 6.0, &Value::Null);
    let place = open(&client, URI, "rust", BLOCK);
    assert!(suggestion(&client, URI, place).is_some());
    assert_eq!(
        limits(&client),
        "1024 tokens to read and 16 to produce; 250 ms allowed at 400 tokens/s read and 6 tokens/s produced"
    );
    assert!(mode(&client).starts_with("a single line: several lines take longer"), "{}", mode(&client));
    let budget = status(&client)["budget"].clone();
    assert_eq!(
        budget,
        json!({"ms": 250, "contextTokens": 1024, "newTokens": 16, "severalLines": false,
            "readTokensPerSecond": 400.0, "producedTokensPerSecond": 6.0})
    );
}

#[test]
fn what_the_user_set_stands_above_the_budget() {
    let settings = json!({"multiLine": "always", "experimental": {"maxNewTokens": 50, "contextTokens": 900}});
    let (client, _) = connect(20.0, 5.0, &settings);
    let place = open(&client, URI, "rust", BLOCK);
    assert!(suggestion(&client, URI, place).is_some());
    assert!(limits(&client).starts_with("900 tokens to read and 50 to produce"), "{}", limits(&client));
    assert!(mode(&client).starts_with("several lines"), "{}", mode(&client));
    // A larger budget gives a slow model what a quick one has.
    let (client, _) = connect(400.0, 90.0, &json!({"budgetMs": 2000}));
    let place = open(&client, URI, "rust", BLOCK);
    assert!(suggestion(&client, URI, place).is_some());
    assert!(limits(&client).starts_with("1024 tokens to read and 128 to produce"), "{}", limits(&client));
    assert!(mode(&client).starts_with("several lines"), "{}", mode(&client));
}

#[test]
fn nothing_changes_while_a_line_is_being_typed_and_no_window_shrinks_before_another_file() {
    let (client, speeds) = connect(12_000.0, 3_000.0, &Value::Null);
    let (line, character) = open(&client, URI, "rust", BLOCK);
    let mut version = 1;
    let mut key = |place: (u32, u32)| {
        version += 1;
        client.change(URI, version, [place; 2], "q");
        // The model always says the same: it is asked again for each key.
        let next = (place.0, place.1 + 1);
        suggestion(&client, URI, next);
        limits(&client).split(';').next().unwrap_or_default().to_owned()
    };
    let fast = "1024 tokens to read and 64 to produce";
    assert_eq!(key((line, character)), fast);
    *speeds.lock().unwrap() = Speeds { prefill: Some(30.0), decode: Some(5.0) };
    assert_eq!(key((line, character + 1)), fast, "the same line");
    assert_eq!(key((0, 11)), "1024 tokens to read and 16 to produce", "another line");
    let place = open(&client, "file:///w/b.rs", "rust", BLOCK);
    suggestion(&client, "file:///w/b.rs", place);
    assert!(limits(&client).starts_with("256 tokens to read and 16"), "{}", limits(&client));
}

#[test]
fn where_the_cursor_rests_is_read_by_a_quick_model_only() {
    for (prefill, n_read) in [(12_000.0, 1), (400.0, 0)] {
        let model = Scripted::saying("x");
        let speeds = Arc::new(Mutex::new(Speeds { prefill: Some(prefill), decode: Some(3_000.0) }));
        let server = ServerOptions { warm_up: true, ..paced(&model, &speeds) };
        let client = Client::start(server).unwrap().strict();
        client.initialize(&inline_capabilities(), &json!({"lookAhead": "always"})).unwrap();
        wait_for_state(&client, "ready");
        open(&client, URI, "rust", "fn main() {\n    let a = 1;$0\n}\n");
        wait_until(&client, |status| model.n_warm_ups() == 1 && status["computing"] == 0);
        let cursor = json!({"textDocument": {"uri": URI}, "position": {"line": 1, "character": 14}});
        client.notify("fimble/cursor", &cursor);
        // Work that nobody waits for begins between two questions.
        for _ in 0..20 {
            status(&client);
        }
        wait_until(&client, |status| status["computing"] == 0);
        assert_eq!(model.n_warm_ups(), 1 + n_read, "{prefill}");
        assert_eq!(model.last_prompt().ends_with("    let a = 1;"), n_read == 1, "{:?}", model.last_prompt());
        // What is unknown is ignored.
        client.notify(
            "fimble/cursor",
            &json!({"textDocument": {"uri": "file:///w/none.rs"}, "position": {"line": 1, "character": 14}}),
        );
        client.notify("fimble/cursor", &json!({"textDocument": {"uri": URI}}));
        assert_eq!(status(&client)["state"], "ready");
    }
}
