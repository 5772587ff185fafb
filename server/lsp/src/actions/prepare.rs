//! Whether an action can be performed now, and by which model. Invariant: a refusal says why and what to do.

use std::sync::Arc;

use fimble_actions::{ActionKind, Needs};
use fimble_model::ErrorCode;

use crate::actions::data::ActionData;
use crate::actions::failure::ActionFailure;
use crate::actions::job::Computer;
use crate::documents::snapshot::DocumentSnapshot;
use crate::models::state::ModelState;
use crate::session::Session;

/// What is needed to start an action.
pub(crate) struct Prepared {
    pub(crate) kind: ActionKind,
    pub(crate) data: ActionData,
    pub(crate) computer: Computer,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) version: i32,
}

/// The model that can do an action now.
///
/// # Errors
/// There is none, and what to do about it.
pub(crate) fn computer_for(session: &Session, kind: ActionKind) -> Result<Computer, ActionFailure> {
    let ready = |state: &ModelState| match state {
        ModelState::Ready { model, .. } => Ok(Arc::clone(model)),
        ModelState::Failed(error, _) => Err(ActionFailure::not_loaded(error)),
        ModelState::Idle if !session.settings.enabled => {
            let cause = "Fimble is switched off by a setting";
            Err(ActionFailure::no_model(ErrorCode::Disabled, cause, "Set `fimble.enabled` to true."))
        }
        ModelState::Idle | ModelState::Loading(_) => {
            let (cause, remedy) = ("The model is still being loaded", "Try again in a moment.");
            Err(ActionFailure::no_model(ErrorCode::Loading, cause, remedy))
        }
    };
    let chatting = || {
        let model = ready(session.models.chat(&session.settings))?;
        match model.chat() {
            Ok(_) => Ok(Computer::Chat(Arc::clone(&model))),
            Err(reason) => {
                let cause = reason.trim_end_matches('.');
                Err(ActionFailure::no_model(ErrorCode::NoModel, cause, HOW_TO_GET_ONE))
            }
        }
    };
    let completing = || {
        let model = match session.models.current() {
            Some(model) => Arc::clone(model),
            None => ready(&session.models.completion)?,
        };
        match model.info().writes_code {
            true => Ok(Computer::Completion(model)),
            false => Err(ActionFailure::too_small(&model.info().name)),
        }
    };
    match kind.needs() {
        Needs::Chat => chatting(),
        Needs::Any => chatting().or_else(|_| completing()),
        Needs::Completion => completing(),
    }
}

/// What a user does who has no chat model.
const HOW_TO_GET_ONE: &str = "This action needs a model that was trained to follow instructions, such as Qwen2.5-Coder \
    1.5B Instruct: add it with `fimble model get qwen2.5-coder-1.5b-instruct` and name it in the setting `chat`, or name \
    a local server there, such as `ollama:MODEL`.";

/// Checks that an action can be done.
///
/// # Errors
/// It cannot, and why.
pub(crate) fn prepare(session: &mut Session, data: ActionData) -> Result<Prepared, ActionFailure> {
    let failed = |cause, remedy| ActionFailure::failed(ErrorCode::ActionFailed, cause, remedy);
    let kind = ActionKind::from_name(&data.kind).ok_or_else(|| {
        failed("This action is unknown to this version of the server", "Update Fimble, or the plug-in.")
    })?;
    if kind == ActionKind::Instruction && data.instruction.trim().is_empty() {
        return Err(failed("The instruction is empty", "Say what is to be changed."));
    }
    let computer = computer_for(session, kind)?;
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let document = session
        .documents
        .get_mut(&data.uri)
        .ok_or_else(|| failed("The document is not open in the editor", "Open it and try again."))?;
    if data.version.is_some_and(|version| version != document.version()) {
        return Err(ActionFailure::modified());
    }
    if !document.is_in_sync() {
        return Err(failed("The editor's text and the server's differ", "Close the file and open it again."));
    }
    if document.unfit().is_some() || document.text().len() > max_file_bytes {
        return Err(failed(
            "This file is binary, has an overly long line, or is too large",
            "Raise `fimble.experimental.maxFileBytes` if it is only too large.",
        ));
    }
    let version = document.version();
    let snapshot = document.snapshot(max_file_bytes);
    Ok(Prepared { kind, data, computer, snapshot, version })
}
