//! The models of a session: the one that completes and, where the settings name one of its own, the one that answers conversations.
//! Invariant: the serial of the completing model is another one as soon as another model answers.

use std::sync::Arc;

use fimble_model::Model;

use crate::models::state::{LoadProgress, ModelState};
use crate::settings::Settings;

/// The models, and the loads under way.
pub(crate) struct Models {
    /// The model that completes.
    pub(crate) completion: ModelState,
    /// The model that answers conversations, where the settings name one of its own.
    pub(crate) own_chat: ModelState,
    /// Distinguishes the models that complete, one after the other.
    pub(crate) serial: u64,
    /// The last load of the model that completes.
    pub(crate) load_serial: u64,
    /// The last load of the model for conversations.
    pub(crate) chat_load_serial: u64,
    /// The name of the wanted model, once it is known.
    pub(crate) wanted_name: Option<String>,
    /// The load whose progress the client shows.
    pub(crate) visible_load: Option<u64>,
    /// How far the load is.
    pub(crate) progress: Option<LoadProgress>,
}

impl Models {
    pub(crate) fn new() -> Self {
        Self {
            completion: ModelState::Idle,
            own_chat: ModelState::Idle,
            serial: 0,
            load_serial: 0,
            chat_load_serial: 0,
            wanted_name: None,
            visible_load: None,
            progress: None,
        }
    }

    /// The model that completes now, if there is one.
    pub(crate) fn current(&self) -> Option<&Arc<dyn Model>> {
        self.completion.current()
    }

    /// The state of the model that answers conversations: its own one, or the one that completes.
    pub(crate) fn chat(&self, settings: &Settings) -> &ModelState {
        if settings.chat.is_empty() { &self.completion } else { &self.own_chat }
    }

    /// The models with a memory of the project: the one that completes and the small one beside it, as far as they have one.
    pub(crate) fn remembering(&self) -> Vec<Arc<dyn Model>> {
        let models = self.current().into_iter().chain(self.completion.small());
        models.filter(|model| model.context_index().is_some()).cloned().collect()
    }

    /// The name of the model that is wanted, as far as it is known before it is loaded.
    pub(crate) fn wanted<'a>(&'a self, settings: &'a Settings) -> &'a str {
        self.wanted_name.as_deref().unwrap_or_else(|| settings.model.name())
    }

    /// Why another model answers than the wanted one, if that is so.
    pub(crate) fn stand_in_reason(&self, settings: &Settings) -> Option<String> {
        let stand_in = &self.completion.stand_in()?.info().name;
        let wanted = self.wanted(settings);
        Some(match &self.completion {
            ModelState::Failed(error, _) => {
                format!("{stand_in} answers, because {wanted} could not be loaded: {error}")
            }
            _ => format!("{stand_in} answers while {wanted} is being loaded"),
        })
    }
}
