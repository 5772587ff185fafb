//! Messages to the client that answer no request of it. Must hold: the loop only puts them on an unbounded queue; a
//! request to the client is waited for beside the queue, never in front of it.

use fimble_model::LoadError;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    self as lsp, ConfigurationItem, MessageType, ProgressToken, Registration,
};

use crate::actions;
use crate::event::{Event, EventSender};
use crate::model_state::error_data;
use crate::settings::SECTION;

/// One message.
pub(crate) enum Message {
    /// `window/showMessage`; the error that it tells of goes along as `data`.
    Show { kind: MessageType, text: String, error: Option<Value> },
    /// `workspace/configuration` for our section.
    PullConfiguration,
    /// `client/registerCapability` for changes of the configuration.
    RegisterConfiguration,
    /// `client/registerCapability` for changes of files.
    RegisterWatchers,
    /// `window/workDoneProgress/create`, for the load with this serial.
    CreateProgress { serial: u64 },
    /// `$/progress` of that load.
    Progress { serial: u64, value: Value },
    /// `fimble/status`.
    Status(Value),
    /// `window/workDoneProgress/create`, for the action with this serial.
    CreateActionProgress { serial: u64 },
    /// `$/progress` of that action.
    ActionProgress { serial: u64, value: Value },
    /// `workspace/applyEdit`.
    ApplyEdit { params: Value },
    /// `window/showDocument`.
    ShowDocument { uri: String },
    /// `fimble/document`.
    Document { params: Value },
    /// `fimble/inlineCompletionRefresh`: more is known than was answered.
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

    /// Queues a message. Once the connection is gone nobody reads it.
    pub(crate) fn send(&self, message: Message) {
        let _ = self.0.send(message);
    }

    /// Shows a text to the user. What a server said of itself may be in it: editors that make links of `[words](address)` in
    /// messages find none.
    pub(crate) fn show(&self, kind: MessageType, text: impl Into<String>) {
        self.show_with(kind, text.into(), None);
    }

    /// Shows an error to the user, and tells a client its kind.
    pub(crate) fn show_error(&self, kind: MessageType, text: impl Into<String>, error: &LoadError) {
        self.show_with(kind, text.into(), Some(error_data(error)));
    }

    fn show_with(&self, kind: MessageType, text: String, error: Option<Value>) {
        self.send(Message::Show { kind, text: text.replace("](", "] ("), error });
    }
}

fn progress_token(serial: u64) -> ProgressToken {
    ProgressToken::String(format!("fimble/model/{serial}"))
}

/// `$/progress` with a value as the loop made it.
enum RawProgress {}

impl lsp::Notification for RawProgress {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> =
        <lsp::ProgressNotification as lsp::Notification>::METHOD;
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `window/showMessage` with the data of an error, which the protocol does not have; other clients pass over it.
enum ShowError {}

impl lsp::Notification for ShowError {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> =
        <lsp::ShowMessageNotification as lsp::Notification>::METHOD;
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ShowMessageNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `fimble/status`: how the server is.
enum StatusChanged {}

impl lsp::Notification for StatusChanged {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> = lsp::LspNotificationMethod::new("fimble/status");
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `fimble/document`: the text of a document that no file holds.
enum DocumentNotification {}

impl lsp::Notification for DocumentNotification {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> = lsp::LspNotificationMethod::new("fimble/document");
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `fimble/inlineCompletionRefresh`: the suggestion that was answered for this version of a document goes on; who asks again has
/// the rest.
enum RefreshNotification {}

impl lsp::Notification for RefreshNotification {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("fimble/inlineCompletionRefresh");
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `workspace/applyEdit` with an edit as the loop made it.
enum RawApplyEdit {}

impl lsp::Request for RawApplyEdit {
    type Params = Value;
    type Result = Value;
    const METHOD: lsp::LspRequestMethod<'static> = <lsp::ApplyWorkspaceEditRequest as lsp::Request>::METHOD;
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ApplyWorkspaceEditRequest as lsp::Request>::MESSAGE_DIRECTION;
}

/// Has an edit applied, and tells the user if the client would not.
async fn apply_edit(client: Client, params: Value) {
    let reason = match client.send_request::<RawApplyEdit>(params).await {
        Ok(answer) if answer["applied"] == json!(false) => {
            answer["failureReason"].as_str().unwrap_or("the editor did not apply it").to_owned()
        }
        Ok(_) => return,
        Err(error) => error.message.into_owned(),
    };
    client.show_message(MessageType::Warning, format!("Fimble: the edit was not applied: {reason}")).await;
}

/// Asks the client for notifications of this kind.
async fn register(client: Client, method: &str, options: Value) {
    let registration = Registration {
        id: format!("fimble-{method}"),
        method: method.to_owned(),
        register_options: Some(options),
    };
    if let Err(error) = client.register_capability(vec![registration]).await {
        tracing::warn!(method, code = error.code.code(), "the client refused a registration");
    }
}

/// Delivers until the loop is gone.
pub(crate) async fn deliver(
    mut messages: mpsc::UnboundedReceiver<Message>,
    client: Client,
    events: EventSender,
) {
    let mut waiting = JoinSet::new();
    while let Some(message) = messages.recv().await {
        // Finished waits are forgotten; the others end with this set.
        while waiting.try_join_next().is_some() {}
        match message {
            Message::Show { kind, text, error: None } => client.show_message(kind, text).await,
            Message::Show { kind, text, error } => {
                let params = json!({"type": kind, "message": text, "data": error});
                client.send_notification::<ShowError>(params).await;
            }
            Message::Progress { serial, value } => {
                let params = json!({"token": progress_token(serial), "value": value});
                client.send_notification::<RawProgress>(params).await;
            }
            Message::Status(status) => client.send_notification::<StatusChanged>(status).await,
            Message::ActionProgress { serial, value } => {
                let params = json!({"token": actions::token(serial), "value": value});
                client.send_notification::<RawProgress>(params).await;
            }
            Message::CreateActionProgress { serial } => {
                let (client, events) = (client.clone(), events.clone());
                waiting.spawn(async move {
                    let token = ProgressToken::String(actions::token(serial));
                    if client.create_work_done_progress(token).await.is_ok() {
                        events.send(Event::ActionProgressAccepted { serial });
                    }
                });
            }
            Message::Document { params } => client.send_notification::<DocumentNotification>(params).await,
            Message::Refresh { uri, version } => {
                let params = json!({"textDocument": {"uri": uri, "version": version}});
                client.send_notification::<RefreshNotification>(params).await;
            }
            Message::ApplyEdit { params } => {
                waiting.spawn(apply_edit(client.clone(), params));
            }
            Message::ShowDocument { uri } => {
                let client = client.clone();
                waiting.spawn(async move {
                    let params = lsp::ShowDocumentParams {
                        uri: uri.into(),
                        external: Some(false),
                        take_focus: Some(false),
                        selection: None,
                    };
                    if let Err(error) = client.show_document(params).await {
                        tracing::warn!(code = error.code.code(), "the client did not show a document");
                    }
                });
            }
            Message::PullConfiguration => {
                let (client, events) = (client.clone(), events.clone());
                waiting.spawn(async move {
                    let item = ConfigurationItem { scope_uri: None, section: Some(SECTION.to_owned()) };
                    match client.configuration(vec![item]).await {
                        Ok(values) => {
                            if let Some(value) = values.into_iter().next() {
                                events.send(Event::Configuration(value));
                            }
                        }
                        Err(error) => {
                            tracing::warn!(code = error.code.code(), "the client sent no configuration")
                        }
                    }
                });
            }
            Message::RegisterConfiguration => {
                let options = json!({"section": SECTION});
                waiting.spawn(register(client.clone(), "workspace/didChangeConfiguration", options));
            }
            Message::RegisterWatchers => {
                let watchers: Vec<Value> =
                    fimble_workspace::globs().iter().map(|glob| json!({"globPattern": glob})).collect();
                let options = json!({"watchers": watchers});
                waiting.spawn(register(client.clone(), "workspace/didChangeWatchedFiles", options));
            }
            Message::CreateProgress { serial } => {
                let (client, events) = (client.clone(), events.clone());
                waiting.spawn(async move {
                    if client.create_work_done_progress(progress_token(serial)).await.is_ok() {
                        events.send(Event::ProgressAccepted { serial });
                    }
                });
            }
        }
    }
}
