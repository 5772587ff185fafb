//! All state, with one owner: the loop. Must hold: everything in here is valid after each statement that can panic, so
//! that a panic in one turn leaves a session that works.

mod applying;
mod loading;

use std::sync::Arc;

use fimble_completion::SuggestionCache;
use tower_lsp_server::gen_lsp_types::MessageType;
use tower_lsp_server::jsonrpc::Error;

use crate::actions::{self, Actions};
use crate::ahead::Ahead;
use crate::allotment::AllottedFor;
use crate::answers;
use crate::capabilities::ClientFacts;
use crate::counters::Counters;
use crate::documents::Documents;
use crate::event::{Event, EventSender, Notification, Request};
use crate::handlers;
use crate::model_state::{ModelRole, ModelState};
use crate::notices::Notices;
use crate::outgoing::Outgoing;
use crate::parse_job;
use crate::partial;
use crate::project::ProjectTeller;
use crate::requests::Requests;
use crate::server::{Ended, ServerOptions};
use crate::settings::{Settings, SettingsLayers, SettingsProblem};
use crate::shown::ShownSuggestion;
use crate::shown_documents::ShownDocuments;
use crate::small_first;
use crate::status::ToldStatus;
use crate::suggest;
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
    /// Tells loads of the model apart.
    load_serial: u64,
    chat_serial: u64,
    model_serial: u64,
    /// What the wanted model is called, once that is known.
    wanted_name: Option<String>,
    /// The load whose progress the client shows.
    visible_load: Option<u64>,
    pub(crate) status: ToldStatus,
    pub(crate) completions: Workers,
    /// Filters of suggestions that are still being written.
    pub(crate) partials: Workers,
    /// See [`small_first`].
    pub(crate) small_workers: Workers,
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
            model_serial: 0,
            wanted_name: None,
            visible_load: None,
            status: ToldStatus::default(),
            completions: Workers::new("fimble-complete", MAX_COMPLETION_THREADS),
            partials: Workers::new("fimble-partial", 1),
            small_workers: small_first::workers(),
            parses: Workers::new("fimble-parse", 1),
            index: WorkspaceIndex::new(options.look_again),
            project: ProjectTeller::new(),
            ahead: Ahead::new(),
            actions: Actions::new(),
            shown: ShownDocuments::new(options.document_folder.as_deref()),
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
                Notification::Cursor(params) => handlers::cursor::handle(self, params),
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
            Event::Parsed { document, revision, parsed } => {
                if let Some(document) = self.documents.by_id_mut(document) {
                    document.accept_parse(revision, parsed);
                }
            }
            Event::Indexed(indexed) => self.indexed(&indexed),
            Event::Computed(outcome) => {
                suggest::computed(self, *outcome);
                self.tell_notices();
                self.tell_status();
            }
            Event::Written(written) => partial::written(self, *written),
            Event::PartlyComputed(outcome) => partial::computed(self, *outcome),
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

    /// Counts the suggestion of a request as accepted. The client's command and the edit that it made both say so.
    pub(crate) fn accepted(&mut self, id: u64) {
        if id != self.last_accepted {
            tracing::debug!(trace = id, "accepted");
            self.last_accepted = id;
            self.counters.n_accepted += 1;
        }
    }

    /// The client may be asked and told things from now on.
    pub(crate) fn initialized(&mut self) {
        self.is_initialized = true;
        self.send_early_messages();
        match &self.model {
            ModelState::Loading(_) => self.announce_load(),
            ModelState::Failed(..) => self.show_load_error(),
            ModelState::Idle | ModelState::Ready { .. } => {}
        }
        self.tell_status();
    }
}
