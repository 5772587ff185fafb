//! The models of a session: the one that completes and, where the settings name models of their own, the one that answers
//! conversations and the one that writes edits. Invariant: the serial of the completing model is another one as soon as another model answers.

use std::sync::Arc;

use fimble_model::Model;
use fimble_model::fim::EditFormat;

use crate::models::state::{LoadProgress, ModelRole, ModelState};
use crate::settings::Settings;

/// A model that is not the one that completes.
pub(crate) struct OwnModel {
    /// Idle if the settings name none.
    pub(crate) state: ModelState,
    /// Its last load.
    pub(crate) load_serial: u64,
}

impl OwnModel {
    fn new() -> Self {
        Self { state: ModelState::Idle, load_serial: 0 }
    }
}

/// The models, and the loads under way.
pub(crate) struct Models {
    /// The model that completes.
    pub(crate) completion: ModelState,
    /// The model that answers conversations, where the settings name one of its own.
    pub(crate) own_chat: OwnModel,
    /// The model that writes edits, where the settings name one.
    pub(crate) own_edits: OwnModel,
    /// Distinguishes the models that complete, one after the other.
    pub(crate) serial: u64,
    /// The last load of the model that completes.
    pub(crate) load_serial: u64,
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
            own_chat: OwnModel::new(),
            own_edits: OwnModel::new(),
            serial: 0,
            load_serial: 0,
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
        if settings.chat.is_empty() { &self.completion } else { &self.own_chat.state }
    }

    /// The model of a role that is not the one that completes.
    pub(crate) fn own(&mut self, role: ModelRole) -> Option<&mut OwnModel> {
        match role {
            ModelRole::Completion | ModelRole::Embedding => None,
            ModelRole::Chat => Some(&mut self.own_chat),
            ModelRole::Edits => Some(&mut self.own_edits),
        }
    }

    /// The model that writes edits: its own one, or the one that completes, if that is made for it.
    pub(crate) fn writer(&self) -> Option<&Arc<dyn Model>> {
        let own = self.own_edits.state.current();
        own.or_else(|| self.current()).filter(|model| edit_format(&***model).is_some())
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

/// The format in which a model writes edits, if it is made for that.
pub(crate) fn edit_format(model: &dyn Model) -> Option<EditFormat> {
    model.info().fim.as_ref().ok()?.edit_format()
}
