//! A client for the demo, benchmarks and tests: the other end of the protocol, in memory or over the pipes of a child
//! process. Invariant: it frames and orders messages like any editor; it answers what the server asks; every wait ends.

mod inbox;
mod link;

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use inbox::{ResponseError, ServerMessage};

use fimble_lsp::{ExitStatus, ServerOptions};
use inbox::Inbox;
use link::Link;

/// How long an answer is waited for before the server counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientError {
    /// The server answered with an error.
    Response(ResponseError),
    /// No answer came in time.
    Silence,
    /// The connection is closed.
    Closed,
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(error) => {
                write!(f, "the server answered with error {}: {}", error.code, error.message)
            }
            Self::Silence => write!(f, "the server did not answer within {} s", PATIENCE.as_secs()),
            Self::Closed => f.write_str("the connection to the server is closed"),
        }
    }
}

impl std::error::Error for ClientError {}

/// A result of an exchange.
pub type Result<T> = std::result::Result<T, ClientError>;

/// An item of `textDocument/inlineCompletion`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InlineItem {
    /// What is inserted.
    pub insert_text: String,
    /// What it replaces: (line, character) of start and end.
    #[serde(deserialize_with = "places")]
    pub range: [(u32, u32); 2],
    /// The command that reports it as accepted.
    pub command: Value,
}

fn places<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<[(u32, u32); 2], D::Error> {
    #[derive(serde::Deserialize)]
    struct Place {
        line: u32,
        character: u32,
    }
    #[derive(serde::Deserialize)]
    struct Places {
        start: Place,
        end: Place,
    }
    let places: Places = serde::Deserialize::deserialize(deserializer)?;
    Ok([(places.start.line, places.start.character), (places.end.line, places.end.character)])
}

/// How an inline completion is asked for; the numbers of LSP 3.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineTrigger {
    /// By the user.
    Invoked = 1,
    /// By typing.
    Automatic = 2,
}

/// A connected client. All calls block; none needs a runtime. Dropping it closes the connection.
pub struct Client {
    inbox: Arc<Inbox>,
    link: Link,
    n_sent: AtomicI64,
    is_strict: bool,
}

impl Client {
    /// Connects to a server in this process, over in-memory pipes with real framing.
    ///
    /// # Errors
    /// The thread for the server cannot be started.
    pub fn start(options: ServerOptions) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let link = Link::in_memory(options, Arc::clone(&inbox))?;
        Ok(Self { inbox, link, n_sent: AtomicI64::new(0), is_strict: false })
    }

    /// Starts a server process and connects to its standard input and output.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let link = Link::child(command, Arc::clone(&inbox))?;
        Ok(Self { inbox, link, n_sent: AtomicI64::new(0), is_strict: false })
    }

    /// Makes dropping the client fail (by a panic) if a request was never answered or answered twice, or if a message of
    /// the server was never asked for. For tests.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// What `workspace/configuration` answers from now on.
    pub fn set_configuration(&self, value: Value) {
        self.inbox.set_configuration(value);
    }

    /// Sends `initialize` and `initialized`. `capabilities` are the client's; `options` go to `initializationOptions`.
    /// Returns the server's answer.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn initialize(&self, capabilities: &Value, options: &Value) -> Result<Value> {
        self.initialize_in(&Value::Null, capabilities, options)
    }

    /// The same in a workspace: a list of folders, each with `uri` and `name`.
    ///
    /// # Errors
    /// The server answered with an error, or not at all.
    pub fn initialize_in(&self, folders: &Value, capabilities: &Value, options: &Value) -> Result<Value> {
        let params = json!({
            "processId": std::process::id(),
            "clientInfo": {"name": "fimble-client"},
            "rootUri": null,
            "workspaceFolders": folders,
            "capabilities": capabilities,
            "initializationOptions": options,
        });
        let answer = self.request("initialize", &params)?;
        self.notify("initialized", &json!({}));
        Ok(answer)
    }

    /// Sends a request and returns its id; [`Client::wait`] takes the answer.
    pub fn send(&self, method: &str, params: &Value) -> i64 {
        let id = self.n_sent.fetch_add(1, Ordering::SeqCst) + 1;
        self.inbox.expect(id);
        self.link.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Waits for the answer to a request.
    ///
    /// # Errors
    /// The server answered with an error, or not at all.
    pub fn wait(&self, id: i64) -> Result<Value> {
        self.wait_timed(id).map(|(answer, _)| answer)
    }

    /// Waits for the answer to a request; with it comes when it was read, which may be long before this call.
    ///
    /// # Errors
    /// As [`Client::wait`].
    pub fn wait_timed(&self, id: i64) -> Result<(Value, Instant)> {
        self.inbox.wait_for(id, PATIENCE)
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// The server answered with an error, or not at all.
    pub fn request(&self, method: &str, params: &Value) -> Result<Value> {
        self.wait(self.send(method, params))
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: &Value) {
        self.link.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends bytes as they are, for tests of what is malformed. A response with a null id is then expected.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.link.write_bytes(bytes.to_vec());
    }

    /// Waits for the response with a null id that answers what could not be read.
    ///
    /// # Errors
    /// As [`Client::wait`].
    pub fn wait_for_unidentified(&self) -> Result<Value> {
        self.inbox.wait_for_unidentified(PATIENCE)
    }

    /// Opens a document with version 1.
    pub fn open(&self, uri: &str, language_id: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": language_id, "version": 1, "text": text});
        self.notify("textDocument/didOpen", &json!({"textDocument": document}));
    }

    /// Replaces a range, given as (line, character) of start and end in the negotiated encoding.
    pub fn change(&self, uri: &str, version: i32, range: [(u32, u32); 2], text: &str) {
        let [start, end] = range.map(|(line, character)| json!({"line": line, "character": character}));
        let change = json!({"range": {"start": start, "end": end}, "text": text});
        self.change_raw(uri, version, &json!([change]));
    }

    /// Replaces the whole text.
    pub fn replace(&self, uri: &str, version: i32, text: &str) {
        self.change_raw(uri, version, &json!([{"text": text}]));
    }

    /// Sends `textDocument/didChange` with these content changes.
    pub fn change_raw(&self, uri: &str, version: i32, changes: &Value) {
        let document = json!({"uri": uri, "version": version});
        self.notify("textDocument/didChange", &json!({"textDocument": document, "contentChanges": changes}));
    }

    /// Closes a document.
    pub fn close(&self, uri: &str) {
        self.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri}}));
    }

    /// Sends a request for inline completions and returns its id.
    pub fn send_inline_completion(&self, uri: &str, place: (u32, u32), trigger: InlineTrigger) -> i64 {
        let params = json!({
            "textDocument": {"uri": uri},
            "position": {"line": place.0, "character": place.1},
            "context": {"triggerKind": trigger as u32},
        });
        self.send("textDocument/inlineCompletion", &params)
    }

    /// Waits for the items of a request for inline completions.
    ///
    /// # Errors
    /// As [`Client::wait`]; an answer of another shape counts as an error of the server.
    pub fn wait_inline_completion(&self, id: i64) -> Result<Vec<InlineItem>> {
        self.wait_inline_completion_timed(id).map(|(items, _)| items)
    }

    /// The same, with the time at which the answer was read.
    ///
    /// # Errors
    /// As [`Client::wait_inline_completion`].
    pub fn wait_inline_completion_timed(&self, id: i64) -> Result<(Vec<InlineItem>, Instant)> {
        let (answer, arrived) = self.wait_timed(id)?;
        let items = serde_json::from_value(answer["items"].clone()).map_err(|error| {
            let message = format!("not a list of inline completions: {error}");
            ClientError::Response(ResponseError { code: 0, message, data: Value::Null })
        })?;
        Ok((items, arrived))
    }

    /// Asks for inline completions and waits.
    ///
    /// # Errors
    /// As [`Client::wait_inline_completion`].
    pub fn inline_completion(
        &self,
        uri: &str,
        place: (u32, u32),
        trigger: InlineTrigger,
    ) -> Result<Vec<InlineItem>> {
        self.wait_inline_completion(self.send_inline_completion(uri, place, trigger))
    }

    /// Asks for a completion menu and waits for the list as the server sent it.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn completion(&self, uri: &str, place: (u32, u32)) -> Result<Value> {
        let params = json!({
            "textDocument": {"uri": uri},
            "position": {"line": place.0, "character": place.1},
            "context": {"triggerKind": 1},
        });
        self.request("textDocument/completion", &params)
    }

    /// Runs a command of the server.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn execute_command(&self, command: &str, arguments: &Value) -> Result<Value> {
        self.request("workspace/executeCommand", &json!({"command": command, "arguments": arguments}))
    }

    /// Cancels a request.
    pub fn cancel(&self, id: i64) {
        self.notify("$/cancelRequest", &json!({"id": id}));
    }

    /// Takes the next message of the server with this method, waiting for it.
    ///
    /// # Errors
    /// None came.
    pub fn next_message(&self, method: &str) -> Result<ServerMessage> {
        self.inbox.next_message(method, PATIENCE)
    }

    /// Takes all messages of the server that came so far and were not taken yet.
    #[must_use]
    pub fn take_messages(&self) -> Vec<ServerMessage> {
        self.inbox.take_messages()
    }

    /// Says goodbye as the protocol wants it and waits for the end of an in-memory server. The result is how the server
    /// saw it; none for a child process.
    ///
    /// # Errors
    /// `shutdown` was not answered.
    pub fn shut_down(&mut self) -> Result<Option<ExitStatus>> {
        self.request("shutdown", &Value::Null)?;
        self.notify("exit", &Value::Null);
        Ok(self.link.join())
    }

    /// Sends `exit` only, or closes the input if `exit` is not wanted, and waits for the end of an in-memory server.
    pub fn leave(&mut self, with_exit: bool) -> Option<ExitStatus> {
        if with_exit {
            self.notify("exit", &Value::Null);
        } else {
            self.link.close();
        }
        self.link.join()
    }

    /// The process of a child server.
    pub fn child(&mut self) -> Option<&mut std::process::Child> {
        self.link.child_process()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.close();
        self.link.join();
        if self.is_strict && !std::thread::panicking() {
            let faults = self.inbox.faults();
            assert!(faults.is_empty(), "the conversation was not clean: {faults:#?}");
        }
    }
}
