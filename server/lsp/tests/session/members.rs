//! A model that is a choice among several, as servers with what stands behind them are: who is asked, what is told, and what
//! is marked as coming from another machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::{ModelRole, ModelSettings};
use fimble_model::{
    CancelToken, ErrorCode, GenerateRequest, Generation, LoadError, Model, ModelError, ModelInfo,
    ModelRouter, TokenObserver,
};
use serde_json::{Value, json};

use crate::support::*;

const URI: &str = "file:///project/a.rs";
const RUST: &str = "fn main() {\n    $0\n}\n";
const DOWN: &str = "The server at 127.0.0.1:8012 cannot be reached. Start it";

/// A model behind a server: it fails while the counter is above zero.
struct Server {
    inner: Arc<Scripted>,
    n_failures: AtomicUsize,
    is_remote: bool,
}

impl Model for Server {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.count_tokens(text)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let fails = |left: usize| left.checked_sub(1);
        if self.n_failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(ModelError::Unavailable(DOWN.to_owned()));
        }
        if self.is_remote && request.prompt.sources.iter().any(|path| path.ends_with("secret.rs")) {
            return Err(ModelError::Withheld(
                "The setting noRemotePaths keeps secret.rs on this machine".to_owned(),
            ));
        }
        self.inner.generate(request, cancel, observer)
    }
}

/// A server, and a model that stands behind it.
struct Choice {
    server: Arc<Server>,
    behind: Arc<Scripted>,
    is_down: Mutex<bool>,
}

impl ModelRouter for Choice {
    fn member_for(&self, sources: &[String]) -> Option<Arc<dyn Model>> {
        let is_kept = sources.iter().any(|path| path.ends_with("secret.rs"));
        let first_try = self.server.n_failures.load(Ordering::SeqCst) > 0;
        if (*self.is_down.lock().unwrap() && !first_try) || (self.server.is_remote && is_kept) {
            return Some(self.behind.clone());
        }
        Some(self.server.clone())
    }
}

impl Model for Choice {
    fn info(&self) -> &ModelInfo {
        self.server.info()
    }

    fn notices(&self) -> Vec<String> {
        let is_down = self.server.n_failures.load(Ordering::SeqCst) == 0 && *self.is_down.lock().unwrap();
        if is_down { vec![format!("llama.cpp is not available: {DOWN}.")] } else { Vec::new() }
    }

    fn router(&self) -> Option<&dyn ModelRouter> {
        Some(self)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.server.count_tokens(text)
    }

    fn generate(
        &self,
        _: GenerateRequest,
        _: &CancelToken,
        _: TokenObserver,
    ) -> Result<Generation, ModelError> {
        panic!("who plans for the whole asks the whole");
    }
}

fn choice(n_failures: usize, is_remote: bool) -> Choice {
    let server = Server { inner: Scripted::saying("served();"), n_failures: n_failures.into(), is_remote };
    Choice {
        server: Arc::new(server),
        behind: Scripted::saying("own();"),
        is_down: Mutex::new(n_failures > 0),
    }
}

fn connect_to(model: Choice, capabilities: &Value) -> Client {
    let mut server = options(&Scripted::saying(""));
    let model = Arc::new(model);
    server.model_loader = Arc::new(move |_, _| Ok(model.clone() as Arc<dyn Model>));
    let client = Client::start(server).unwrap().strict();
    client.initialize(capabilities, &Value::Null).unwrap();
    wait_for_state(&client, "ready");
    client
}

#[test]
fn when_a_server_fails_the_model_behind_it_answers_the_same_request_and_the_reason_is_told_once() {
    let client = connect_to(choice(1, false), &inline_capabilities());
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "own();");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert!(why["trace"]["notes"].to_string().contains("cannot be reached"), "{why}");
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains(DOWN), "{message:?}");
    let status = status(&client);
    assert!(status["notices"][0].as_str().unwrap().contains("llama.cpp is not available"), "{status}");
    // Nothing is told a second time: the strict client would find a message that nobody took.
    client.change(URI, 2, [place, place], "let a = ");
    client.inline_completion(URI, (place.0, place.1 + 8), InlineTrigger::Automatic).unwrap();
}

#[test]
fn what_comes_from_another_machine_is_marked_everywhere() {
    let capabilities = json!({"textDocument": {"completion": {}}});
    let client = connect_to(choice(0, true), &capabilities);
    let place = open(&client, URI, "rust", RUST);
    let params = json!({"textDocument": {"uri": URI}, "position": {"line": place.0, "character": place.1}});
    let answer = client.request("textDocument/completion", &params).unwrap();
    assert!(answer["items"][0]["detail"].as_str().unwrap().contains("(remote)"), "{answer}");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["remote"], true);
    assert!(why["text"].as_str().unwrap().contains("from another machine"), "{why}");
    assert_eq!(status(&client)["remote"], true);
    // What is left of it when a part is typed comes from the cache, and from there all the same.
    let mut end = place;
    for (version, typed) in (2..).zip(["", "serv", "s"]) {
        client.change(URI, version, [place, end], typed);
        end = (place.0, place.1 + u32::try_from(typed.len()).unwrap());
        let params = json!({"textDocument": {"uri": URI}, "position": {"line": end.0, "character": end.1}});
        let answer = client.request("textDocument/completion", &params).unwrap();
        assert!(answer["items"][0]["detail"].as_str().unwrap().contains("(remote)"), "{answer}");
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        assert_eq!(why["trace"]["remote"], true);
        let text = why["text"].as_str().unwrap();
        assert!(text.contains("without the model") && text.contains("from another machine"), "{why}");
    }
}

#[test]
fn files_that_stay_here_are_completed_by_the_model_behind() {
    let client = connect_to(choice(0, true), &inline_capabilities());
    let uri = "file:///project/secret.rs";
    let place = open(&client, uri, "rust", RUST);
    assert_eq!(suggestion(&client, uri, place).unwrap(), "own();");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["remote"], false);
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "served();");
}

#[test]
fn the_model_for_conversations_is_loaded_apart_and_its_failure_costs_no_suggestions() {
    let wanted: Arc<Mutex<Vec<ModelSettings>>> = Arc::default();
    let mut server = options(&Scripted::saying(""));
    let model = Scripted::saying("x();");
    server.model_loader = {
        let wanted = Arc::clone(&wanted);
        Arc::new(move |settings, _| {
            wanted.lock().unwrap().push(settings.clone());
            match settings.role {
                ModelRole::Completion | ModelRole::Edits | ModelRole::Embedding => {
                    Ok(model.clone() as Arc<dyn Model>)
                }
                ModelRole::Chat => Err(LoadError {
                    code: ErrorCode::ServerUnreachable,
                    cause: "no server runs".to_owned(),
                    remedy: "Start one.".to_owned(),
                }),
            }
        })
    };
    let client = Client::start(server).unwrap().strict();
    let settings = json!({"chat": ["ollama:devstral", "big"], "experimental": {"threads": 3}, "noRemotePaths": ["*.pem"]});
    client.initialize(&inline_capabilities(), &settings).unwrap();
    wait_for_state(&client, "ready");
    let status = wait_until(&client, |status| status["chat"]["state"] == "failed");
    assert!(status["chat"]["reason"].as_str().unwrap().contains("no server runs"), "{status}");
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("Start one"), "{message:?}");
    let place = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, place).unwrap(), "x();");
    let wanted = wanted.lock().unwrap();
    let chat = wanted.iter().find(|settings| settings.role == ModelRole::Chat).unwrap();
    assert_eq!(
        (chat.names.as_slice(), chat.threads),
        (&["ollama:devstral".to_owned(), "big".to_owned()][..], Some(3))
    );
    assert_eq!(chat.network.no_remote_paths, ["*.pem"]);
    assert_eq!(wanted.len(), 2);
}
