//! Who waits for a next edit. Invariant: of each kind at most one waits; what is taken from the list has to be answered.

use std::time::Instant;

use fimble_model::CancelToken;
use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::event::Reply;
use crate::trace::RequestTrace;

/// A request for a next edit.
pub(crate) struct Requester {
    pub(crate) id: Id,
    pub(crate) reply: Reply,
    pub(crate) trace: RequestTrace,
    pub(crate) received: Instant,
}

/// Who waits.
pub(crate) enum Asker {
    /// A request for a next edit.
    Edit(Box<Requester>),
    /// A request for code actions, with the other actions of its answer.
    Actions { id: Id, reply: Reply, actions: Vec<Value> },
}

impl Asker {
    fn id(&self) -> &Id {
        match self {
            Self::Edit(requester) => &requester.id,
            Self::Actions { id, .. } => id,
        }
    }

    fn is_for_actions(&self) -> bool {
        matches!(self, Self::Actions { .. })
    }
}

/// The search for a request.
pub(crate) struct Running {
    pub(crate) serial: u64,
    pub(crate) cancel: CancelToken,
}

/// One that waits, and what it asked about.
pub(crate) struct Waiting {
    pub(crate) asker: Asker,
    pub(crate) uri: String,
    pub(crate) document: u64,
    pub(crate) offset: usize,
    /// Whether the word at the cursor is not being typed any more.
    pub(crate) is_at_rest: bool,
    /// Whether the user asked.
    pub(crate) is_explicit: bool,
    pub(crate) has_selection: bool,
    pub(crate) completion_shown: bool,
    /// None until its search starts, and after it was preempted by a completion.
    pub(crate) running: Option<Running>,
}

/// All that wait.
#[derive(Default)]
pub(crate) struct WaitingList(Vec<Waiting>);

impl WaitingList {
    /// Adds one, and returns the one of its kind that waited before.
    pub(crate) fn add(&mut self, waiting: Waiting) -> Option<Waiting> {
        let is_for_actions = waiting.asker.is_for_actions();
        let before = self.take_where(|other| other.asker.is_for_actions() == is_for_actions).pop();
        self.0.push(waiting);
        before
    }

    /// Whether the request with this id waits.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.0.iter().any(|waiting| waiting.asker.id() == id)
    }

    /// Takes those whose search has not started. Each has to be put back, or answered.
    pub(crate) fn take_idle(&mut self) -> Vec<Waiting> {
        self.take_where(|waiting| waiting.running.is_none())
    }

    /// Puts one back that was taken.
    pub(crate) fn put_back(&mut self, waiting: Waiting) {
        self.0.push(waiting);
    }

    /// Stops all searches; they start again when the loop has nothing else to do.
    pub(crate) fn preempt(&mut self) {
        for running in self.0.iter_mut().filter_map(|waiting| waiting.running.take()) {
            running.cancel.cancel();
        }
    }

    /// Takes the one whose search has this serial; none if it was answered, or its search stopped.
    pub(crate) fn take_finished(&mut self, serial: u64) -> Option<Waiting> {
        self.take_where(|waiting| waiting.running.as_ref().is_some_and(|running| running.serial == serial))
            .pop()
    }

    /// Takes the request with this id.
    pub(crate) fn take_by_id(&mut self, id: &Id) -> Option<Waiting> {
        self.take_where(|waiting| waiting.asker.id() == id).pop()
    }

    /// Takes those of a document.
    pub(crate) fn take_of_document(&mut self, document: u64) -> Vec<Waiting> {
        self.take_where(|waiting| waiting.document == document)
    }

    /// Takes all.
    pub(crate) fn take_all(&mut self) -> Vec<Waiting> {
        self.take_where(|_| true)
    }

    fn take_where(&mut self, is_wanted: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|waiting| is_wanted(waiting));
        self.0 = kept;
        let taken: Vec<Waiting> = taken;
        for running in taken.iter().filter_map(|waiting| waiting.running.as_ref()) {
            running.cancel.cancel();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn waiting(id: i64, running: Option<Running>) -> Waiting {
        let (reply, _) = oneshot::channel();
        Waiting {
            asker: Asker::Actions { id: Id::Number(id), reply, actions: Vec::new() },
            uri: "file:///a.rs".to_owned(),
            document: 1,
            offset: 0,
            is_at_rest: true,
            is_explicit: true,
            has_selection: false,
            completion_shown: false,
            running,
        }
    }

    #[test]
    fn a_search_that_is_preempted_starts_again_and_its_result_is_dropped() {
        let mut list = WaitingList::default();
        let cancel = CancelToken::new();
        assert!(list.add(waiting(1, Some(Running { serial: 7, cancel: cancel.clone() }))).is_none());
        list.preempt();
        assert!(cancel.is_cancelled() && list.take_finished(7).is_none());
        let mut idle = list.take_idle();
        assert_eq!(idle.len(), 1);
        let again = idle.pop().unwrap();
        list.put_back(Waiting { running: Some(Running { serial: 8, cancel: CancelToken::new() }), ..again });
        assert!(list.take_idle().is_empty() && list.take_finished(8).is_some());
    }

    #[test]
    fn a_newer_request_takes_the_place_of_the_older_one() {
        let mut list = WaitingList::default();
        let cancel = CancelToken::new();
        list.add(waiting(1, Some(Running { serial: 1, cancel: cancel.clone() })));
        let before = list.add(waiting(2, None));
        assert!(before.is_some_and(|before| *before.asker.id() == Id::Number(1)) && cancel.is_cancelled());
        assert!(!list.contains(&Id::Number(1)) && list.contains(&Id::Number(2)));
        assert!(list.take_by_id(&Id::Number(2)).is_some() && list.take_all().is_empty());
    }
}
