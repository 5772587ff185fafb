//! How the server is, as clients show it. Must hold: a client that wants to know (`experimental.fimble.status`) is told
//! after every change, once per change, without asking.

use serde_json::{Value, json};

use crate::model_state::{LoadProgress, ModelState};
use crate::outgoing::Message;
use crate::session::Session;

/// What was told last, and how far loading is.
#[derive(Default)]
pub(crate) struct ToldStatus {
    told: Option<Value>,
    pub(crate) progress: Option<LoadProgress>,
}

/// State, model, provider, and the reason if the model cannot be loaded.
pub(crate) fn current(session: &Session) -> Value {
    let (model, provider, reason) = match &session.model {
        ModelState::Ready(model) => (json!(model.info().name), json!(model.info().provider), Value::Null),
        ModelState::Failed(error) => {
            (json!(session.settings.model.name()), Value::Null, json!(error.to_string()))
        }
        ModelState::Idle | ModelState::Loading => {
            (json!(session.settings.model.name()), Value::Null, Value::Null)
        }
    };
    let state = if session.settings.enabled { session.model.word() } else { "disabled" };
    json!({"state": state, "model": model, "provider": provider, "reason": reason})
}

/// Sends `fimble/status` if it is another one than was sent last.
pub(crate) fn tell(session: &mut Session) {
    if !session.client.wants_status {
        return;
    }
    let mut status = current(session);
    if let (Some(progress), ModelState::Loading) = (&session.status.progress, &session.model) {
        status["message"] = json!(progress.message);
        status["fraction"] = json!(progress.fraction);
    }
    if session.status.told.as_ref() != Some(&status) {
        session.outgoing.send(Message::Status(status.clone()));
        session.status.told = Some(status);
    }
}
