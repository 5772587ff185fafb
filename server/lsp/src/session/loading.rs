//! Loading the models: the one that completes and, where the settings name one, the one that answers conversations. Invariant:
//! of several loads the last one counts; a model takes over between two events, and work that began with another one ends
//! with that; letting go of a model, which can take a while, never happens on the loop.

use std::sync::Arc;

use fimble_model::{LoadError, Model};
use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::event::Event;
use crate::model_load::{Load, LoadReport};
use crate::model_state::{ModelRole, ModelState};
use crate::outgoing::Message;
use crate::session::Session;
use crate::suggest;

impl Session {
    /// Tells models that answer apart: another number, another model.
    pub(crate) fn model_serial(&self) -> u64 {
        self.model_serial
    }

    /// The name of the model that is wanted, as far as it is known before it is loaded.
    pub(crate) fn wanted_model(&self) -> &str {
        self.wanted_name.as_deref().unwrap_or_else(|| self.settings.model.name())
    }

    /// Why another model answers than the wanted one, if that is so.
    pub(crate) fn stand_in_reason(&self) -> Option<String> {
        let stand_in = &self.model.stand_in()?.info().name;
        let wanted = self.wanted_model();
        Some(match &self.model {
            ModelState::Failed(error, _) => {
                format!("{stand_in} answers, because {wanted} could not be loaded: {error}")
            }
            _ => format!("{stand_in} answers while {wanted} is being loaded"),
        })
    }

    /// Finds out again which models are wanted, and loads them.
    pub(crate) fn reload_models(&mut self) {
        self.load_model();
        if matches!(self.own_chat, ModelState::Failed(..)) {
            self.load_chat();
        }
    }

    /// Loads the model of the settings. What can stand in for it goes on answering; another model is let go first.
    pub(crate) fn load_model(&mut self) {
        self.load_serial += 1;
        let serial = self.load_serial;
        self.visible_load = None;
        self.wanted_name = None;
        self.status.progress = None;
        let (stand_in, replaced) = std::mem::replace(&mut self.model, ModelState::Idle).split();
        let has_stand_in = stand_in.is_some();
        self.model = ModelState::Loading(stand_in);
        if !has_stand_in {
            self.forget_model();
        }
        if self.is_initialized {
            self.announce_load();
        }
        self.tell_status();
        let load = Load {
            loader: Arc::clone(&self.options.model_loader),
            stand_in: self.options.stand_in.clone(),
            has_stand_in,
            settings: self.settings.model.clone(),
            serial,
            warm_up: self.options.warm_up,
            replaced,
            events: self.events.clone(),
        };
        if let Err(error) = load.start() {
            let report = LoadReport::not_started(&error);
            self.events.send(Event::Load { role: ModelRole::Completion, serial, report });
        }
    }

    /// What was found out with the model before does not hold for the next one.
    fn forget_model(&mut self) {
        self.settings_key += 1;
        self.forget_allotment();
        self.ahead.stop();
    }

    /// The model that answers conversations: its own one, or the one that completes.
    pub(crate) fn chat(&self) -> &ModelState {
        if self.settings.chat.is_empty() { &self.model } else { &self.own_chat }
    }

    /// Loads the model that answers conversations, if the settings name one of its own.
    pub(super) fn load_chat(&mut self) {
        self.chat_serial += 1;
        let serial = self.chat_serial;
        let Some(settings) = self.settings.chat_model() else {
            let unused = std::mem::replace(&mut self.own_chat, ModelState::Idle);
            return self.parses.spawn(move || drop(unused));
        };
        let (_, replaced) = std::mem::replace(&mut self.own_chat, ModelState::Loading(None)).split();
        let load = Load {
            loader: Arc::clone(&self.options.model_loader),
            stand_in: None,
            has_stand_in: false,
            settings,
            serial,
            warm_up: false,
            replaced,
            events: self.events.clone(),
        };
        if let Err(error) = load.start() {
            let report = LoadReport::not_started(&error);
            self.events.send(Event::Load { role: ModelRole::Chat, serial, report });
        }
    }

    pub(super) fn chat_load_reported(&mut self, serial: u64, report: LoadReport) {
        let LoadReport::Done { result, .. } = report else { return };
        if serial != self.chat_serial {
            return self.parses.spawn(move || drop(result));
        }
        match result {
            Ok(model) => {
                let info = model.info();
                tracing::info!(
                    model = info.name,
                    provider = info.provider,
                    "the model for conversations is ready"
                );
                self.own_chat = ModelState::Ready { model, is_stand_in: false, small: None };
            }
            Err(error) => {
                let text = format!("Fimble has no model for `chat`: {error}");
                self.early_messages.push((MessageType::Warning, text));
                self.own_chat = ModelState::Failed(error, None);
            }
        }
        self.tell_notices();
        self.tell_status();
    }

    pub(super) fn announce_load(&mut self) {
        if self.client.shows_progress {
            self.outgoing.send(Message::CreateProgress { serial: self.load_serial });
        }
    }

    pub(super) fn progress_accepted(&mut self, serial: u64) {
        // A load that has ended meanwhile has nothing to show: a progress that never began needs no end.
        if serial == self.load_serial && matches!(self.model, ModelState::Loading(_)) {
            self.visible_load = Some(serial);
            let title = format!("Fimble: loading {}", self.wanted_model());
            let value = json!({"kind": "begin", "title": title, "cancellable": false});
            self.outgoing.send(Message::Progress { serial, value });
        }
    }

    pub(super) fn load_reported(&mut self, serial: u64, report: LoadReport) {
        // A newer load has taken its place.
        if serial != self.load_serial {
            return self.parses.spawn(move || drop(report));
        }
        let is_visible = self.visible_load == Some(serial);
        match report {
            LoadReport::Name(name) => {
                self.wanted_name = Some(name);
                self.tell_status();
            }
            LoadReport::Progress(progress) => {
                self.status.progress = Some(progress.clone());
                self.tell_status();
                if is_visible {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
                    let percentage =
                        progress.fraction.map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0).round() as u32);
                    let value =
                        json!({"kind": "report", "message": progress.message, "percentage": percentage});
                    self.outgoing.send(Message::Progress { serial, value });
                }
            }
            LoadReport::StandIn(model) => {
                tracing::info!(model = model.info().name, wanted = self.wanted_model(), "a model stands in");
                self.take_over(ModelState::Loading(Some(model)));
            }
            LoadReport::Done { result, is_stand_in } => {
                if is_visible {
                    let message = if result.is_ok() { "ready" } else { "failed" };
                    let value = json!({"kind": "end", "message": message});
                    self.outgoing.send(Message::Progress { serial, value });
                    self.visible_load = None;
                }
                self.loaded(result, is_stand_in);
            }
        }
    }

    fn loaded(&mut self, result: Result<Arc<dyn Model>, LoadError>, is_stand_in: bool) {
        match result {
            Ok(model) => {
                let info = model.info();
                tracing::info!(model = info.name, provider = info.provider, "the model is ready");
                let small = self
                    .model
                    .stand_in()
                    .filter(|_| self.settings.small_first && !is_stand_in && model.info().writes_code)
                    .cloned();
                self.take_over(ModelState::Ready { model, is_stand_in, small });
            }
            Err(error) => {
                tracing::error!(cause = error.cause, "the model cannot be loaded");
                let (stand_in, _) = std::mem::replace(&mut self.model, ModelState::Idle).split();
                self.model = ModelState::Failed(error, stand_in);
                if self.is_initialized {
                    self.show_load_error();
                }
                self.tell_notices();
                self.tell_status();
                self.resume_parked();
            }
        }
    }

    /// Another model answers from now on, and receives the documents of the project.
    fn take_over(&mut self, next: ModelState) {
        let before = std::mem::replace(&mut self.model, next);
        self.model_serial += 1;
        self.forget_model();
        // The prompt of the place where somebody works is read before the next key.
        if let Some((id, offset)) = self.ahead.last_place()
            && let Some(text) = self.documents.by_id(id).map(|document| document.text())
        {
            let offset = text.floor_char_boundary(text.len().min(offset));
            self.ahead.rests(id, offset);
        }
        self.tell_of_workspace();
        self.tell_notices();
        self.tell_status();
        self.resume_parked();
        self.parses.spawn(move || drop(before));
    }

    fn resume_parked(&mut self) {
        for parked in self.requests.take_parked() {
            suggest::resume(self, parked);
        }
    }

    /// Shows why the wanted model could not be loaded, and what that means.
    pub(super) fn show_load_error(&self) {
        let ModelState::Failed(error, _) = &self.model else { return };
        match self.stand_in_reason() {
            Some(reason) => {
                self.outgoing.show_error(MessageType::Warning, format!("Fimble: {reason}"), error);
            }
            None => {
                let text = format!("Fimble works without suggestions: {error}");
                self.outgoing.show_error(MessageType::Error, text, error);
            }
        }
    }
}
