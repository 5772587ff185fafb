//! Everything that the session loop reacts to. Must hold: the set is closed; an event holds all it needs, so that
//! handling one never waits for anything.

use std::sync::mpsc;

use fimble_syntax::{ParseStopped, SyntaxTree};
use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::InitializeResult;
use tower_lsp_server::jsonrpc::{self, Id};

use crate::action_job::ActionNews;
use crate::completion_job::JobOutcome;
use crate::model_load::LoadReport;
use crate::model_state::ModelRole;
use crate::partial::{PartialOutcome, Written};
use crate::protocol::{
    CancelProgress, CodeActionParams, CompletionParams, Cursor, DidChange, DidChangeConfiguration,
    DidChangeWatchedFiles, DidChangeWorkspaceFolders, DidOpen, DocumentOnly, ExecuteCommandParams,
    InlineCompletionParams,
};
use crate::workspace_index::Indexed;

/// Where the answer to a request goes. Dropping it answers with an internal error.
pub(crate) type Reply = oneshot::Sender<jsonrpc::Result<Value>>;

/// What the loop reacts to.
pub(crate) enum Event {
    /// The `initialize` request, with its parameters as they came.
    Initialize { params: Value, reply: oneshot::Sender<InitializeResult> },
    /// A notification.
    Notification(Notification),
    /// A request other than those of the life cycle.
    Request { id: Id, request: Request, reply: Reply },
    /// `$/cancelRequest`.
    Cancel(Id),
    /// The client's answer to `workspace/configuration`.
    Configuration(Value),
    /// The client agreed to show progress under our token.
    ProgressAccepted { serial: u64 },
    /// The client agreed to show the progress of an action.
    ActionProgressAccepted { serial: u64 },
    /// An action reports.
    Acted { serial: u64, news: ActionNews },
    /// A load of the model for this role reports.
    Load { role: ModelRole, serial: u64, report: LoadReport },
    /// A parse ended.
    Parsed { document: u64, revision: u64, parsed: Result<SyntaxTree, ParseStopped> },
    /// Files of the workspace were read.
    Indexed(Indexed),
    /// A completion was computed.
    Computed(Box<JobOutcome>),
    /// A model has written something for a request that is to be answered now.
    Written(Box<Written>),
    /// What it has written has passed the filters, or not.
    PartlyComputed(Box<PartialOutcome>),
    /// `shutdown`: nothing more will be asked.
    Shutdown,
    /// `exit`, or the end of the input.
    Exit,
}

/// Notifications, in the order in which they were read.
pub(crate) enum Notification {
    Initialized,
    DidOpen(DidOpen),
    DidChange(DidChange),
    DidClose(DocumentOnly),
    DidSave(DocumentOnly),
    DidChangeConfiguration(DidChangeConfiguration),
    DidChangeWatchedFiles(DidChangeWatchedFiles),
    DidChangeWorkspaceFolders(DidChangeWorkspaceFolders),
    CancelProgress(CancelProgress),
    Cursor(Cursor),
    /// A change of this document that could not be read: its text can no longer be trusted.
    UnreadableChange {
        uri: String,
    },
}

/// Requests that the loop answers.
pub(crate) enum Request {
    InlineCompletion(InlineCompletionParams),
    Completion(CompletionParams),
    ExecuteCommand(ExecuteCommandParams),
    CodeAction(CodeActionParams),
    /// A code action, as it was offered.
    ResolveCodeAction(Value),
}

impl Event {
    /// Name for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Initialize { .. } => "initialize",
            Self::Notification(notification) => match notification {
                Notification::Initialized => "initialized",
                Notification::DidOpen(_) => "didOpen",
                Notification::DidChange(_) => "didChange",
                Notification::DidClose(_) => "didClose",
                Notification::DidSave(_) => "didSave",
                Notification::DidChangeConfiguration(_) => "didChangeConfiguration",
                Notification::DidChangeWatchedFiles(_) => "didChangeWatchedFiles",
                Notification::DidChangeWorkspaceFolders(_) => "didChangeWorkspaceFolders",
                Notification::CancelProgress(_) => "cancel progress",
                Notification::Cursor(_) => "cursor",
                Notification::UnreadableChange { .. } => "unreadable didChange",
            },
            Self::Request { request, .. } => match request {
                Request::InlineCompletion(_) => "inlineCompletion",
                Request::Completion(_) => "completion",
                Request::ExecuteCommand(_) => "executeCommand",
                Request::CodeAction(_) => "codeAction",
                Request::ResolveCodeAction(_) => "codeAction/resolve",
            },
            Self::Cancel(_) => "cancelRequest",
            Self::Configuration(_) => "configuration",
            Self::ProgressAccepted { .. } => "progress accepted",
            Self::ActionProgressAccepted { .. } => "action progress accepted",
            Self::Acted { .. } => "acted",
            Self::Load { .. } => "model load",
            Self::Parsed { .. } => "parsed",
            Self::Indexed(_) => "indexed",
            Self::Computed(_) => "computed",
            Self::Written(_) => "written",
            Self::PartlyComputed(_) => "partly computed",
            Self::Shutdown => "shutdown",
            Self::Exit => "exit",
        }
    }
}

/// The way to the loop: unbounded, so that sending never waits.
#[derive(Clone)]
pub(crate) struct EventSender(mpsc::Sender<Event>);

impl EventSender {
    pub(crate) fn new(sender: mpsc::Sender<Event>) -> Self {
        Self(sender)
    }

    /// Sends. After the loop has ended nobody is interested any more.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}
