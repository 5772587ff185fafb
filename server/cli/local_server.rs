//! The real server over the real protocol, in this process and in memory unless it is spawned, for the commands that need answers:
//! `demo`, `complete`, `why` and `doctor`, and for `tools`. Invariant: requests take the same path as those of an editor; positions
//! count characters.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fimble_client::{Client, InlineItem, InlineTrigger};
use fimble_lsp::{RequestTrace, ServerOptions, file_uri};
use fimble_model::{ErrorCode, LoadError};
use fimble_store::RuntimeStore;
use serde_json::{Value, json};

use super::loader;
use super::progress::ProgressReporter;

/// The interval at which the state of the server is polled.
const STATUS_POLL: Duration = Duration::from_millis(5);

/// A server with one client.
pub struct LocalServer {
    client: Client,
}

/// An answer with what it took.
pub struct Answer {
    /// The suggestion; none if nothing was suggested.
    pub item: Option<InlineItem>,
    /// From sending the request to having the answer.
    pub elapsed: Duration,
}

/// The capabilities of an inline-completion client that counts characters.
pub fn capabilities() -> Value {
    capabilities_counting("utf-32")
}

/// The capabilities of an inline-completion client that counts positions in this encoding.
pub fn capabilities_counting(encoding: &str) -> Value {
    json!({
        "general": {"positionEncodings": [encoding]},
        "textDocument": {"synchronization": {}, "inlineCompletion": {}},
    })
}

/// Installs ONNX Runtime if it is missing, with a progress bar.
///
/// # Errors
/// It could not be installed.
pub fn ensure_runtime() -> anyhow::Result<()> {
    let mut progress = ProgressReporter::new();
    RuntimeStore::from_env()?.ensure(&mut |report| progress.store(report))?;
    Ok(())
}

/// A folder as the protocol writes it.
fn folders(folder: &Path) -> Value {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    json!([{"uri": file_uri(folder), "name": name}])
}

/// The error in a status, or in a part of it.
fn error_in(status: &Value) -> Option<LoadError> {
    let text = |key: &str| status["error"][key].as_str();
    Some(LoadError {
        code: ErrorCode::from_name(text("code")?)?,
        cause: text("cause")?.to_owned(),
        remedy: text("remedy")?.to_owned(),
    })
}

impl LocalServer {
    /// Starts a server with these settings and waits until its model is ready.
    ///
    /// # Errors
    /// The model cannot be loaded.
    pub fn start(settings: &Value) -> anyhow::Result<Self> {
        Self::start_for(&capabilities(), settings)
    }

    /// The same for a client with these capabilities.
    ///
    /// # Errors
    /// The model cannot be loaded.
    pub fn start_for(capabilities: &Value, settings: &Value) -> anyhow::Result<Self> {
        Self::connect(&Value::Null, capabilities, settings)?.with_model()
    }

    /// The same for a server that this command starts as a process of its own.
    ///
    /// # Errors
    /// It cannot be started, or the model cannot be loaded.
    pub fn spawn(command: &mut Command, capabilities: &Value, settings: &Value) -> anyhow::Result<Self> {
        let client = Client::spawn(command)?;
        client.initialize(capabilities, settings)?;
        Self { client }.with_model()
    }

    /// The same in a folder, to which paths are relative.
    ///
    /// # Errors
    /// The model cannot be loaded.
    pub fn start_for_in(folder: &Path, capabilities: &Value, settings: &Value) -> anyhow::Result<Self> {
        Self::connect(&folders(folder), capabilities, settings)?.with_model()
    }

    /// The same where settings name a model for conversations: waits for that one and for no other.
    ///
    /// # Errors
    /// It cannot be loaded, or cannot answer messages.
    pub fn start_chatting_in(folder: &Path, capabilities: &Value, settings: &Value) -> anyhow::Result<Self> {
        let server = Self::connect(&folders(folder), capabilities, settings)?;
        let status = server.wait_while(|status| status["chat"]["state"] == "loading")?;
        match error_in(&status["chat"]) {
            Some(error) => Err(error.into()),
            None => Ok(server),
        }
    }

    /// The same in a folder, whose source files it has read then.
    ///
    /// # Errors
    /// The model cannot be loaded.
    pub fn start_in(folder: &Path, settings: &Value) -> anyhow::Result<Self> {
        let server = Self::connect(&folders(folder), &capabilities(), settings)?.with_model()?;
        server.wait_while(|status| status["workspace"]["indexing"] == true)?;
        Ok(server)
    }

    fn connect(folders: &Value, capabilities: &Value, settings: &Value) -> anyhow::Result<Self> {
        let mut options = ServerOptions::new(loader::model_loader());
        options.stand_in = loader::stand_in(None);
        let client = Client::start(options)?;
        client.initialize_in(folders, capabilities, settings)?;
        Ok(Self { client })
    }

    /// Waits until the model is ready.
    fn with_model(self) -> anyhow::Result<Self> {
        // A request that was asked for waits until the model is there.
        let uri = "untitled:fimble";
        self.client.open(uri, "plaintext", "");
        self.client.inline_completion(uri, (0, 0), InlineTrigger::Invoked)?;
        self.client.close(uri);
        // Until then another one may have answered.
        let is_loading = |status: &Value| {
            [&status["state"], &status["wanted"]["state"]].into_iter().any(|state| state == "loading")
        };
        let status = self.wait_while(is_loading)?;
        for model in [&status, &status["wanted"]] {
            if model["state"] == "failed" {
                return Err(error_in(model).context("the model cannot be loaded")?.into());
            }
        }
        Ok(self)
    }

    fn status(&self) -> anyhow::Result<Value> {
        Ok(self.client.execute_command("fimble.status", &json!([]))?)
    }

    /// Waits while the status is so, and returns the first that is not.
    fn wait_while(&self, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let status = self.status()?;
            if !is_so(&status) {
                return Ok(status);
            }
            std::thread::sleep(STATUS_POLL);
        }
    }

    /// The client, for what is not offered here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for a suggestion.
    ///
    /// # Errors
    /// The server answered with an error.
    pub fn ask(&self, uri: &str, place: (u32, u32), trigger: InlineTrigger) -> anyhow::Result<Answer> {
        let started = Instant::now();
        let items = self.client.inline_completion(uri, place, trigger)?;
        Ok(Answer { elapsed: started.elapsed(), item: items.into_iter().next() })
    }

    /// The trace of the last request.
    ///
    /// # Errors
    /// There is none.
    pub fn last_trace(&self) -> anyhow::Result<RequestTrace> {
        let why = self.client.execute_command("fimble.why", &json!([]))?;
        serde_json::from_value(why["trace"].clone()).context("the server has no trace of the request")
    }

    /// Ends the server.
    ///
    /// # Errors
    /// It did not answer.
    pub fn shut_down(mut self) -> anyhow::Result<()> {
        self.client.shut_down()?;
        Ok(())
    }
}
