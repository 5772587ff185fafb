//! Messages to the client that answer no request of it, and the queue that they wait in. Invariant: queuing never waits.

use fimble_model::LoadError;
use serde_json::Value;
use tokio::sync::mpsc;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::protocol::error_data::error_data;

/// What a work-done progress is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressOwner {
    /// The load of a model with this serial.
    Load(u64),
    /// The action with this serial.
    Action(u64),
}

impl ProgressOwner {
    /// The token that client and server know the progress by.
    pub(crate) fn token(self) -> String {
        match self {
            Self::Load(serial) => format!("fimble/model/{serial}"),
            Self::Action(serial) => format!("fimble/action/{serial}"),
        }
    }
}

/// One message.
pub(crate) enum Message {
    /// `window/showMessage`. An error goes along as `data`.
    Show { kind: MessageType, text: String, error: Option<Value> },
    /// `workspace/configuration` for our section.
    PullConfiguration,
    /// `client/registerCapability` for changes of the configuration.
    RegisterConfiguration,
    /// `client/registerCapability` for changes of files.
    RegisterWatchers,
    /// `window/workDoneProgress/create`.
    CreateProgress(ProgressOwner),
    /// `$/progress`, with its value.
    Progress { owner: ProgressOwner, value: Value },
    /// `fimble/status`.
    Status(Value),
    /// `workspace/applyEdit`.
    ApplyEdit { params: Value },
    /// `window/showDocument`.
    ShowDocument { uri: String },
    /// `fimble/document`.
    Document { params: Value },
    /// `fimble/inlineCompletionRefresh`: there is a longer or likelier suggestion than the one that was answered.
    Refresh { uri: String, version: i32 },
}

/// The loop's end of the queue.
#[derive(Clone)]
pub(crate) struct Outgoing(mpsc::UnboundedSender<Message>);

impl Outgoing {
    /// A queue and its other end.
    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Queues a message. Once the connection is gone it is dropped.
    pub(crate) fn send(&self, message: Message) {
        let _ = self.0.send(message);
    }

    /// Shows a text to the user. The text may hold words of a server: editors that make links of `[words](address)` in messages
    /// find none.
    pub(crate) fn show(&self, kind: MessageType, text: impl Into<String>) {
        self.show_with(kind, text.into(), None);
    }

    /// Shows an error to the user, with its code, cause and remedy as data for the client.
    pub(crate) fn show_error(&self, kind: MessageType, text: impl Into<String>, error: &LoadError) {
        self.show_with(kind, text.into(), Some(error_data(error)));
    }

    fn show_with(&self, kind: MessageType, text: String, error: Option<Value>) {
        self.send(Message::Show { kind, text: text.replace("](", "] ("), error });
    }
}
