//! The state of next edits: the followed documents with their histories, who waits, and what was sent. Invariant: a history holds
//! edits only of documents in which no secret was found; nothing of a document stays once it is forgotten; everything is bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_next_edit::{EditHistory, Gate, NextEdit};
use tower_lsp_server::jsonrpc::Id;

use crate::documents::applied_edit::AppliedEdit;
use crate::next_edit::waiting::WaitingList;
use crate::workers::Workers;

/// Edits of one document that wait until it was searched for secrets.
const MAX_HELD: usize = 256;
/// Edits that were sent and are remembered until the client says what became of them.
const MAX_SENT: usize = 64;

/// Whether the edits of a document are recorded.
enum Standing {
    /// It is being searched for secrets; its edits wait for the result of the search with this serial.
    Screening { serial: u64, held: Vec<(AppliedEdit, Duration)> },
    /// They are recorded.
    Recorded,
    /// They are not: it holds a secret, or gets no suggestions.
    LeftOut,
}

struct Followed {
    /// The folder whose documents share a history.
    folder: Arc<str>,
    standing: Standing,
}

/// An edit that was sent.
struct Sent {
    id: u64,
    edit: NextEdit,
    is_shown: bool,
}

/// The state of next edits.
pub(crate) struct NextEditState {
    followed: HashMap<String, Followed>,
    histories: HashMap<Arc<str>, EditHistory>,
    pub(crate) gate: Gate,
    /// Whether the answers of earlier sessions were asked for.
    has_asked_for_answers: bool,
    pub(crate) waiting: WaitingList,
    sent: VecDeque<Sent>,
    n_sent: u64,
    n_serials: u64,
    started: Instant,
    /// The thread that searches, for edits and for secrets.
    pub(crate) worker: Workers,
}

impl NextEditState {
    pub(crate) fn new() -> Self {
        Self {
            followed: HashMap::new(),
            histories: HashMap::new(),
            gate: Gate::new(),
            has_asked_for_answers: false,
            waiting: WaitingList::default(),
            sent: VecDeque::new(),
            n_sent: 0,
            n_serials: 0,
            started: Instant::now(),
            worker: Workers::new("fimble-next-edit", 1),
        }
    }

    /// The time of the history and the gate.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A number that no other search has.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.n_serials += 1;
        self.n_serials
    }

    /// Whether the answers of earlier sessions have to be read now: once.
    pub(crate) fn needs_answers(&mut self) -> bool {
        !std::mem::replace(&mut self.has_asked_for_answers, true)
    }

    /// How many documents are followed.
    pub(crate) fn n_followed(&self) -> usize {
        self.followed.keys().filter(|uri| self.is_followed(uri)).count()
    }

    /// Whether a document is known here, followed or left out.
    pub(crate) fn knows(&self, uri: &str) -> bool {
        self.followed.contains_key(uri)
    }

    /// Whether the edits of a document are wanted.
    pub(crate) fn is_followed(&self, uri: &str) -> bool {
        self.followed.get(uri).is_some_and(|followed| !matches!(followed.standing, Standing::LeftOut))
    }

    /// Whether it is not known yet if a document holds a secret.
    pub(crate) fn is_screening(&self, uri: &str) -> bool {
        self.followed.get(uri).is_some_and(|followed| matches!(followed.standing, Standing::Screening { .. }))
    }

    /// The folder of a document whose edits are recorded.
    pub(crate) fn folder_of_recorded(&self, uri: &str) -> Option<&Arc<str>> {
        let followed = self.followed.get(uri)?;
        matches!(followed.standing, Standing::Recorded).then_some(&followed.folder)
    }

    /// The history that a document is a part of, if its edits are recorded and there are some.
    pub(crate) fn history_of(&self, uri: &str) -> Option<&EditHistory> {
        let history = self.histories.get(self.folder_of_recorded(uri)?)?;
        (!history.hunks().is_empty()).then_some(history)
    }

    /// Follows a document from now on. Returns the serial of the search for secrets that has to be made first.
    pub(crate) fn follow(&mut self, uri: &str, folder: &str) -> u64 {
        let serial = self.next_serial();
        let standing = Standing::Screening { serial, held: Vec::new() };
        self.followed.insert(uri.to_owned(), Followed { folder: Arc::from(folder), standing });
        serial
    }

    /// A followed document has to be searched anew, with these edits. Returns the serial of the search.
    pub(crate) fn screen_again(&mut self, uri: &str, edits: Vec<AppliedEdit>) -> Option<u64> {
        let serial = self.next_serial();
        let now = self.now();
        let followed = self.followed.get_mut(uri)?;
        let mut kept = match std::mem::replace(&mut followed.standing, Standing::LeftOut) {
            Standing::Screening { held, .. } => held,
            Standing::Recorded | Standing::LeftOut => Vec::new(),
        };
        kept.extend(edits.into_iter().map(|edit| (edit, now)));
        followed.standing = Standing::Screening { serial, held: kept };
        self.limit_held(uri);
        Some(serial)
    }

    /// Adds edits, now or once the document is known to hold no secret.
    pub(crate) fn record(&mut self, uri: &str, edits: Vec<AppliedEdit>) {
        let now = self.now();
        let Some(followed) = self.followed.get_mut(uri) else { return };
        match &mut followed.standing {
            Standing::Screening { held, .. } => {
                held.extend(edits.into_iter().map(|edit| (edit, now)));
                self.limit_held(uri);
            }
            Standing::Recorded => {
                let history = self.histories.entry(Arc::clone(&followed.folder)).or_default();
                for AppliedEdit { before, edit, after } in edits {
                    history.record(uri, &before, &edit, &after, now);
                }
            }
            Standing::LeftOut => {}
        }
    }

    /// A document was searched for secrets. The result of an older search changes nothing.
    pub(crate) fn screened(&mut self, uri: &str, serial: u64, is_clean: bool) {
        let Some(followed) = self.followed.get_mut(uri) else { return };
        let held = match &mut followed.standing {
            Standing::Screening { serial: awaited, held } if *awaited == serial => std::mem::take(held),
            _ => return,
        };
        if !is_clean {
            return self.leave_out(uri);
        }
        followed.standing = Standing::Recorded;
        let history = self.histories.entry(Arc::clone(&followed.folder)).or_default();
        for (AppliedEdit { before, edit, after }, at) in held {
            history.record(uri, &before, &edit, &after, at);
        }
    }

    /// Removes the edits of a document, and adds no others.
    pub(crate) fn leave_out(&mut self, uri: &str) {
        if let Some(followed) = self.followed.get_mut(uri) {
            followed.standing = Standing::LeftOut;
            let folder = Arc::clone(&followed.folder);
            self.remove_edits(uri, &folder);
        }
    }

    /// A document is gone.
    pub(crate) fn forget(&mut self, uri: &str) {
        if let Some(followed) = self.followed.remove(uri) {
            self.remove_edits(uri, &followed.folder);
        }
    }

    /// All documents.
    pub(crate) fn forget_all(&mut self) {
        self.followed.clear();
        self.histories.clear();
        self.sent.clear();
    }

    /// Remembers an edit that is sent, and returns its number.
    pub(crate) fn send(&mut self, edit: NextEdit) -> u64 {
        self.n_sent += 1;
        if self.sent.len() == MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { id: self.n_sent, edit, is_shown: false });
        self.n_sent
    }

    /// Whether this is the first time that an edit is said to be shown.
    pub(crate) fn is_first_time_shown(&mut self, id: u64) -> bool {
        let sent = self.sent.iter_mut().find(|sent| sent.id == id);
        sent.is_some_and(|sent| !std::mem::replace(&mut sent.is_shown, true))
    }

    /// Takes an edit that was sent: it was accepted or dismissed.
    pub(crate) fn take_sent(&mut self, id: u64) -> Option<NextEdit> {
        let at = self.sent.iter().position(|sent| sent.id == id)?;
        Some(self.sent.remove(at)?.edit)
    }

    /// Whether the request with this id waits.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.waiting.contains(id)
    }

    /// A completion needs the processor: stops the searches for edits, which start again later.
    pub(crate) fn preempt(&mut self) {
        self.waiting.preempt();
    }

    /// Edits that came faster than the document could be searched are no edits of a user.
    fn limit_held(&mut self, uri: &str) {
        let held = self.followed.get(uri).map_or(0, |followed| match &followed.standing {
            Standing::Screening { held, .. } => held.len(),
            Standing::Recorded | Standing::LeftOut => 0,
        });
        if held > MAX_HELD {
            self.leave_out(uri);
        }
    }

    fn remove_edits(&mut self, uri: &str, folder: &Arc<str>) {
        if let Some(history) = self.histories.get_mut(folder) {
            history.forget(uri);
        }
        if !self.followed.values().any(|followed| followed.folder == *folder) {
            self.histories.remove(folder);
        }
        self.sent.retain(|sent| *sent.edit.document != *uri);
    }
}

#[cfg(test)]
mod tests {
    use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};

    use super::*;

    const URI: &str = "file:///w/a.rs";

    /// An insertion at the start of a text.
    fn edit(text: &str) -> AppliedEdit {
        let before = Text::new("fn main() {}\n");
        let mut document = Document::new(before.clone(), 1);
        let change = TextChange::Part { range: PositionRange::default(), text: text.to_owned() };
        let mut applied = None;
        let on_edit = |after: &Text, edit| applied = Some((edit, after.clone()));
        document.apply(2, &[change], PositionEncoding::Utf8, on_edit).unwrap();
        let (edit, after) = applied.unwrap();
        AppliedEdit { before, edit, after }
    }

    fn n_hunks(state: &NextEditState) -> usize {
        state.history_of(URI).map_or(0, |history| history.hunks().len())
    }

    #[test]
    fn edits_wait_for_the_search_for_secrets() {
        let mut state = NextEditState::new();
        let first = state.follow(URI, "/w/");
        state.record(URI, vec![edit("// one\n")]);
        let second = state.screen_again(URI, Vec::new()).unwrap();
        state.screened(URI, first, true);
        assert!(state.is_screening(URI) && n_hunks(&state) == 0, "the result of an older search");
        state.screened(URI, second, true);
        assert_eq!((state.is_screening(URI), n_hunks(&state)), (false, 1));
    }

    #[test]
    fn nothing_stays_of_a_document_that_is_left_out_or_forgotten() {
        let mut state = NextEditState::new();
        for leave in [NextEditState::leave_out, NextEditState::forget] {
            let serial = state.follow(URI, "/w/");
            state.screened(URI, serial, true);
            state.record(URI, vec![edit("// one\n")]);
            assert_eq!(n_hunks(&state), 1);
            leave(&mut state, URI);
            state.record(URI, vec![edit("// two\n")]);
            assert!(!state.is_followed(URI));
            assert!(state.histories.values().all(|history| history.hunks().is_empty()));
        }
        let serial = state.follow(URI, "/w/");
        state.record(URI, vec![edit("let secret;\n")]);
        state.screened(URI, serial, false);
        assert!(!state.is_followed(URI) && n_hunks(&state) == 0);
    }

    #[test]
    fn a_flood_of_edits_before_the_search_is_not_kept() {
        let mut state = NextEditState::new();
        let serial = state.follow(URI, "/w/");
        state.record(URI, vec![edit("// one\n"); MAX_HELD + 1]);
        state.screened(URI, serial, true);
        assert!(!state.is_followed(URI) && n_hunks(&state) == 0);
    }
}
