//! `initialize` and `initialized`. Invariant: the answer comes at once; the model is loaded beside it.

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::{InitializeResult, ServerInfo};

use crate::handlers::server_capabilities::server_capabilities;
use crate::models::state::ModelState;
use crate::outgoing::Message;
use crate::protocol::client_facts::ClientFacts;
use crate::protocol::folders::workspace_folders;
use crate::protocol::old_editors::too_old;
use crate::session::Session;
use crate::status;
use crate::transport::client_process;

pub(crate) fn handle(session: &mut Session, params: &Value, reply: oneshot::Sender<InitializeResult>) {
    session.client = ClientFacts::read(params);
    session.documents.set_folders(workspace_folders(params));
    too_old(params).into_iter().for_each(|text| session.messages.warn(text));
    let answer = InitializeResult {
        capabilities: server_capabilities(&session.client),
        server_info: Some(ServerInfo {
            name: "fimble".to_owned(),
            version: Some(session.options.version.clone()),
        }),
    };
    let process = params.get("processId").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    if let (Some(process), Some(is_running)) = (process, &session.options.is_running) {
        client_process::watch(process, is_running.clone(), session.events.clone());
    }
    // The client waits; settings and the model come after.
    let _ = reply.send(answer);
    session.settings_layers.set_initialization(params.get("initializationOptions").unwrap_or(&Value::Null));
    session.apply_settings();
}

pub(crate) fn initialized(session: &mut Session) {
    session.is_initialized = true;
    session.messages.open();
    match &session.models.completion {
        ModelState::Loading(_) => session.announce_load(),
        ModelState::Failed(..) => session.show_load_error(),
        ModelState::Idle | ModelState::Ready { .. } => {}
    }
    status::send(session);
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
