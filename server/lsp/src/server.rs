//! The entry: one connection from its first byte to its end. Invariant: nothing heavy happens before `initialize` is
//! answered; a connection that ends, however it does, ends the loop and answers what is pending.

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
use crate::exit_status::ExitStatus;
use crate::main_loop;
use crate::options::ServerOptions;
use crate::outgoing::Outgoing;
use crate::transport::client_process;
use crate::transport::delivery::deliver;
use crate::transport::message_filter::MessageFilter;
use crate::transport::ordered_service::OrderedService;
use crate::transport::output::WatchedOutput;

/// Requests that may wait for their answers at once before reading stops. Superseding keeps real numbers far below.
const MAX_PENDING_ANSWERS: usize = 4096;

/// How long answers that are ready may take to reach the client once the session has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Serves one client until it says `exit` or closes the input. Needs a tokio runtime with timers; one thread is enough.
pub async fn serve<I, O>(input: I, output: O, options: ServerOptions) -> ExitStatus
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let (event_sender, event_receiver) = mpsc::channel();
    let events = EventSender::new(event_sender);
    let (outgoing, deliveries) = Outgoing::channel();
    let (ended_sender, mut ended) = oneshot::channel();

    let output = WatchedOutput::new(output, events.clone());
    if let Some(input_ended) = options.input_ended.clone() {
        client_process::watch_input(input_ended, output.is_stuck(), events.clone());
    }
    if let Some(end_asked) = options.end_asked.clone() {
        client_process::end_when_asked(end_asked, events.clone());
    }
    let message_sink = options.message_sink.clone();
    let session_events = events.clone();
    let started = std::thread::Builder::new().name("fimble-session".to_owned()).spawn(move || {
        let ended = main_loop::run(&event_receiver, session_events, outgoing, options);
        let _ = ended_sender.send(ended);
    });
    if let Err(error) = started {
        tracing::error!(%error, "cannot start the session's thread");
        return ExitStatus::Abrupt;
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
        Server::new(MessageFilter::new(input, message_sink, Arc::clone(&counts_bytes)), output, socket)
            .concurrency_level(MAX_PENDING_ANSWERS)
            .serve(service);
    pin!(connection);
    // The connection is what ends; deliveries to the client go on beside it.
    tokio::select! {
        () = &mut connection => {}
        ended = &mut ended => {
            // The client left, is gone, or does not read any more: then nothing is waited for that cannot be written.
            let _ = tokio::time::timeout(LAST_ANSWERS, connection).await;
            return ended.unwrap_or(ExitStatus::Abrupt);
        }
        () = async {
            if let Some(client) = client {
                deliver(deliveries, client, events.clone()).await;
            }
            std::future::pending::<()>().await;
        } => {}
    }
    events.send(Event::Exit);
    ended.await.unwrap_or(ExitStatus::Abrupt)
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

    /// The ordering layer has sent the event already.
    async fn shutdown(&self) -> jsonrpc::Result<()> {
        Ok(())
    }
}
