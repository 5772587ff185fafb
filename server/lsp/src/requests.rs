//! The requests that wait for an answer. Must hold: each id is answered exactly once; of each document and method at most
//! one request waits, because a newer one supersedes it; whoever is answered has its work cancelled, unless the newer one
//! takes the work over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use fimble_completion::agrees;
use fimble_document::Text;
use fimble_model::CancelToken;
use tower_lsp_server::jsonrpc::Id;

use crate::event::Reply;
use crate::partial::JobProgress;
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
    /// Its work; none while it waits for the model to be loaded.
    pub(crate) running: Option<Running>,
    /// When the small model is to be asked, too.
    pub(crate) small_model_at: Option<Instant>,
}

impl Pending {
    /// Whether its model has written nothing yet.
    pub(crate) fn has_no_text(&self) -> bool {
        let is_blank = |text: &str| text.trim().is_empty();
        self.running.as_ref().is_some_and(|running| running.progress.with_text(is_blank))
    }
}

/// Work that has begun.
pub(crate) struct Running {
    /// The text that it sees.
    pub(crate) text: Text,
    /// The cursor that it sees.
    pub(crate) offset: usize,
    /// The settings and the model that it uses.
    pub(crate) settings_key: u64,
    /// Whether a selected item is a part of what it sees.
    pub(crate) has_selected: bool,
    /// What the model has written until now.
    pub(crate) progress: Arc<JobProgress>,
    /// Whether it was begun for an earlier request, with which this one agrees.
    pub(crate) is_kept: bool,
}

impl Running {
    /// Whether what it will answer is expected to answer this place as well: the same, or reached by typing what the
    /// model said.
    pub(crate) fn agrees_with(&self, text: &Text, offset: usize, settings_key: u64) -> bool {
        settings_key == self.settings_key
            && !self.has_selected
            && self.progress.with_text(|so_far| agrees(&self.text, self.offset, so_far, text, offset))
    }
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
        let serial = self.next_serial();
        self.by_serial.insert(serial, pending);
        serial
    }

    /// A number that no other work reports under.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.n_registered += 1;
        self.n_registered
    }

    /// Registers a request that takes over the work of another one, which must have been taken.
    pub(crate) fn register_under(&mut self, serial: u64, pending: Pending) {
        self.by_serial.insert(serial, pending);
    }

    /// Takes a request of a document and method whose work is wanted, and lets that work go on.
    pub(crate) fn take_running(
        &mut self,
        document: u64,
        method: TraceMethod,
        is_wanted: impl Fn(&Running) -> bool,
    ) -> Option<(u64, Pending)> {
        let serial = self.by_serial.iter().find_map(|(serial, pending)| {
            let is_rival = pending.place.document == document && pending.trace.method == method;
            (is_rival && pending.running.as_ref().is_some_and(&is_wanted)).then_some(*serial)
        })?;
        self.by_serial.remove(&serial).map(|pending| (serial, pending))
    }

    /// The requests for which the small model is to be asked now, and when the next one is. Each is named once.
    pub(crate) fn due_for_small_model(&mut self, now: Instant) -> (Vec<u64>, Option<Instant>) {
        let (mut due, mut next) = (Vec::new(), None);
        for (serial, pending) in &mut self.by_serial {
            match pending.small_model_at {
                Some(at) if at <= now => {
                    pending.small_model_at = None;
                    due.push(*serial);
                }
                Some(at) => next = Some(next.map_or(at, |next: Instant| next.min(at))),
                None => {}
            }
        }
        (due, next)
    }

    /// Whether a request with this id waits.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.by_serial.values().any(|pending| pending.id == *id)
    }

    /// The request that this work is for, if it was not answered meanwhile.
    pub(crate) fn peek(&self, serial: u64) -> Option<&Pending> {
        self.by_serial.get(&serial)
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
        self.take_where(|pending| pending.running.is_none())
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
