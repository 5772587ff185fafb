//! The actions under way. Invariant: each action has one destination; at most one question is read ahead.

use std::collections::HashMap;
use std::ops::Range;

use fimble_actions::ActionKind;
use fimble_model::CancelToken;
use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::actions::data::Destination;
use crate::documents::snapshot::DocumentSnapshot;
use crate::outgoing::ProgressOwner;
use crate::workers::Workers;

/// Actions that are computed at once. The model does one at a time.
const MAX_THREADS: usize = 2;

/// An action under way.
pub(crate) struct RunningAction {
    pub(crate) kind: ActionKind,
    pub(crate) uri: String,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) version: i32,
    pub(crate) cancel: CancelToken,
    pub(crate) destination: Destination,
    /// Whether the client shows its progress.
    pub(crate) is_visible: bool,
    /// How far it is, in words, for a client that shows progress late.
    pub(crate) message: Option<String>,
}

/// All actions under way.
pub(crate) struct Actions {
    pub(crate) by_serial: HashMap<u64, RunningAction>,
    pub(crate) n_started: u64,
    pub(crate) workers: Workers,
    /// The thread that reads questions ahead.
    pub(crate) readers: Workers,
    /// The question that is read ahead, or was last.
    pub(crate) read_ahead: Option<ReadAhead>,
}

/// A question that is read ahead.
pub(crate) struct ReadAhead {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) selection: Range<usize>,
    pub(crate) cancel: CancelToken,
}

impl Actions {
    pub(crate) fn new() -> Self {
        let workers = Workers::new("fimble-act", MAX_THREADS);
        let readers = Workers::new("fimble-read", 1);
        Self { by_serial: HashMap::new(), n_started: 0, workers, readers, read_ahead: None }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.by_serial.len()
    }

    /// Whether the request with this id waits for one of them.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.serial_of(id).is_some()
    }

    /// The action that the request with this id waits for.
    pub(crate) fn serial_of(&self, id: &Id) -> Option<u64> {
        self.by_serial.iter().find_map(|(serial, running)| match &running.destination {
            Destination::Resolve { id: waiting, .. } if waiting == id => Some(*serial),
            _ => None,
        })
    }

    /// The running action with this progress token.
    pub(crate) fn serial_of_token(&self, wanted: &Value) -> Option<u64> {
        self.by_serial.keys().copied().find(|serial| *wanted == ProgressOwner::Action(*serial).token())
    }

    /// Ends what is read ahead.
    pub(crate) fn stop_reading_ahead(&mut self) {
        if let Some(ahead) = self.read_ahead.take() {
            ahead.cancel.cancel();
        }
    }
}
