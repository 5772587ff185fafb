//! The ordering layer. The transport calls the service in the order in which it reads, but runs the returned futures
//! concurrently; so everything that matters happens in the synchronous `call`, which turns each message into an event
//! before any future is polled. Invariant: edits, cancellations and requests reach the loop in the order of the wire;
//! a message at the wrong time or of an unknown kind gets the error code that the protocol names.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp_server::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp_server::{ExitedError, LanguageServer, LspService};
use tower_service::Service;

use crate::event::{self, Event, EventSender, Notification};
use crate::protocol::messages::{
    CodeActionParams, CompletionParams, ExecuteCommandParams, InlineCompletionParams, NextEditParams,
};
use crate::transport::message_filter::{CLOSED, INVALID, UNREADABLE};

type Answer = Pin<Box<dyn Future<Output = Result<Option<Response>, ExitedError>> + Send>>;

/// Where the connection stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// `initialize` was not answered yet.
    Starting,
    /// Requests are answered.
    Running,
    /// After `shutdown`.
    ShutDown,
    /// After `exit`.
    Exited,
}

/// The phase, shared with the future that answers `initialize`.
#[derive(Clone, Default)]
pub(crate) struct PhaseCell(Arc<AtomicU8>);

impl PhaseCell {
    fn get(&self) -> Phase {
        match self.0.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Running,
            2 => Phase::ShutDown,
            _ => Phase::Exited,
        }
    }

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::SeqCst);
    }
}

/// The service around the generated one, which keeps the life cycle: `initialize`, `shutdown`, `exit`.
pub(crate) struct OrderedService<S: LanguageServer> {
    inner: LspService<S>,
    events: EventSender,
    phase: PhaseCell,
}

impl<S: LanguageServer> OrderedService<S> {
    pub(crate) fn new(inner: LspService<S>, events: EventSender) -> Self {
        Self { inner, events, phase: PhaseCell::default() }
    }

    fn initialize(&mut self, id: Option<Id>, params: Option<Value>) -> Answer {
        let Some(id) = id else { return ready(None) };
        if self.phase.get() != Phase::Starting {
            return failed(id, Error::invalid_request());
        }
        let params = params.unwrap_or_default();
        if !params.is_object() {
            return failed(id, Error::invalid_params("initialize needs an object"));
        }
        // The generated types insist on details that some clients leave out. They get the bare minimum, with all that the
        // client sent inside, where the loop reads what it needs.
        let minimum =
            json!({"processId": null, "rootUri": null, "capabilities": {}, "initializationOptions": params});
        let answer = self.inner.call(Request::build("initialize").id(id).params(minimum).finish());
        let phase = self.phase.clone();
        Box::pin(async move {
            let answer = answer.await;
            if matches!(&answer, Ok(Some(response)) if response.is_ok()) {
                phase.set(Phase::Running);
            }
            answer
        })
    }

    fn notification(&mut self, method: &str, params: Option<Value>) {
        if method == CLOSED {
            self.events.send(Event::Exit);
            return;
        }
        if self.phase.get() != Phase::Running {
            tracing::debug!(method, "dropped: the connection is not running");
            return;
        }
        if method == "$/cancelRequest" {
            match params.and_then(|params| serde_json::from_value(params.get("id")?.clone()).ok()) {
                Some(id) => self.events.send(Event::Cancel(id)),
                None => tracing::warn!("a cancellation without an id"),
            }
            return;
        }
        let uri = params
            .as_ref()
            .and_then(|params| params.pointer("/textDocument/uri"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let notification = match method {
            "textDocument/didOpen" => parse(params).map(Notification::DidOpen),
            "textDocument/didChange" => parse(params).map(Notification::DidChange),
            "textDocument/didClose" => parse(params).map(Notification::DidClose),
            "textDocument/didSave" => parse(params).map(Notification::DidSave),
            "workspace/didChangeConfiguration" => parse(params).map(Notification::DidChangeConfiguration),
            "workspace/didChangeWatchedFiles" => parse(params).map(Notification::DidChangeWatchedFiles),
            "workspace/didChangeWorkspaceFolders" => {
                parse(params).map(Notification::DidChangeWorkspaceFolders)
            }
            "fimble/cursor" => parse(params).map(Notification::Cursor),
            "textDocument/didShowInlineEdit" => parse(params).map(Notification::EditShown),
            "fimble/didDismissNextEdit" => parse(params).map(Notification::EditDismissed),
            "window/workDoneProgress/cancel" => parse(params).map(Notification::CancelProgress),
            "initialized" => Ok(Notification::Initialized),
            // Unknown notifications are ignored, as the protocol says.
            _ => return,
        };
        match (notification, uri) {
            (Ok(notification), _) => self.events.send(Event::Notification(notification)),
            (Err(_), Some(uri)) if method == "textDocument/didChange" => {
                self.events.send(Event::Notification(Notification::UnreadableChange { uri }));
            }
            (Err(_), _) => tracing::warn!(method, "ignored: its parameters cannot be read"),
        }
    }

    fn request(&mut self, id: Id, method: &str, params: Option<Value>) -> Answer {
        match method {
            UNREADABLE => return failed(Id::Null, Error::parse_error()),
            INVALID | "" => return failed(id, Error::invalid_request()),
            _ => {}
        }
        // The time comes before the method: what is unknown at the wrong time gets the code of the wrong time.
        match self.phase.get() {
            Phase::Running => {}
            Phase::Starting => {
                let error = Error {
                    code: ErrorCode::ServerError(-32002),
                    message: "Server not initialized".into(),
                    data: None,
                };
                return failed(id, error);
            }
            Phase::ShutDown | Phase::Exited => return failed(id, Error::invalid_request()),
        }
        let request = match method {
            "textDocument/inlineCompletion" => {
                parse::<InlineCompletionParams>(params).map(event::Request::InlineCompletion)
            }
            "textDocument/completion" => parse::<CompletionParams>(params).map(event::Request::Completion),
            "textDocument/codeAction" => parse::<CodeActionParams>(params).map(event::Request::CodeAction),
            "fimble/nextEdit" => parse::<NextEditParams>(params).map(event::Request::NextEdit),
            "textDocument/copilotInlineEdit" => {
                parse::<NextEditParams>(params).map(event::Request::CopilotInlineEdit)
            }
            "codeAction/resolve" => parse(params).map(event::Request::ResolveCodeAction),
            "workspace/executeCommand" => {
                parse::<ExecuteCommandParams>(params).map(event::Request::ExecuteCommand)
            }
            _ => {
                let mut error = Error::method_not_found();
                error.message = format!("Method not found: {method}").into();
                return failed(id, error);
            }
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return failed(id, error),
        };
        let (reply, answer) = oneshot::channel();
        self.events.send(Event::Request { id: id.clone(), request, reply });
        Box::pin(async move {
            // The loop drops a reply only when handling the request panicked, or after `exit`.
            let result = answer.await.unwrap_or_else(|_| Err(Error::internal_error()));
            Ok(Some(Response::from_parts(id, result)))
        })
    }
}

/// The parameters of a message. The error does not quote them: they hold code.
fn parse<P: DeserializeOwned>(params: Option<Value>) -> Result<P, Error> {
    serde_json::from_value(params.unwrap_or_default()).map_err(|error| {
        let category = if error.is_data() { "a value is missing or of the wrong type" } else { "unreadable" };
        Error::invalid_params(format!("Invalid params: {category}"))
    })
}

fn ready(response: Option<Response>) -> Answer {
    Box::pin(std::future::ready(Ok(response)))
}

fn failed(id: Id, error: Error) -> Answer {
    ready(Some(Response::from_error(id, error)))
}

impl<S: LanguageServer> Service<Request> for OrderedService<S> {
    type Response = Option<Response>;
    type Error = ExitedError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ExitedError>> {
        // Events are unbounded: there is always room.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answer {
        match request.method() {
            "shutdown" if self.phase.get() == Phase::Running => {
                self.phase.set(Phase::ShutDown);
                self.events.send(Event::Shutdown);
                self.inner.call(request)
            }
            "exit" => {
                self.phase.set(Phase::Exited);
                self.events.send(Event::Exit);
                self.inner.call(request)
            }
            "shutdown" => self.inner.call(request),
            _ => {
                let (method, id, params) = request.into_parts();
                match (method.as_ref(), id) {
                    ("initialize", id) => self.initialize(id, params),
                    (method, Some(id)) => self.request(id, method, params),
                    (method, None) => {
                        self.notification(method, params);
                        ready(None)
                    }
                }
            }
        }
    }
}

impl<S: LanguageServer> Drop for OrderedService<S> {
    /// Whatever ended the connection, the loop ends with it.
    fn drop(&mut self) {
        self.events.send(Event::Exit);
    }
}
