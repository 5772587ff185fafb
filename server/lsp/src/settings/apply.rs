//! Applying settings. Invariant: the same problem is not shown twice.

use std::sync::Arc;

use crate::models::loading::show_notices;
use crate::models::state::{ModelRole, ModelState};
use crate::next_edit::follow;
use crate::session::Session;
use crate::status;

impl Session {
    /// Applies what the layers of settings say now. A change of the model loads the new one.
    pub(crate) fn apply_settings(&mut self) {
        let (mut settings, problems) = self.settings_layers.resolve();
        settings.completion.token_budget = self.settings.completion.token_budget;
        // A mistake is not shown again with every change of another setting.
        for problem in problems.iter().filter(|problem| !self.shown_problems.contains(problem)) {
            self.messages.warn(format!("Fimble: {problem}"));
        }
        self.shown_problems = problems;
        let is_new = settings != *self.settings;
        // A model that could not be loaded is tried again when something changes, but not when a client only repeats
        // its settings.
        let needs_load = settings.enabled
            && match &self.models.completion {
                ModelState::Idle => true,
                ModelState::Failed(..) => is_new,
                ModelState::Loading(_) | ModelState::Ready { .. } => settings.model != self.settings.model,
            };
        if let (Some(level), Some(sink)) = (settings.log_level, &self.options.log_level_sink)
            && settings.log_level != self.settings.log_level
        {
            sink(level);
        }
        let needs_own = [ModelRole::Chat, ModelRole::Edits].map(|role| {
            let has_failed =
                self.models.own(role).is_some_and(|own| matches!(own.state, ModelState::Failed(..)));
            let is_other = settings.own_model(role) != self.settings.own_model(role);
            (role, settings.enabled && (is_other || (has_failed && is_new)))
        });
        self.settings = Arc::new(settings);
        if is_new {
            self.completion.renew();
        }
        if !self.settings.small_first
            && let Some(small) = self.models.completion.take_small()
        {
            self.drop_in_background(small);
        }
        if needs_load {
            self.load_model();
        }
        if self.is_initialized {
            self.index_workspace();
        }
        follow::settings_changed(self);
        for (role, _) in needs_own.into_iter().filter(|(_, needs_load)| *needs_load) {
            self.load_own(role);
        }
        show_notices(self);
        status::send(self);
    }
}
