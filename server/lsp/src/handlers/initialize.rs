//! `initialize` and `initialized`. Must hold: the answer comes at once; the model is loaded beside it.

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::{InitializeResult, ServerInfo};

use crate::capabilities::{ClientFacts, server_capabilities, workspace_folders};
use crate::old_editors::too_old;
use crate::outgoing::Message;
use crate::parent;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &Value, reply: oneshot::Sender<InitializeResult>) {
    session.client = ClientFacts::read(params);
    session.documents.set_folders(workspace_folders(params));
    session.warn_early(too_old(params));
    let answer = InitializeResult {
        capabilities: server_capabilities(&session.client),
        server_info: Some(ServerInfo {
            name: "fimble".to_owned(),
            version: Some(session.options.version.clone()),
        }),
    };
    let process = params.get("processId").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    if let (Some(process), Some(is_running)) = (process, &session.options.is_running) {
        parent::watch(process, is_running.clone(), session.events.clone());
    }
    // The client waits; settings and the model come after.
    let _ = reply.send(answer);
    session.layers.set_initialization(params.get("initializationOptions").unwrap_or(&Value::Null));
    session.apply_settings();
}

pub(crate) fn initialized(session: &mut Session) {
    session.initialized();
    session.index_workspace();
    if session.client.registers_watchers {
        session.outgoing.send(Message::RegisterWatchers);
    }
    if session.client.registers_configuration {
        session.outgoing.send(Message::RegisterConfiguration);
    }
    if session.client.has_configuration {
        session.outgoing.send(Message::PullConfiguration);
    }
}
