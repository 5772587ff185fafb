//! Messages to the client that answer no request of it. Must hold: the loop only puts them on an unbounded queue; a
//! request to the client is waited for beside the queue, never in front of it.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    self as lsp, ConfigurationItem, MessageType, ProgressToken, Registration,
};

use crate::event::{Event, EventSender};
use crate::settings::SECTION;

/// One message.
pub(crate) enum Message {
    /// `window/showMessage`.
    Show { kind: MessageType, text: String },
    /// `workspace/configuration` for our section.
    PullConfiguration,
    /// `client/registerCapability` for changes of the configuration.
    RegisterConfiguration,
    /// `window/workDoneProgress/create`, for the load with this serial.
    CreateProgress { serial: u64 },
    /// `$/progress` of that load.
    Progress { serial: u64, value: Value },
    /// `fimble/status`.
    Status(Value),
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

    /// Shows a text to the user.
    pub(crate) fn show(&self, kind: MessageType, text: impl Into<String>) {
        self.send(Message::Show { kind, text: text.into() });
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

/// `fimble/status`: how the server is.
enum StatusChanged {}

impl lsp::Notification for StatusChanged {
    type Params = Value;
    const METHOD: lsp::LspNotificationMethod<'static> = lsp::LspNotificationMethod::new("fimble/status");
    const MESSAGE_DIRECTION: lsp::MessageDirection =
        <lsp::ProgressNotification as lsp::Notification>::MESSAGE_DIRECTION;
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
            Message::Show { kind, text } => client.show_message(kind, text).await,
            Message::Progress { serial, value } => {
                let params = json!({"token": progress_token(serial), "value": value});
                client.send_notification::<RawProgress>(params).await;
            }
            Message::Status(status) => client.send_notification::<StatusChanged>(status).await,
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
                let client = client.clone();
                waiting.spawn(async move {
                    let registration = Registration {
                        id: "fimble-configuration".to_owned(),
                        method: "workspace/didChangeConfiguration".to_owned(),
                        register_options: Some(json!({"section": SECTION})),
                    };
                    if let Err(error) = client.register_capability(vec![registration]).await {
                        tracing::warn!(code = error.code.code(), "the client refused a registration");
                    }
                });
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
