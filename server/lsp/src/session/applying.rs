//! Applying settings, and telling the client what came of it. Must hold: the same thing is not told twice; nothing is told before
//! the client may be told.

use std::sync::Arc;

use tower_lsp_server::gen_lsp_types::MessageType;

use crate::model_state::ModelState;
use crate::session::Session;
use crate::status;

impl Session {
    /// Applies what the layers of settings say now. A change of the model loads the new one.
    pub(crate) fn apply_settings(&mut self) {
        let (mut settings, problems) = self.layers.resolve();
        settings.completion.allotment = self.settings.completion.allotment;
        // A mistake is not told again with every change of another setting.
        let news = problems.iter().filter(|problem| !self.shown_problems.contains(problem));
        self.early_messages.extend(news.map(|problem| (MessageType::Warning, format!("Fimble: {problem}"))));
        self.shown_problems = problems;
        if self.is_initialized {
            self.send_early_messages();
        }
        let is_new = settings != *self.settings;
        // A model that could not be loaded is tried again when something changes, but not when a client only repeats
        // its settings.
        let needs_load = settings.enabled
            && match &self.model {
                ModelState::Idle => true,
                ModelState::Failed(..) => is_new,
                ModelState::Loading(_) | ModelState::Ready { .. } => settings.model != self.settings.model,
            };
        if let (Some(level), Some(sink)) = (settings.log_level, &self.options.log_level_sink)
            && settings.log_level != self.settings.log_level
        {
            sink(level);
        }
        let needs_chat = settings.enabled
            && match &self.own_chat {
                ModelState::Failed(..) => is_new,
                _ => settings.chat_model() != self.settings.chat_model(),
            };
        self.settings = Arc::new(settings);
        if is_new {
            self.ahead.stop();
            self.settings_key += 1;
            self.allotted_for = None;
        }
        if !self.settings.small_first
            && let Some(small) = self.model.take_small()
        {
            self.parses.spawn(move || drop(small));
        }
        if needs_load {
            self.load_model();
        }
        if self.is_initialized {
            self.index_workspace();
        }
        if needs_chat {
            self.load_chat();
        }
        self.tell_notices();
        self.tell_status();
    }

    pub(super) fn tell_status(&mut self) {
        // Before that the client may not be told anything.
        if self.is_initialized {
            status::tell(self);
        }
    }

    /// Tells what the model that computes cannot do as the settings say. Its provider can also fail while it computes.
    pub(crate) fn tell_notices(&mut self) {
        // Of one that answers for a moment nothing is said.
        let completing = match &self.model {
            ModelState::Loading(_) => None,
            state => state.current(),
        };
        let completing = completing.map(|model| &**model);
        let chatting = self.own_chat.current().map(|model| &**model);
        for notice in self.notices.news(completing, chatting, &self.settings) {
            tracing::warn!(notice, "the model cannot do as the settings say");
            self.early_messages.push((MessageType::Warning, format!("Fimble: {notice}")));
        }
        if self.is_initialized {
            self.send_early_messages();
        }
    }

    /// What was told of the models and still holds.
    pub(crate) fn told_notices(&self) -> &[String] {
        self.notices.told()
    }

    /// Warns the user, as soon as the client may be told anything.
    pub(crate) fn warn_early(&mut self, text: Option<String>) {
        self.early_messages.extend(text.map(|text| (MessageType::Warning, text)));
    }

    pub(super) fn send_early_messages(&mut self) {
        for (kind, text) in self.early_messages.drain(..) {
            self.outgoing.show(kind, text);
        }
    }
}
