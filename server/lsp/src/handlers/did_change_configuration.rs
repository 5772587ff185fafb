//! `workspace/didChangeConfiguration` and the answer to `workspace/configuration`.

use serde_json::Value;

use crate::outgoing::Message;
use crate::protocol::messages::DidChangeConfiguration;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &DidChangeConfiguration) {
    // Clients that want to be asked send null.
    if session.client.has_configuration && !params.settings.is_object() {
        session.outgoing.send(Message::PullConfiguration);
        return;
    }
    session.settings_layers.set_configuration(&params.settings);
    session.apply_settings();
}

/// The client was asked and answered.
pub(crate) fn pulled(session: &mut Session, value: &Value) {
    // Null: the client has no such section. What came with `initialize` stays.
    if !value.is_null() {
        session.settings_layers.set_configuration(value);
        session.apply_settings();
    }
}
