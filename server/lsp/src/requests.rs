//! The requests that wait for an answer. Must hold: each id is answered exactly once; of each document and method at most
//! one request waits, because a newer one supersedes it; whoever is answered has its work cancelled.

use std::collections::HashMap;
use std::time::Instant;

use fimble_model::CancelToken;
use tower_lsp_server::jsonrpc::Id;

use crate::event::Reply;
use crate::suggest::Place;
use crate::trace::{RequestTrace, TraceMethod};

/// A request that is being computed, or that waits for the model to be loaded.
pub(crate) struct Pending {
    pub(crate) id: Id,
    pub(crate) reply: Reply,
    /// What it is about.
    pub(crate) place: Place,
    /// When it was read.
    pub(crate) received: Instant,
    /// Stops its work.
    pub(crate) cancel: CancelToken,
    /// The trace so far.
    pub(crate) trace: RequestTrace,
    /// Whether it waits for the model and no work has begun.
    pub(crate) is_parked: bool,
}

/// All pending requests.
#[derive(Default)]
pub(crate) struct Requests {
    by_serial: HashMap<u64, Pending>,
    n_registered: u64,
}

impl Requests {
    /// Registers a request and returns the number that its work reports under. (A client may use an id again once it was
    /// answered; late work for the old one must not answer the new one.)
    pub(crate) fn register(&mut self, pending: Pending) -> u64 {
        self.n_registered += 1;
        self.by_serial.insert(self.n_registered, pending);
        self.n_registered
    }

    /// Whether a request with this id waits.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.by_serial.values().any(|pending| pending.id == *id)
    }

    /// Takes the request that this work is for; none if it was answered meanwhile.
    pub(crate) fn take(&mut self, serial: u64) -> Option<Pending> {
        self.by_serial.remove(&serial)
    }

    /// Takes the request with this id and cancels its work.
    pub(crate) fn take_by_id(&mut self, id: &Id) -> Option<Pending> {
        self.take_where(|pending| pending.id == *id).pop()
    }

    /// Takes the requests of a document and method and cancels their work.
    pub(crate) fn take_superseded(&mut self, document: u64, method: TraceMethod) -> Vec<Pending> {
        self.take_where(|pending| pending.place.document == document && pending.trace.method == method)
    }

    /// Takes all requests of a document and cancels their work.
    pub(crate) fn take_of_document(&mut self, document: u64) -> Vec<Pending> {
        self.take_where(|pending| pending.place.document == document)
    }

    /// Takes the requests that wait for the model, in the order in which they came.
    pub(crate) fn take_parked(&mut self) -> Vec<Pending> {
        self.take_where(|pending| pending.is_parked)
    }

    /// Takes all and cancels their work.
    pub(crate) fn take_all(&mut self) -> Vec<Pending> {
        self.take_where(|_| true)
    }

    fn take_where(&mut self, is_wanted: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let mut serials: Vec<u64> = self
            .by_serial
            .iter()
            .filter(|(_, pending)| is_wanted(pending))
            .map(|(serial, _)| *serial)
            .collect();
        serials.sort_unstable();
        let taken: Vec<Pending> = serials.iter().filter_map(|serial| self.by_serial.remove(serial)).collect();
        for pending in &taken {
            pending.cancel.cancel();
        }
        taken
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.by_serial.len()
    }
}
