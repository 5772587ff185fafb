//! Loading the models: the one that completes and, where the settings name one, the one that answers conversations. Must hold:
//! of several loads the last one counts; letting go of a model, which can take a while, never happens on the loop.

use std::sync::Arc;

use fimble_model::LoadError;
use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::event::Event;
use crate::model_state::{LoadReport, ModelRole, ModelState, start_loading};
use crate::outgoing::Message;
use crate::session::Session;
use crate::suggest;

impl Session {
    /// Tells loads of the model apart.
    pub(crate) fn load_serial(&self) -> u64 {
        self.load_serial
    }

    /// Loads the model of the settings, in the place of what is there.
    pub(crate) fn load_model(&mut self) {
        self.load_serial += 1;
        let serial = self.load_serial;
        self.visible_load = None;
        self.settings_key += 1;
        self.forget_allotment();
        self.ahead.stop();
        self.status.progress = None;
        let replaced = std::mem::replace(&mut self.model, ModelState::Loading);
        if self.is_initialized {
            self.announce_load();
        }
        self.tell_status();
        let started = start_loading(
            Arc::clone(&self.options.model_loader),
            self.settings.model.clone(),
            serial,
            self.options.warm_up,
            self.events.clone(),
            replaced,
        );
        if let Err(error) = started {
            let cause = format!("cannot start a thread to load the model: {error}");
            let remedy = "Close other programs and restart the server.".to_owned();
            let report = LoadReport::Done(Err(LoadError { cause, remedy }));
            self.events.send(Event::Load { role: ModelRole::Completion, serial, report });
        }
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
        let replaced = std::mem::replace(&mut self.own_chat, ModelState::Loading);
        let loader = Arc::clone(&self.options.model_loader);
        let started = start_loading(loader, settings, serial, false, self.events.clone(), replaced);
        if let Err(error) = started {
            let cause = format!("cannot start a thread to load the model: {error}");
            let remedy = "Close other programs and restart the server.".to_owned();
            self.own_chat = ModelState::Failed(LoadError { cause, remedy });
        }
    }

    pub(super) fn chat_load_reported(&mut self, serial: u64, report: LoadReport) {
        let LoadReport::Done(result) = report else { return };
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
                self.own_chat = ModelState::Ready(model);
            }
            Err(error) => {
                let text = format!("Fimble has no model for `chat`: {error}");
                self.early_messages.push((MessageType::Warning, text));
                self.own_chat = ModelState::Failed(error);
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
        if serial == self.load_serial && matches!(self.model, ModelState::Loading) {
            self.visible_load = Some(serial);
            let title = format!("Fimble: loading {}", self.settings.model.name());
            let value = json!({"kind": "begin", "title": title, "cancellable": false});
            self.outgoing.send(Message::Progress { serial, value });
        }
    }

    pub(super) fn load_reported(&mut self, serial: u64, report: LoadReport) {
        let is_visible = self.visible_load == Some(serial);
        match report {
            LoadReport::Progress(progress) => {
                if serial == self.load_serial {
                    self.status.progress = Some(progress.clone());
                    self.tell_status();
                }
                if is_visible {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
                    let percentage =
                        progress.fraction.map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0).round() as u32);
                    let value =
                        json!({"kind": "report", "message": progress.message, "percentage": percentage});
                    self.outgoing.send(Message::Progress { serial, value });
                }
            }
            // A newer load has taken its place. Letting a model go can take a while: not on the loop.
            LoadReport::Done(unwanted) if serial != self.load_serial => {
                self.parses.spawn(move || drop(unwanted))
            }
            LoadReport::Done(result) => {
                if is_visible {
                    let message = if result.is_ok() { "ready" } else { "failed" };
                    let value = json!({"kind": "end", "message": message});
                    self.outgoing.send(Message::Progress { serial, value });
                    self.visible_load = None;
                }
                self.loaded(result);
            }
        }
    }

    fn loaded(&mut self, result: Result<Arc<dyn fimble_model::Model>, LoadError>) {
        match result {
            Ok(model) => {
                let info = model.info();
                tracing::info!(model = info.name, provider = info.provider, "the model is ready");
                self.model = ModelState::Ready(model);
                self.tell_of_workspace();
                self.tell_notices();
            }
            Err(error) => {
                tracing::error!(cause = error.cause, "the model cannot be loaded");
                if self.is_initialized {
                    self.show_load_error(&error);
                }
                self.model = ModelState::Failed(error);
            }
        }
        self.tell_status();
        for parked in self.requests.take_parked() {
            suggest::resume(self, parked);
        }
    }

    pub(super) fn show_load_error(&self, error: &LoadError) {
        self.outgoing.show(MessageType::Error, format!("Fimble works without suggestions: {error}"));
    }
}
