//! Work that nobody waits for yet: reading a prompt before it is asked about (warm-up), and completing what comes behind a
//! suggestion that was just shown, as if it were accepted (look-ahead). Must hold: it starts only when no event and no
//! request waits; at most one piece of it runs; whatever makes it pointless cancels it, and a real request that needs the
//! model always does, unless the work is the answer to that request.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{Suggestion, Trigger, place_key};
use fimble_document::Text;
use fimble_model::CancelToken;

use crate::completion_job::{self, CompletionJob, DocumentSnapshot, Purpose};
use crate::model_state::ModelState;
use crate::requests::Running;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;
use crate::suggest::{Ask, new_trace};
use crate::trace::TraceMethod;
use crate::workers::Workers;

/// Bytes of code for one token, roughly, to guess how much of a new document a first prompt can hold.
const BYTES_PER_TOKEN: usize = 3;
/// The part of a window that is surely read: it begins at the start of the file as long as that much stands above.
const FIRST_WINDOW_TOKENS: usize = 256;

/// What is to be done, what is being done, and what was done last.
pub(crate) struct Ahead {
    workers: Workers,
    /// A suggestion that was shown at this revision of a document.
    shown: Option<(u64, u64, Suggestion)>,
    /// A place of a document whose prompt is to be read.
    unread: Option<(u64, usize)>,
    /// Whether the client has asked since the last key.
    has_asked: bool,
    running: Option<RunningAhead>,
    /// The last place that was looked ahead to, with the settings, whatever came of it.
    last_looked_at: Option<LookedAt>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct LookedAt {
    document: u64,
    settings_key: u64,
    place: (u64, u64),
}

/// A piece of work that has begun.
struct RunningAhead {
    serial: u64,
    document: u64,
    cancel: CancelToken,
    /// None for a warm-up, which answers nothing.
    look: Option<(LookedAt, Running)>,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self {
            workers: Workers::new("fimble-ahead", 1),
            shown: None,
            unread: None,
            has_asked: false,
            running: None,
            last_looked_at: None,
        }
    }

    /// A suggestion was shown: what comes behind it may be wanted next.
    pub(crate) fn was_shown(&mut self, document: u64, revision: u64, suggestion: &Suggestion) {
        self.shown = Some((document, revision, suggestion.clone()));
    }

    /// The prompt of this place was not read, and is likely to be asked about.
    pub(crate) fn expect(&mut self, document: u64, offset: usize) {
        self.unread = Some((document, offset));
    }

    /// A request came: this client asks about what is typed.
    pub(crate) fn asked(&mut self) {
        self.has_asked = true;
    }

    /// A key was typed, and the cursor is here. Clients wait a while after a key before they ask: time to read. Where keys
    /// come faster than questions, most of them are not read.
    pub(crate) fn typed(&mut self, document: u64, offset: usize) {
        if std::mem::take(&mut self.has_asked) {
            self.expect(document, offset);
        }
    }

    /// The same as [`Self::expect`] for a document that was opened just now, whose cursor is unknown: the place up to which
    /// all that stands above surely fits, so that what was read serves every place before it.
    pub(crate) fn opened(&mut self, document: u64, text: &Text) {
        let at = text.floor_char_boundary(text.len().min(FIRST_WINDOW_TOKENS * BYTES_PER_TOKEN));
        self.expect(document, text.line_start(text.line_of(at)));
    }

    /// A request is about to ask the model, and reads its prompt itself.
    pub(crate) fn give_way(&mut self) {
        self.stop();
        self.shown = None;
        self.unread = None;
    }

    /// Stops what runs.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancel.cancel();
            if running.look.is_some() {
                // It came to nothing, and may be tried again.
                self.last_looked_at = None;
            }
        }
    }

    /// A document is gone.
    pub(crate) fn forget(&mut self, document: u64) {
        if self.running.as_ref().is_some_and(|running| running.document == document) {
            self.stop();
        }
        self.shown.take_if(|(shown, _, _)| *shown == document);
        self.unread.take_if(|(unread, _)| *unread == document);
    }

    /// Work has reported.
    pub(crate) fn reported(&mut self, serial: u64) {
        self.running.take_if(|running| running.serial == serial);
    }

    /// Hands the running look-ahead over to a request for the place that it looks ahead to.
    pub(crate) fn take_agreeing(
        &mut self,
        document: u64,
        is_wanted: impl Fn(&Running) -> bool,
    ) -> Option<(u64, Running, CancelToken)> {
        let running = self.running.take_if(|running| {
            let look = running.look.as_ref();
            running.document == document && look.is_some_and(|(_, running)| is_wanted(running))
        })?;
        let (_, work) = running.look?;
        Some((running.serial, work, running.cancel))
    }
}

impl Session {
    /// Starts what nobody waits for yet. To be called when no event waits.
    pub(crate) fn start_ahead(&mut self) {
        let is_allowed = self.settings.enabled && self.settings.look_ahead != AutoAlwaysNever::Never;
        if !is_allowed {
            self.ahead.give_way();
            return;
        }
        if self.requests.len() > 0 || !matches!(self.model, ModelState::Ready(_)) {
            return;
        }
        if let Some((document, revision, suggestion)) = self.ahead.shown.take() {
            self.look_ahead(document, revision, &suggestion);
        } else if self.ahead.running.is_none()
            && let Some((document, offset)) = self.ahead.unread.take()
        {
            self.warm_up(document, offset);
        }
    }

    fn look_ahead(&mut self, id: u64, revision: u64, suggestion: &Suggestion) {
        let document = self.documents.by_id(id).filter(|document| document.revision == revision);
        let Some((snapshot, offset)) = document.and_then(|document| document.if_accepted(suggestion)) else {
            return;
        };
        let place = place_key(&snapshot.text, offset);
        let looked_at = LookedAt { document: id, settings_key: self.settings_key, place };
        let at_work = self.ahead.running.as_ref().and_then(|running| running.look.as_ref());
        if at_work.is_some_and(|(at_work, _)| *at_work == looked_at)
            || self.ahead.last_looked_at == Some(looked_at)
        {
            return;
        }
        self.ahead.stop();
        self.ahead.last_looked_at = Some(looked_at);
        self.spawn_ahead(snapshot, offset, Some(looked_at));
    }

    fn warm_up(&mut self, id: u64, offset: usize) {
        if !self.options.warm_up {
            return;
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        let Some(document) = self.documents.by_id(id) else { return };
        if !document.is_in_sync() || document.unfit().is_some() || document.text().len() > max_file_bytes {
            return;
        }
        let text = document.text().clone();
        let key = self.suggestions_key(self.settings_key, id, &text, offset);
        // Answered without the model.
        if self.suggestions.knows(id, &text, offset, key) {
            return;
        }
        let Some(document) = self.documents.by_id_mut(id) else { return };
        let snapshot = document.snapshot(max_file_bytes);
        self.spawn_ahead(snapshot, offset, None);
    }

    fn spawn_ahead(&mut self, snapshot: DocumentSnapshot, offset: usize, looked_at: Option<LookedAt>) {
        let ModelState::Ready(model) = &self.model else { return };
        let model = Arc::clone(model);
        let serial = self.requests.next_serial();
        let cancel = CancelToken::new();
        let so_far: Arc<std::sync::Mutex<String>> = Arc::default();
        let ask = Ask {
            method: TraceMethod::InlineCompletion,
            uri: snapshot.path.clone(),
            position: fimble_document::Position { line: 0, character: 0 },
            trigger: Trigger::Automatic,
            selected: None,
        };
        let look = looked_at.map(|looked_at| {
            let running = Running {
                text: snapshot.text.clone(),
                offset,
                settings_key: self.settings_key,
                has_selected: false,
                so_far: Arc::clone(&so_far),
                is_kept: false,
            };
            (looked_at, running)
        });
        let job = CompletionJob {
            serial,
            purpose: if look.is_some() { Purpose::LookAhead } else { Purpose::WarmUp },
            offset,
            trigger: ask.trigger,
            selected: None,
            settings: Arc::clone(&self.settings),
            settings_key: self.settings_key,
            workspace: self.snippet_source(),
            model,
            cancel: cancel.clone(),
            so_far,
            trace: new_trace(self, &ask),
            queued: Instant::now(),
            snapshot,
        };
        self.ahead.running = Some(RunningAhead { serial, document: job.snapshot.document, cancel, look });
        self.counters.n_jobs_started += 1;
        let events = self.events.clone();
        let on_battery =
            self.options.on_battery.clone().filter(|_| self.settings.look_ahead == AutoAlwaysNever::Auto);
        self.ahead.workers.spawn(move || {
            // Asked here and not on the loop, because the answer may come from the disk.
            if on_battery.is_some_and(|on_battery| on_battery()) {
                job.cancel.cancel();
            }
            completion_job::run(job, &events);
        });
    }
}
