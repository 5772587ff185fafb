//! All state, with one owner: the loop. Invariant: everything in here is valid after each statement that can panic, so that a panic
//! in one turn leaves a session that works.

use std::sync::Arc;

use serde_json::Value;

use crate::actions::state::Actions;
use crate::completion::job::Reporters;
use crate::completion::state::CompletionState;
use crate::documents::open_documents::Documents;
use crate::event::{Event, EventSender};
use crate::messages::UserMessages;
use crate::models::loaded::Models;
use crate::models::notices::Notices;
use crate::next_edit::state::NextEditState;
use crate::options::ServerOptions;
use crate::outgoing::Outgoing;
use crate::previews::state::Previews;
use crate::protocol::client_facts::ClientFacts;
use crate::settings::{Settings, SettingsLayers, SettingsProblem};
use crate::trace::counters::Counters;
use crate::trace::ring::TraceRing;
use crate::trace::turn_times::TurnTimes;
use crate::workers::Workers;
use crate::workspace::index::WorkspaceIndex;
use crate::workspace::memory_state::ProjectMemory;

/// The state. Each part owns its own.
pub(crate) struct Session {
    // The connection.
    pub(crate) events: EventSender,
    pub(crate) outgoing: Outgoing,
    pub(crate) options: ServerOptions,
    pub(crate) client: ClientFacts,
    pub(crate) messages: UserMessages,
    /// The status that the client was sent last.
    pub(crate) sent_status: Option<Value>,
    /// Whether the client has finished its initialization.
    pub(crate) is_initialized: bool,
    pub(crate) is_shut_down: bool,
    // The settings.
    pub(crate) settings: Arc<Settings>,
    pub(crate) settings_layers: SettingsLayers,
    /// Problems of settings that were shown.
    pub(crate) shown_problems: Vec<SettingsProblem>,
    // The parts.
    pub(crate) documents: Documents,
    pub(crate) models: Models,
    pub(crate) notices: Notices,
    pub(crate) completion: CompletionState,
    pub(crate) next_edit: NextEditState,
    pub(crate) actions: Actions,
    pub(crate) previews: Previews,
    pub(crate) index: WorkspaceIndex,
    pub(crate) memory: ProjectMemory,
    // What is recorded.
    pub(crate) traces: TraceRing,
    pub(crate) counters: Counters,
    /// How long edits kept the loop busy.
    pub(crate) change_turns: TurnTimes,
    /// The thread for parses and for freeing what takes long to free.
    pub(crate) background: Workers,
}

impl Session {
    pub(crate) fn new(events: EventSender, outgoing: Outgoing, options: ServerOptions) -> Self {
        let reporters = Reporters {
            parsed: events.reporter(Event::Parsed),
            partial: events.reporter(|partial| Event::PartialText(Box::new(partial))),
            outcome: events.reporter(|outcome| Event::Computed(Box::new(outcome))),
        };
        let mut messages = UserMessages::new(outgoing.clone());
        options.notice.iter().for_each(|notice| messages.warn(notice.clone()));
        Self {
            events,
            outgoing,
            client: ClientFacts::default(),
            messages,
            sent_status: None,
            is_initialized: false,
            is_shut_down: false,
            settings: Arc::default(),
            settings_layers: SettingsLayers::default(),
            shown_problems: Vec::new(),
            documents: Documents::default(),
            models: Models::new(),
            notices: Notices::default(),
            completion: CompletionState::new(reporters),
            next_edit: NextEditState::new(),
            actions: Actions::new(),
            previews: Previews::new(options.document_folder.as_deref()),
            index: WorkspaceIndex::new(options.look_again),
            memory: ProjectMemory::new(),
            traces: TraceRing::new(options.trace_sink.clone()),
            counters: Counters::default(),
            change_turns: TurnTimes::default(),
            background: Workers::new("fimble-parse", 1),
            options,
        }
    }

    /// Frees a value on a thread of its own: freeing a model can take long.
    pub(crate) fn drop_in_background<T: Send + 'static>(&mut self, value: T) {
        self.background.spawn(move || drop(value));
    }
}
