//! What a server is made of: the hooks of the process around it, and the limits that tests set. Invariant: no hook is called on the
//! loop unless its type says that it must be quick.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::models::state::{ModelLoader, StandIn};
use crate::next_edit::answers::AnswerStoreHandle;
use crate::settings::LogLevel;
use crate::trace::ring::TraceSink;

/// Follows the client's wish for more or less logging. Called on the loop: it must be quick.
pub type LogLevelSink = Arc<dyn Fn(LogLevel) + Send + Sync>;

/// Sees the body of a message.
pub type MessageSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Whether the machine runs on battery. Never called on the loop: it may read files.
pub type PowerProbe = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether a process with this number runs. Called on a thread of its own.
pub type ProcessProbe = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// Whether the input is closed at its other end, even if bytes are still to be read. Called on a thread of its own.
pub type InputProbe = Arc<dyn Fn() -> bool + Send + Sync>;

/// Returns when the process is asked to end. Called once, on a thread of its own.
pub type EndWaiter = Arc<dyn Fn() + Send + Sync>;

/// What a server is made of.
#[derive(Clone)]
pub struct ServerOptions {
    /// Loads the model, on a thread of its own.
    pub model_loader: ModelLoader,
    /// Answers while the model is loaded, and where that fails; none means that nothing does.
    pub stand_in: Option<Arc<dyn StandIn>>,
    /// Gets the recent traces, oldest first, at most once per second and once at the end, off the loop.
    pub trace_sink: Option<TraceSink>,
    /// Called when the client sets `logLevel`.
    pub log_level_sink: Option<LogLevelSink>,
    /// Sees every message of the client, as it was read and before it is handled. It must be quick.
    pub message_sink: Option<MessageSink>,
    /// Shown to the user once, when the client has started.
    pub notice: Option<String>,
    /// Where documents go that are shown to clients which cannot hold them: files that are removed at the end, as those that
    /// killed servers left there are at the start. None sends their text as a message.
    pub document_folder: Option<PathBuf>,
    /// Keeps how the user answered next edits; none means for this session only.
    pub answer_store: Option<AnswerStoreHandle>,
    /// Version to report.
    pub version: String,
    /// Whether to run one token through a model once it is loaded, and to read prompts that are likely to be asked about, so
    /// that the first request finds them warm.
    pub warm_up: bool,
    /// Asked before speculative work, unless the setting `lookAhead` decides; none means that there is always
    /// power.
    pub on_battery: Option<PowerProbe>,
    /// Asked every second whether the process runs that the client names as its own in `initialize`; the session ends with it.
    /// None leaves the end of the client to the end of the input.
    pub is_running: Option<ProcessProbe>,
    /// Asked every second whether the input has ended; none leaves that to reading it.
    pub input_ended: Option<InputProbe>,
    /// Waits until the process is asked to end, as by a signal: the session ends then. None leaves that to the system.
    pub end_asked: Option<EndWaiter>,
    /// The least time between two looks at the disk while the user works, where the client does not watch files.
    pub look_again: Duration,
}

impl ServerOptions {
    /// A server with this model loader; no stand-in, no sinks, no notice, warm-up on.
    #[must_use]
    pub fn new(model_loader: ModelLoader) -> Self {
        Self {
            model_loader,
            stand_in: None,
            trace_sink: None,
            log_level_sink: None,
            message_sink: None,
            notice: None,
            document_folder: None,
            answer_store: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            warm_up: true,
            on_battery: None,
            is_running: None,
            input_ended: None,
            end_asked: None,
            look_again: Duration::from_secs(10),
        }
    }
}
