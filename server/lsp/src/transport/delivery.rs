//! Delivery of queued messages to the client. Invariant: messages are delivered in order; a request to the client is waited for
//! beside the queue, never in front of it.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    self as lsp, ConfigurationItem, MessageType, ProgressToken, Registration,
};

use crate::event::{Event, EventSender};
use crate::outgoing::Message;
use crate::settings::SECTION;

/// `$/progress` with a value as the loop made it.
enum RawProgress {}

impl lsp::Notification for RawProgress {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> =
        <lsp::ProgressNotification as lsp::Notification>::METHOD;
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
}

/// `window/showMessage` with the data of an error, which the protocol does not have; other clients ignore it.
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

/// `fimble/inlineCompletionRefresh`: there is a longer or likelier suggestion for this version of a document; a new request
/// gets it.
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

/// Has an edit applied, and shows the user why where the client did not.
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
            Message::Progress { owner, value } => {
                let params = json!({"token": owner.token(), "value": value});
                client.send_notification::<RawProgress>(params).await;
            }
            Message::Status(status) => client.send_notification::<StatusChanged>(status).await,
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
            Message::CreateProgress(owner) => {
                let (client, events) = (client.clone(), events.clone());
                waiting.spawn(async move {
                    let token = ProgressToken::String(owner.token());
                    if client.create_work_done_progress(token).await.is_ok() {
                        events.send(Event::ProgressAccepted(owner));
                    }
                });
            }
        }
    }
}
