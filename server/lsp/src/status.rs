//! How the server is, as clients show it. Must hold: a client that wants to know (`experimental.fimble.status`) is told
//! after every change, once per change, without asking.

use fimble_model::{ErrorCode, LoadError};
use serde_json::{Value, json};

use crate::model_state::{LoadProgress, ModelState, error_data};
use crate::outgoing::Message;
use crate::session::Session;

/// What was told last, and how far loading is.
#[derive(Default)]
pub(crate) struct ToldStatus {
    told: Option<Value>,
    pub(crate) progress: Option<LoadProgress>,
}

/// Whether suggestions come, the model that answers and its provider, whether code leaves this machine, the reason if the model
/// cannot be loaded, what it received, the model that is wanted where another one stands in for it, and the model that
/// answers conversations.
pub(crate) fn current(session: &Session) -> Value {
    let answering = session.model.answering();
    let info = answering.as_ref().map(|model| model.info());
    let name = info.map_or_else(|| session.wanted_model(), |info| &info.name);
    let chat = session.chat();
    // The stand-in completes and does nothing else.
    let chatting = chat.answering().filter(|_| chat.stand_in().is_none());
    let refusal = chatting.as_ref().and_then(|model| model.chat().err());
    let no_chat = refusal.map_or_else(
        || chat.failure().cloned(),
        |cause| Some(LoadError { code: ErrorCode::NoModel, cause, remedy: String::new() }),
    );
    let failure = session.model.failure();
    let state = match session.model.stand_in() {
        _ if !session.settings.enabled => "disabled",
        Some(_) => "ready",
        None => session.model.word(),
    };
    json!({
        "state": state,
        "model": name,
        "provider": info.map(|info| &info.provider),
        "reason": failure.map(ToString::to_string),
        "error": failure.map(error_data),
        "wanted": session.model.stand_in().map(|_| json!({
            "model": session.wanted_model(),
            "state": session.model.word(),
            "reason": failure.map(ToString::to_string),
            "error": failure.map(error_data),
        })),
        "remote": answering.as_ref().is_some_and(|model| model.is_remote()),
        "notices": session.told_notices(),
        "chat": {
            "state": chat.word(),
            "model": chatting.as_ref().map(|model| &model.info().name),
            "provider": chatting.as_ref().map(|model| &model.info().provider),
            "reason": no_chat.as_ref().map(ToString::to_string),
            "error": no_chat.as_ref().map(error_data),
            "remote": chatting.as_ref().is_some_and(|model| model.is_remote()),
        },
    })
}

/// Sends `fimble/status` if it is another one than was sent last.
pub(crate) fn tell(session: &mut Session) {
    if !session.client.wants_status {
        return;
    }
    let mut status = current(session);
    if let (Some(progress), ModelState::Loading(stand_in)) = (&session.status.progress, &session.model) {
        // It belongs to the model that is loaded.
        let model = if stand_in.is_some() { &mut status["wanted"] } else { &mut status };
        model["message"] = json!(progress.message);
        model["fraction"] = json!(progress.fraction);
    }
    if session.status.told.as_ref() != Some(&status) {
        session.outgoing.send(Message::Status(status.clone()));
        session.status.told = Some(status);
    }
}
