//! Everything that the session loop reacts to. Invariant: the set is closed; an event holds all it needs, so that handling one
//! never waits for anything.

use std::sync::mpsc;

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::InitializeResult;
use tower_lsp_server::jsonrpc::{self, Id};

use crate::actions::job::ActionReport;
use crate::completion::job::JobOutcome;
use crate::completion::partial::{PartialOutcome, PartialText};
use crate::documents::parse::ParseReport;
use crate::models::load::LoadReport;
use crate::models::state::ModelRole;
use crate::next_edit::answers::AnswerCounts;
use crate::next_edit::job::NextEditReport;
use crate::next_edit::screening::Screened;
use crate::outgoing::ProgressOwner;
use crate::protocol::messages::{
    CancelProgress, CodeActionParams, CompletionParams, Cursor, DidChange, DidChangeConfiguration,
    DidChangeWatchedFiles, DidChangeWorkspaceFolders, DidOpen, DocumentOnly, ExecuteCommandParams,
    InlineCompletionParams, NextEditParams, ShownEdit,
};
use crate::report::Reporter;
use crate::workspace::index::IndexReport;

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
    /// The client agreed to show a progress.
    ProgressAccepted(ProgressOwner),
    /// A model is being loaded for this role.
    Load { role: ModelRole, serial: u64, report: LoadReport },
    /// A parse ended.
    Parsed(ParseReport),
    /// Files of the workspace were read.
    Indexed(IndexReport),
    /// A completion job ended.
    Computed(Box<JobOutcome>),
    /// A model has written something for a request whose time to answer has come.
    PartialText(Box<PartialText>),
    /// That text went through the filters.
    PartlyComputed(Box<PartialOutcome>),
    /// A next edit was looked for.
    NextEdit(Box<NextEditReport>),
    /// The answers to next edits of earlier sessions were read.
    Answers(Vec<AnswerCounts>),
    /// A document was screened for secrets.
    Screened(Screened),
    /// An action proceeds or ends.
    Action { serial: u64, report: ActionReport },
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
    EditShown(ShownEdit),
    EditDismissed(ShownEdit),
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
    NextEdit(NextEditParams),
    /// The same by the name that clients of other servers use; they ask when the user has left insert mode.
    CopilotInlineEdit(NextEditParams),
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
                Notification::EditShown(_) => "didShowInlineEdit",
                Notification::EditDismissed(_) => "didDismissNextEdit",
                Notification::UnreadableChange { .. } => "unreadable didChange",
            },
            Self::Request { request, .. } => match request {
                Request::InlineCompletion(_) => "inlineCompletion",
                Request::Completion(_) => "completion",
                Request::ExecuteCommand(_) => "executeCommand",
                Request::CodeAction(_) => "codeAction",
                Request::NextEdit(_) => "nextEdit",
                Request::CopilotInlineEdit(_) => "copilotInlineEdit",
                Request::ResolveCodeAction(_) => "codeAction/resolve",
            },
            Self::Cancel(_) => "cancelRequest",
            Self::Configuration(_) => "configuration",
            Self::ProgressAccepted(_) => "progress accepted",
            Self::Load { .. } => "model load",
            Self::Parsed(_) => "parsed",
            Self::Indexed(_) => "indexed",
            Self::Computed(_) => "computed",
            Self::PartialText(_) => "partial text",
            Self::PartlyComputed(_) => "partly computed",
            Self::NextEdit(_) => "next edit",
            Self::Answers(_) => "answers",
            Self::Screened(_) => "screened",
            Self::Action { .. } => "action",
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

    /// Sends. After the loop has ended the event is dropped.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// A reporter whose reports become events.
    pub(crate) fn reporter<T: 'static>(
        &self,
        event: impl Fn(T) -> Event + Send + Sync + 'static,
    ) -> Reporter<T> {
        let events = self.clone();
        Reporter::new(move |report| events.send(event(report)))
    }
}
