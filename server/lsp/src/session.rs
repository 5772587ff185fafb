//! All state, with one owner: the loop. Must hold: everything in here is valid after each statement that can panic, so
//! that a panic in one turn leaves a session that works.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fimble_completion::SuggestionCache;
use fimble_model::LoadError;
use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;
use tower_lsp_server::jsonrpc::Error;

use crate::actions::{self, Actions};
use crate::ahead::Ahead;
use crate::allotment::AllottedFor;
use crate::answers;
use crate::capabilities::ClientFacts;
use crate::documents::Documents;
use crate::event::{Event, EventSender, Notification, Request};
use crate::handlers;
use crate::model_state::{LoadReport, ModelRole, ModelState, start_loading};
use crate::notices::Notices;
use crate::outgoing::{Message, Outgoing};
use crate::parse_job;
use crate::project::ProjectTeller;
use crate::requests::Requests;
use crate::server::{Ended, ServerOptions};
use crate::settings::{Settings, SettingsLayers, SettingsProblem};
use crate::shown::ShownSuggestion;
use crate::shown_documents::ShownDocuments;
use crate::status::{self, ToldStatus};
use crate::suggest;
use crate::trace::TokenCounts;
use crate::trace_ring::TraceRing;
use crate::turn_times::TurnTimes;
use crate::workers::Workers;
use crate::workspace_index::WorkspaceIndex;

/// Completions that are computed at once. The model does one at a time; the others parse and plan meanwhile, or find out
/// that they were cancelled.
const MAX_COMPLETION_THREADS: usize = 3;
/// Suggestions that are kept for one document.
const SUGGESTIONS_PER_DOCUMENT: usize = 16;
/// Suggestions that are kept, over all documents.
const SUGGESTIONS: usize = 256;

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) n_requests: u64,
    pub(crate) n_shown: u64,
    pub(crate) n_without_model: u64,
    pub(crate) n_superseded: u64,
    pub(crate) n_cancelled: u64,
    pub(crate) n_failed: u64,
    pub(crate) n_accepted: u64,
    pub(crate) n_dismissed: u64,
    /// Jobs that were started and those that reported, whether or not somebody still waited for them.
    pub(crate) n_jobs_started: u64,
    pub(crate) n_jobs_reported: u64,
    /// Tokens of all jobs that reported.
    pub(crate) n_tokens_reused: usize,
    pub(crate) n_tokens_prefilled: usize,
    pub(crate) n_tokens_decoded: usize,
    pub(crate) n_tokens_drafted: usize,
    pub(crate) n_tokens_accepted: usize,
}

impl Counters {
    /// A job reported.
    pub(crate) fn count_job(&mut self, tokens: TokenCounts) {
        self.n_jobs_reported += 1;
        self.n_tokens_reused += tokens.reused;
        self.n_tokens_prefilled += tokens.prefilled;
        self.n_tokens_decoded += tokens.decoded;
        self.n_tokens_drafted += tokens.drafted;
        self.n_tokens_accepted += tokens.accepted;
    }
}

/// The state.
pub(crate) struct Session {
    pub(crate) events: EventSender,
    pub(crate) outgoing: Outgoing,
    pub(crate) options: ServerOptions,
    pub(crate) client: ClientFacts,
    pub(crate) layers: SettingsLayers,
    pub(crate) settings: Arc<Settings>,
    /// Tells suggestions that were made under other settings, or by another model.
    pub(crate) settings_key: u64,
    /// The document and line that was asked about last: what fits the time budget changes between lines only.
    pub(crate) allotted_for: Option<AllottedFor>,
    shown_problems: Vec<SettingsProblem>,
    notices: Notices,
    /// Messages for the user that wait until the client may be told.
    early_messages: Vec<(MessageType, String)>,
    pub(crate) documents: Documents,
    pub(crate) requests: Requests,
    pub(crate) suggestions: SuggestionCache,
    pub(crate) last_shown: Option<ShownSuggestion>,
    /// Number of the request whose suggestion was accepted last; 0 if none was.
    last_accepted: u64,
    pub(crate) model: ModelState,
    /// The model that answers conversations, where the settings name one of its own.
    own_chat: ModelState,
    load_serial: u64,
    chat_serial: u64,
    /// The load whose progress the client shows.
    visible_load: Option<u64>,
    pub(crate) status: ToldStatus,
    pub(crate) completions: Workers,
    pub(crate) ahead: Ahead,
    pub(crate) actions: Actions,
    pub(crate) shown: ShownDocuments,
    pub(crate) parses: Workers,
    pub(crate) index: WorkspaceIndex,
    pub(crate) project: ProjectTeller,
    pub(crate) traces: TraceRing,
    pub(crate) counters: Counters,
    /// How long edits kept the loop busy.
    pub(crate) change_turns: TurnTimes,
    is_initialized: bool,
    is_shut_down: bool,
}

impl Session {
    pub(crate) fn new(events: EventSender, outgoing: Outgoing, options: ServerOptions) -> Self {
        Self {
            events,
            outgoing,
            client: ClientFacts::default(),
            layers: SettingsLayers::default(),
            settings: Arc::default(),
            settings_key: 0,
            allotted_for: None,
            shown_problems: Vec::new(),
            notices: Notices::default(),
            early_messages: options.notice.iter().map(|text| (MessageType::Warning, text.clone())).collect(),
            documents: Documents::default(),
            requests: Requests::default(),
            suggestions: SuggestionCache::new(SUGGESTIONS_PER_DOCUMENT, SUGGESTIONS),
            last_shown: None,
            last_accepted: 0,
            model: ModelState::Idle,
            own_chat: ModelState::Idle,
            load_serial: 0,
            chat_serial: 0,
            visible_load: None,
            status: ToldStatus::default(),
            completions: Workers::new("fimble-complete", MAX_COMPLETION_THREADS),
            parses: Workers::new("fimble-parse", 1),
            index: WorkspaceIndex::new(options.look_again),
            project: ProjectTeller::new(),
            ahead: Ahead::new(),
            actions: Actions::new(),
            shown: ShownDocuments::default(),
            traces: TraceRing::new(options.trace_sink.clone()),
            counters: Counters::default(),
            change_turns: TurnTimes::default(),
            is_initialized: false,
            is_shut_down: false,
            options,
        }
    }

    /// One turn.
    pub(crate) fn handle(&mut self, event: Event) {
        match event {
            Event::Initialize { params, reply } => handlers::initialize::handle(self, &params, reply),
            Event::Notification(notification) => match notification {
                Notification::Initialized => handlers::initialize::initialized(self),
                Notification::DidOpen(params) => handlers::did_open::handle(self, params),
                Notification::DidChange(params) => handlers::did_change::handle(self, params),
                Notification::UnreadableChange { uri } => handlers::did_change::unreadable(self, &uri),
                Notification::DidClose(params) => handlers::did_close::handle(self, &params),
                Notification::DidChangeWatchedFiles(params) => {
                    handlers::did_change_watched_files::handle(self, &params);
                }
                Notification::DidChangeWorkspaceFolders(params) => {
                    handlers::did_change_workspace_folders::handle(self, &params);
                }
                Notification::CancelProgress(params) => actions::cancel_token(self, &params.token),
                Notification::DidSave(params) => handlers::did_save::handle(self, &params),
                Notification::DidChangeConfiguration(params) => {
                    handlers::did_change_configuration::handle(self, &params);
                }
            },
            Event::Request { id, reply, .. } if self.requests.contains(&id) || self.actions.contains(&id) => {
                let _ = reply.send(Err(Error::invalid_request()));
            }
            Event::Request { id, request, reply } => match request {
                Request::InlineCompletion(params) => {
                    handlers::inline_completion::handle(self, id, params, reply);
                }
                Request::Completion(params) => handlers::completion::handle(self, id, &params, reply),
                Request::ExecuteCommand(params) => handlers::execute_command::handle(self, &params, reply),
                Request::CodeAction(params) => handlers::code_action::handle(self, &params, reply),
                Request::ResolveCodeAction(action) => {
                    handlers::code_action_resolve::handle(self, id, action, reply);
                }
            },
            Event::Cancel(id) => handlers::cancel_request::handle(self, &id),
            Event::Configuration(value) => handlers::did_change_configuration::pulled(self, &value),
            Event::ActionProgressAccepted { serial } => actions::progress_accepted(self, serial),
            Event::Acted { serial, news } => actions::reported(self, serial, news),
            Event::ProgressAccepted { serial } => self.progress_accepted(serial),
            Event::Load { role: ModelRole::Completion, serial, report } => self.load_reported(serial, report),
            Event::Load { role: ModelRole::Chat, serial, report } => self.chat_load_reported(serial, report),
            Event::Parsed { document, revision, tree } => {
                if let Some(document) = self.documents.by_id_mut(document) {
                    document.accept_parse(revision, tree);
                }
            }
            Event::Indexed(indexed) => self.indexed(&indexed),
            Event::Computed(outcome) => {
                suggest::computed(self, *outcome);
                self.tell_notices();
                self.tell_status();
            }
            Event::Shutdown => {
                self.is_shut_down = true;
                self.answer_all_cancelled();
            }
            // The loop ends before it comes here.
            Event::Exit => {}
        }
    }

    /// The end of the session: everything pending is answered.
    pub(crate) fn end(mut self) -> Ended {
        self.answer_all_cancelled();
        self.traces.end();
        self.shown.remove_files();
        if self.is_shut_down { Ended::Properly } else { Ended::Abruptly }
    }

    fn answer_all_cancelled(&mut self) {
        actions::cancel_all(self);
        for pending in self.requests.take_all() {
            answers::cancelled(self, pending, "the server is shutting down");
        }
    }

    /// Starts the parses that nobody waits for.
    pub(crate) fn start_background_parses(&mut self) {
        if !self.settings.enabled {
            return;
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        for document in self.documents.iter_mut().filter(|document| document.wants_parse(max_file_bytes)) {
            parse_job::start_background(document, &mut self.parses, &self.events);
        }
    }

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
                ModelState::Failed(_) => is_new,
                ModelState::Loading | ModelState::Ready(_) => settings.model != self.settings.model,
            };
        if let (Some(level), Some(sink)) = (settings.log_level, &self.options.log_level_sink)
            && settings.log_level != self.settings.log_level
        {
            sink(level);
        }
        let needs_chat = settings.enabled
            && match &self.own_chat {
                ModelState::Failed(_) => is_new,
                _ => settings.chat_model() != self.settings.chat_model(),
            };
        self.settings = Arc::new(settings);
        if is_new {
            self.ahead.stop();
            self.settings_key += 1;
            self.allotted_for = None;
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

    fn tell_status(&mut self) {
        // Before that the client may not be told anything.
        if self.is_initialized {
            status::tell(self);
        }
    }

    /// Tells what the model that computes cannot do as the settings say. Its provider can also fail while it computes.
    pub(crate) fn tell_notices(&mut self) {
        let completing = match &self.model {
            ModelState::Ready(model) => Some(&**model),
            _ => None,
        };
        let chatting = match &self.own_chat {
            ModelState::Ready(model) => Some(&**model),
            _ => None,
        };
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

    /// Counts the suggestion of a request as accepted. The client's command and the edit that it made both say so.
    pub(crate) fn accepted(&mut self, id: u64) {
        if id != self.last_accepted {
            tracing::debug!(trace = id, "accepted");
            self.last_accepted = id;
            self.counters.n_accepted += 1;
        }
    }

    /// The model that answers conversations: its own one, or the one that completes.
    pub(crate) fn chat(&self) -> &ModelState {
        if self.settings.chat.is_empty() { &self.model } else { &self.own_chat }
    }

    /// Loads the model that answers conversations, if the settings name one of its own.
    fn load_chat(&mut self) {
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

    fn chat_load_reported(&mut self, serial: u64, report: LoadReport) {
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

    /// The client may be asked and told things from now on.
    pub(crate) fn initialized(&mut self) {
        self.is_initialized = true;
        self.send_early_messages();
        match &self.model {
            ModelState::Loading => self.announce_load(),
            ModelState::Failed(error) => self.show_load_error(&error.clone()),
            ModelState::Idle | ModelState::Ready(_) => {}
        }
        self.tell_status();
    }

    fn send_early_messages(&mut self) {
        for (kind, text) in self.early_messages.drain(..) {
            self.outgoing.show(kind, text);
        }
    }

    fn announce_load(&mut self) {
        if self.client.shows_progress {
            self.outgoing.send(Message::CreateProgress { serial: self.load_serial });
        }
    }

    fn progress_accepted(&mut self, serial: u64) {
        // A load that has ended meanwhile has nothing to show: a progress that never began needs no end.
        if serial == self.load_serial && matches!(self.model, ModelState::Loading) {
            self.visible_load = Some(serial);
            let title = format!("Fimble: loading {}", self.settings.model.name());
            let value = json!({"kind": "begin", "title": title, "cancellable": false});
            self.outgoing.send(Message::Progress { serial, value });
        }
    }

    fn load_reported(&mut self, serial: u64, report: LoadReport) {
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

    fn show_load_error(&self, error: &LoadError) {
        self.outgoing.show(MessageType::Error, format!("Fimble works without suggestions: {error}"));
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
