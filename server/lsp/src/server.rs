//! The entry: one connection from its first byte to its end. Must hold: nothing heavy happens before `initialize` is
//! answered; a connection that ends, however it does, ends the loop and answers what is pending.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::pin;
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::{InitializeParams, InitializeResult, PositionEncodingKind};
use tower_lsp_server::jsonrpc;
use tower_lsp_server::{LanguageServer, LspService, Server};

use crate::event::{Event, EventSender};
use crate::intake::GuardedInput;
use crate::main_loop;
use crate::model_state::{ModelLoader, StandIn};
use crate::outgoing::{self, Outgoing};
use crate::output::GuardedOutput;
use crate::parent;
use crate::service::OrderedService;
use crate::settings::LogLevel;
use crate::trace_ring::TraceSink;

/// Requests that may wait for their answers at once before reading stops. Superseding keeps real numbers far below.
const MAX_PENDING_ANSWERS: usize = 4096;

/// Follows the client's wish for more or less logging. Called on the loop: it must be quick.
pub type LogLevelSink = Arc<dyn Fn(LogLevel) + Send + Sync>;

/// Sees the body of a message.
pub type MessageSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Tells whether the machine runs on battery. Never called on the loop: it may read files.
pub type PowerProbe = Arc<dyn Fn() -> bool + Send + Sync>;

/// Tells whether a process with this number runs. Called on a thread of its own.
pub type ProcessProbe = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// Tells whether nobody can write to the input any more, whatever is still to be read there. Called on a thread of its own.
pub type InputProbe = Arc<dyn Fn() -> bool + Send + Sync>;

/// Returns when the process is asked to end. Called once, on a thread of its own.
pub type EndWaiter = Arc<dyn Fn() + Send + Sync>;

/// How long answers that are ready may take to reach the client once the session has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What a server is made of.
#[derive(Clone)]
pub struct ServerOptions {
    /// Loads the model, on a thread of its own.
    pub model_loader: ModelLoader,
    /// Answers while the model is loaded, and where that fails; none means that nothing does.
    pub stand_in: Option<Arc<dyn StandIn>>,
    /// Gets the recent traces, oldest first, at most once per second and once at the end, off the loop.
    pub trace_sink: Option<TraceSink>,
    /// Told when the client sets `logLevel`.
    pub log_level_sink: Option<LogLevelSink>,
    /// Sees every message of the client, as it was read and before it is handled. It must be quick.
    pub message_sink: Option<MessageSink>,
    /// Shown to the user once, when the client has started.
    pub notice: Option<String>,
    /// Where documents go that are shown to clients which cannot hold them: files that are removed at the end, as those that
    /// killed servers left there are at the start. None sends their text as a message.
    pub document_folder: Option<PathBuf>,
    /// Version to report.
    pub version: String,
    /// Whether to run one token through a model once it is loaded, and to read prompts that are likely to be asked about, so
    /// that the first request finds them warm.
    pub warm_up: bool,
    /// Asked before work that nobody waits for, unless the setting `lookAhead` decides; none means that there is always
    /// power.
    pub on_battery: Option<PowerProbe>,
    /// Asked every second whether the process runs that the client names as its own in `initialize`; the session ends with it.
    /// None leaves the end of the client to the end of the input.
    pub is_running: Option<ProcessProbe>,
    /// Asked every second whether the input has ended; none leaves that to reading it.
    pub input_ended: Option<InputProbe>,
    /// Waits until the process is asked to end, as by a signal: the session ends then. None leaves that to the system.
    pub end_asked: Option<EndWaiter>,
    /// How long the disk is not looked at again while somebody works, where the client does not tell what changes there.
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

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By `exit` after `shutdown`.
    Properly,
    /// By `exit` alone, or by the end of the input.
    Abruptly,
}

impl Ended {
    /// The exit code that the protocol asks for: 0 after `shutdown`, 1 otherwise.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Properly => ExitCode::SUCCESS,
            Self::Abruptly => ExitCode::FAILURE,
        }
    }
}

/// Serves one client until it says `exit` or closes the input. Needs a tokio runtime with timers; one thread is enough.
pub async fn serve<I, O>(input: I, output: O, options: ServerOptions) -> Ended
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let (event_sender, event_receiver) = mpsc::channel();
    let events = EventSender::new(event_sender);
    let (outgoing, deliveries) = Outgoing::channel();
    let (ended_sender, mut ended) = oneshot::channel();

    let output = GuardedOutput::new(output, events.clone());
    if let Some(input_ended) = options.input_ended.clone() {
        parent::watch_input(input_ended, output.is_stuck(), events.clone());
    }
    if let Some(end_asked) = options.end_asked.clone() {
        parent::end_when_asked(end_asked, events.clone());
    }
    let message_sink = options.message_sink.clone();
    let session_events = events.clone();
    let started = std::thread::Builder::new().name("fimble-session".to_owned()).spawn(move || {
        let ended = main_loop::run(&event_receiver, session_events, outgoing, options);
        let _ = ended_sender.send(ended);
    });
    if let Err(error) = started {
        tracing::error!(%error, "cannot start the session's thread");
        return Ended::Abruptly;
    }

    let counts_bytes = Arc::new(AtomicBool::new(false));
    let mut client = None;
    let builder = LspService::build_with_lifecycle_methods(|handle| {
        client = Some(handle);
        Lifecycle { events: events.clone(), counts_bytes: Arc::clone(&counts_bytes) }
    });
    let (inner, socket) = builder.finish();
    let service = OrderedService::new(inner, events.clone());
    let connection =
        Server::new(GuardedInput::new(input, message_sink, Arc::clone(&counts_bytes)), output, socket)
            .concurrency_level(MAX_PENDING_ANSWERS)
            .serve(service);
    pin!(connection);
    // The connection is what ends; deliveries to the client go on beside it.
    tokio::select! {
        () = &mut connection => {}
        ended = &mut ended => {
            // The client left, is gone, or does not read any more: then nothing is waited for that cannot be written.
            let _ = tokio::time::timeout(LAST_ANSWERS, connection).await;
            return ended.unwrap_or(Ended::Abruptly);
        }
        () = async {
            if let Some(client) = client {
                outgoing::deliver(deliveries, client, events.clone()).await;
            }
            std::future::pending::<()>().await;
        } => {}
    }
    events.send(Event::Exit);
    ended.await.unwrap_or(Ended::Abruptly)
}

/// The life cycle, as the generated service wants it. Everything else takes the way around it.
struct Lifecycle {
    events: EventSender,
    /// Set when the client is to count columns in bytes.
    counts_bytes: Arc<AtomicBool>,
}

impl LanguageServer for Lifecycle {
    /// The ordering layer put all that the client sent into the options.
    async fn initialize(&self, params: InitializeParams) -> jsonrpc::Result<InitializeResult> {
        let params: Value = params.initialization_options.unwrap_or_default();
        let (reply, answer) = oneshot::channel();
        self.events.send(Event::Initialize { params, reply });
        let result = answer.await.map_err(|_| jsonrpc::Error::internal_error())?;
        let counts_bytes = result.capabilities.position_encoding == Some(PositionEncodingKind::UTF8);
        self.counts_bytes.store(counts_bytes, Ordering::SeqCst);
        Ok(result)
    }

    /// The loop was told when the request was read.
    async fn shutdown(&self) -> jsonrpc::Result<()> {
        Ok(())
    }
}
