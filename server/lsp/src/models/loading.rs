//! Loading the models, and what follows when a load ends. Invariant: of several loads the last one counts; a model takes over between
//! two events, and work that was started with another one ends with that; a model is freed off the loop.

use std::sync::Arc;

use fimble_completion::TokenBudget;
use fimble_model::{LoadError, Model};
use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::completion::start;
use crate::event::Event;
use crate::models::load::{Load, LoadReport};
use crate::models::loaded::edit_format;
use crate::models::state::{ModelRole, ModelSettings, ModelState};
use crate::outgoing::{Message, ProgressOwner};
use crate::report::Reporter;
use crate::session::Session;
use crate::status;

/// Shows what the models cannot do as the settings say. A provider can also fail while it computes.
pub(crate) fn show_notices(session: &mut Session) {
    // A model that answers for a moment only has no notices.
    let completing = match &session.models.completion {
        ModelState::Loading(_) => None,
        state => state.current(),
    };
    let completing = completing.map(|model| &**model);
    let chatting = session.models.own_chat.state.current().map(|model| &**model);
    let writing = session.models.own_edits.state.current().map(|model| &**model);
    for notice in session.notices.update(completing, chatting, writing, &session.settings) {
        tracing::warn!(notice, "the model cannot do as the settings say");
        session.messages.warn(format!("Fimble: {notice}"));
    }
}

impl Session {
    /// Finds out again which models are wanted, and loads them.
    pub(crate) fn reload_models(&mut self) {
        self.load_model();
        for role in [ModelRole::Chat, ModelRole::Edits] {
            if self.models.own(role).is_some_and(|own| matches!(own.state, ModelState::Failed(..))) {
                self.load_own(role);
            }
        }
    }

    /// Loads the model of the settings. What can stand in for it continues to answer; any other model is freed first.
    pub(crate) fn load_model(&mut self) {
        self.models.load_serial += 1;
        let serial = self.models.load_serial;
        self.models.visible_load = None;
        self.models.wanted_name = None;
        self.models.progress = None;
        let (stand_in, replaced) = std::mem::replace(&mut self.models.completion, ModelState::Idle).split();
        let has_stand_in = stand_in.is_some();
        self.models.completion = ModelState::Loading(stand_in);
        if !has_stand_in {
            self.forget_model();
        }
        if self.is_initialized {
            self.announce_load();
        }
        status::send(self);
        let load = Load {
            loader: Arc::clone(&self.options.model_loader),
            stand_in: self.options.stand_in.clone(),
            has_stand_in,
            settings: self.of_workspace(self.settings.model.clone()),
            warm_up: self.options.warm_up,
            replaced,
            reporter: self.load_reporter(ModelRole::Completion, serial),
        };
        load.start();
    }

    /// The settings for a model of this window's workspace.
    fn of_workspace(&self, settings: ModelSettings) -> ModelSettings {
        let mut folders: Vec<&str> =
            self.documents.folders().iter().map(|folder| folder.path.as_str()).collect();
        folders.sort_unstable();
        ModelSettings { workspace: (!folders.is_empty()).then(|| folders.join("\n")), ..settings }
    }

    fn load_reporter(&self, role: ModelRole, serial: u64) -> Reporter<LoadReport> {
        self.events.reporter(move |report| Event::Load { role, serial, report })
    }

    /// What was found out with the model before does not hold for the next one.
    fn forget_model(&mut self) {
        self.completion.renew();
        Arc::make_mut(&mut self.settings).completion.token_budget = TokenBudget::default();
    }

    /// Loads the model of a role, if the settings name one for it that is not the one that completes.
    pub(crate) fn load_own(&mut self, role: ModelRole) {
        let settings = self.settings.own_model(role);
        let Some(own) = self.models.own(role) else { return };
        own.load_serial += 1;
        let serial = own.load_serial;
        let before = std::mem::replace(&mut own.state, ModelState::Idle);
        let Some(settings) = settings else { return self.drop_in_background(before) };
        own.state = ModelState::Loading(None);
        let (_, replaced) = before.split();
        let load = Load {
            loader: Arc::clone(&self.options.model_loader),
            stand_in: None,
            has_stand_in: false,
            settings: self.of_workspace(settings),
            warm_up: false,
            replaced,
            reporter: self.load_reporter(role, serial),
        };
        load.start();
    }

    pub(crate) fn own_load_reported(&mut self, role: ModelRole, serial: u64, report: LoadReport) {
        let LoadReport::Done { result, .. } = report else { return };
        let Some(own) = self.models.own(role) else { return };
        if serial != own.load_serial {
            return self.drop_in_background(result);
        }
        let setting = role.setting();
        match result {
            Ok(model) => {
                let info = model.info();
                tracing::info!(model = info.name, provider = info.provider, "{} is ready", role.title());
                if role == ModelRole::Edits && edit_format(&*model).is_none() {
                    let name = &info.name;
                    self.messages.warn(format!(
                        "Fimble: the model {name} of `{setting}` was not made to write edits. Choose a Sweep next-edit model, or a \
                         model server with Zeta 2."
                    ));
                }
                own.state = ModelState::Ready { model, is_stand_in: false, small: None };
            }
            Err(error) => {
                self.messages.warn(format!("Fimble has no model for `{setting}`: {error}"));
                own.state = ModelState::Failed(error, None);
            }
        }
        show_notices(self);
        status::send(self);
    }

    pub(crate) fn announce_load(&mut self) {
        if self.client.shows_progress {
            self.outgoing.send(Message::CreateProgress(ProgressOwner::Load(self.models.load_serial)));
        }
    }

    pub(crate) fn progress_accepted(&mut self, serial: u64) {
        // A load that has ended meanwhile has nothing to show: a progress that never began needs no end.
        if serial == self.models.load_serial && matches!(self.models.completion, ModelState::Loading(_)) {
            self.models.visible_load = Some(serial);
            let title = format!("Fimble: loading {}", self.models.wanted(&self.settings));
            let value = json!({"kind": "begin", "title": title, "cancellable": false});
            self.outgoing.send(Message::Progress { owner: ProgressOwner::Load(serial), value });
        }
    }

    pub(crate) fn load_reported(&mut self, serial: u64, report: LoadReport) {
        // A newer load has begun.
        if serial != self.models.load_serial {
            return self.drop_in_background(report);
        }
        let is_visible = self.models.visible_load == Some(serial);
        match report {
            LoadReport::Name(name) => {
                self.models.wanted_name = Some(name);
                status::send(self);
            }
            LoadReport::Progress(progress) => {
                self.models.progress = Some(progress.clone());
                status::send(self);
                if is_visible {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
                    let percentage =
                        progress.fraction.map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0).round() as u32);
                    let value =
                        json!({"kind": "report", "message": progress.message, "percentage": percentage});
                    self.outgoing.send(Message::Progress { owner: ProgressOwner::Load(serial), value });
                }
            }
            LoadReport::StandIn(model) => {
                tracing::info!(
                    model = model.info().name,
                    wanted = self.models.wanted(&self.settings),
                    "a model stands in"
                );
                self.take_over(ModelState::Loading(Some(model)));
            }
            LoadReport::Done { result, is_stand_in } => {
                if is_visible {
                    let message = if result.is_ok() { "ready" } else { "failed" };
                    let value = json!({"kind": "end", "message": message});
                    self.outgoing.send(Message::Progress { owner: ProgressOwner::Load(serial), value });
                    self.models.visible_load = None;
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
                    .models
                    .completion
                    .stand_in()
                    .filter(|_| self.settings.small_first && !is_stand_in && model.info().writes_code)
                    .cloned();
                self.take_over(ModelState::Ready { model, is_stand_in, small });
            }
            Err(error) => {
                tracing::error!(cause = error.cause, "the model cannot be loaded");
                let (stand_in, _) = std::mem::replace(&mut self.models.completion, ModelState::Idle).split();
                self.models.completion = ModelState::Failed(error, stand_in);
                if self.is_initialized {
                    self.show_load_error();
                }
                show_notices(self);
                status::send(self);
                self.resume_parked();
            }
        }
    }

    /// Another model answers from now on, and receives the documents of the project.
    fn take_over(&mut self, next: ModelState) {
        let before = std::mem::replace(&mut self.models.completion, next);
        self.models.serial += 1;
        self.forget_model();
        // The prompt of the last place is read before the next key.
        if let Some((id, offset)) = self.completion.speculation.last_place()
            && let Some(text) = self.documents.by_id(id).map(|document| document.text())
        {
            let offset = text.floor_char_boundary(text.len().min(offset));
            self.completion.speculation.cursor_at(id, offset);
        }
        self.remember_workspace();
        show_notices(self);
        status::send(self);
        self.resume_parked();
        self.drop_in_background(before);
    }

    fn resume_parked(&mut self) {
        for parked in self.completion.jobs.take_parked() {
            start::resume(self, parked);
        }
    }

    /// Shows why the wanted model could not be loaded, and what that means.
    pub(crate) fn show_load_error(&self) {
        let ModelState::Failed(error, _) = &self.models.completion else { return };
        match self.models.stand_in_reason(&self.settings) {
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
