//! Work that nobody waits for yet: reading a prompt before it is asked about (warm-up), completing where a key was typed in
//! the time that clients wait before they ask (beginning), and completing what comes behind a suggestion that was just shown,
//! as if it were accepted (look-ahead). Must hold: it starts only when no event and no request waits; at most one piece of it
//! runs; whatever makes it pointless cancels it, and a real request that needs the model always does, unless the work is the
//! answer to that request.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{Suggestion, Trigger, place_key};
use fimble_document::Text;
use fimble_model::CancelToken;

use crate::begun::Begun;
use crate::completion_job::{self, CompletionJob, DocumentSnapshot, Purpose};
use crate::partial::JobProgress;
use crate::requests::Running;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;
use crate::suggest::{Ask, new_trace, obstacle};
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
    /// A place that is likely to be asked about.
    expected: Option<Expected>,
    /// The document and the offset where somebody worked last.
    last_place: Option<(u64, usize)>,
    /// What came of the last work that began when a key was typed.
    pub(crate) begun: Option<Begun>,
    /// Whether the client has asked since the last key.
    has_asked: bool,
    running: Option<RunningAhead>,
    /// The last place that was looked ahead to, with the settings, whatever came of it.
    last_looked_at: Option<LookedAt>,
}

#[derive(Clone, Copy)]
struct Expected {
    document: u64,
    offset: usize,
    /// Whether it is about to be asked about: then its completion is begun, else its prompt is read.
    is_typed: bool,
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
    /// None if it does not look ahead.
    looked_at: Option<LookedAt>,
    /// None for a warm-up, which answers nothing.
    running: Option<Running>,
    /// Whether it writes the rest of a suggestion whose beginning was shown.
    is_shown: bool,
}

/// Running work that is handed over to a request.
pub(crate) struct Taken {
    pub(crate) serial: u64,
    pub(crate) running: Running,
    pub(crate) cancel: CancelToken,
    /// Whether the beginning of what it writes was shown.
    pub(crate) is_shown: bool,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self {
            workers: Workers::new("fimble-ahead", 1),
            shown: None,
            expected: None,
            last_place: None,
            begun: None,
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
        self.last_place = Some((document, offset));
        self.expected = Some(Expected { document, offset, is_typed: false });
    }

    /// The cursor rests at this place. What was typed comes first.
    pub(crate) fn rests(&mut self, document: u64, offset: usize) {
        if self.expected.is_none_or(|expected| !expected.is_typed) {
            self.expect(document, offset);
        }
    }

    /// A request came: this client asks about what is typed.
    pub(crate) fn asked(&mut self) {
        self.has_asked = true;
    }

    /// A key was typed, and the cursor is here. Clients wait a while after a key before they ask: time to complete. Where keys
    /// come faster than questions, nothing is begun for most of them.
    pub(crate) fn typed(&mut self, document: u64, offset: usize) {
        self.last_place = Some((document, offset));
        let will_ask = std::mem::take(&mut self.has_asked);
        self.expected = will_ask.then_some(Expected { document, offset, is_typed: true });
    }

    /// The same as [`Self::expect`] for a document that was opened just now, whose cursor is unknown: the place up to which
    /// all that stands above surely fits, so that what was read serves every place before it.
    pub(crate) fn opened(&mut self, document: u64, text: &Text) {
        let at = text.floor_char_boundary(text.len().min(FIRST_WINDOW_TOKENS * BYTES_PER_TOKEN));
        self.expect(document, text.line_start(text.line_of(at)));
    }

    /// Nothing is to be begun. The rest of what was shown is written on.
    fn forget_plans(&mut self) {
        if self.running.as_ref().is_some_and(|running| !running.is_shown) {
            self.stop();
        }
        self.shown = None;
        self.expected = None;
    }

    /// A request is about to ask the model, and reads its prompt itself.
    pub(crate) fn give_way(&mut self) {
        self.stop();
        self.shown = None;
        self.expected = None;
    }

    /// The rest of a suggestion whose beginning was shown is written as work that nobody waits for.
    pub(crate) fn keep(&mut self, serial: u64, document: u64, cancel: CancelToken, running: Running) {
        self.give_way();
        self.running = Some(RunningAhead {
            serial,
            document,
            cancel,
            looked_at: None,
            running: Some(running),
            is_shown: true,
        });
    }

    /// Whether the rest of what was shown in a document is being written.
    pub(crate) fn is_writing_on(&self, document: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.is_shown && running.document == document)
    }

    /// Stops what runs.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancel.cancel();
            if running.looked_at.is_some() {
                // It came to nothing, and may be tried again.
                self.last_looked_at = None;
            }
        }
    }

    /// Where somebody worked last.
    pub(crate) fn last_place(&self) -> Option<(u64, usize)> {
        self.last_place
    }

    /// A document is gone.
    pub(crate) fn forget(&mut self, document: u64) {
        if self.running.as_ref().is_some_and(|running| running.document == document) {
            self.stop();
        }
        self.shown.take_if(|(shown, _, _)| *shown == document);
        self.expected.take_if(|expected| expected.document == document);
        self.last_place.take_if(|(place, _)| *place == document);
    }

    /// Work has reported.
    pub(crate) fn reported(&mut self, serial: u64) {
        self.running.take_if(|running| running.serial == serial);
    }

    /// Hands running work over to a request for the place that it completes.
    pub(crate) fn take_agreeing(
        &mut self,
        document: u64,
        is_wanted: impl Fn(&Running) -> bool,
    ) -> Option<Taken> {
        let running = self.running.take_if(|running| {
            running.document == document && running.running.as_ref().is_some_and(&is_wanted)
        })?;
        let is_shown = running.is_shown;
        Some(Taken { serial: running.serial, running: running.running?, cancel: running.cancel, is_shown })
    }
}

impl Session {
    /// Starts what nobody waits for yet. To be called when no event waits.
    pub(crate) fn start_ahead(&mut self) {
        let is_allowed = self.settings.enabled && self.settings.look_ahead != AutoAlwaysNever::Never;
        if !is_allowed {
            self.ahead.forget_plans();
            return;
        }
        if self.requests.len() > 0 || self.model.current().is_none() {
            return;
        }
        let is_free = self.ahead.running.is_none();
        if let Some((document, revision, suggestion)) = self.ahead.shown.take() {
            self.look_ahead(document, revision, &suggestion);
        } else if let Some(expected) = self.ahead.expected.take_if(|expected| is_free || expected.is_typed) {
            self.prepare(expected);
        }
    }

    fn look_ahead(&mut self, id: u64, revision: u64, suggestion: &Suggestion) {
        let document = self.documents.by_id(id).filter(|document| document.revision == revision);
        let Some((snapshot, offset)) = document.and_then(|document| document.if_accepted(suggestion)) else {
            return;
        };
        let place = place_key(&snapshot.text, offset);
        let looked_at = LookedAt { document: id, settings_key: self.settings_key, place };
        let at_work = self.ahead.running.as_ref().and_then(|running| running.looked_at);
        if at_work == Some(looked_at) || self.ahead.last_looked_at == Some(looked_at) {
            return;
        }
        self.ahead.stop();
        self.ahead.last_looked_at = Some(looked_at);
        self.spawn_ahead(snapshot, offset, Purpose::LookAhead, Some(looked_at));
    }

    /// Completes a place that is about to be asked about, or reads its prompt.
    fn prepare(&mut self, Expected { document: id, offset, is_typed }: Expected) {
        if !self.options.warm_up {
            return;
        }
        let Some(document) = self.documents.by_id(id) else { return };
        if obstacle(self, document).is_some() {
            return;
        }
        let text = document.text().clone();
        let key = self.suggestions_key(self.settings_key, id, &text, offset);
        // Answered without the model.
        if self.suggestions.knows(id, &text, offset, key) {
            return;
        }
        let is_begun = is_typed && !self.suggestions.is_dismissed(id, &text, offset);
        if is_begun {
            self.allot(id, text.line_of(offset));
        }
        // What runs is left alone where it leads to the same; else it is for a text that will not be.
        let agrees = |running: &Running| running.agrees_with(&text, offset, self.settings_key);
        if let Some(at_work) = &self.ahead.running {
            if !is_begun || (at_work.document == id && at_work.running.as_ref().is_some_and(agrees)) {
                return;
            }
            self.ahead.stop();
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        let Some(document) = self.documents.by_id_mut(id) else { return };
        let snapshot = document.snapshot(max_file_bytes);
        let purpose = if is_begun { Purpose::Begin } else { Purpose::WarmUp };
        self.spawn_ahead(snapshot, offset, purpose, None);
    }

    fn spawn_ahead(
        &mut self,
        snapshot: DocumentSnapshot,
        offset: usize,
        purpose: Purpose,
        looked_at: Option<LookedAt>,
    ) {
        let Some(model) = self.model.current() else { return };
        let model = Arc::clone(model);
        let serial = self.requests.next_serial();
        let cancel = CancelToken::new();
        let progress: Arc<JobProgress> = Arc::default();
        let ask = Ask {
            method: TraceMethod::InlineCompletion,
            uri: snapshot.path.clone(),
            position: fimble_document::Position { line: 0, character: 0 },
            trigger: Trigger::Automatic,
            selected: None,
        };
        let running = (purpose != Purpose::WarmUp).then(|| Running {
            text: snapshot.text.clone(),
            offset,
            settings_key: self.settings_key,
            has_selected: false,
            progress: Arc::clone(&progress),
            is_kept: false,
        });
        let job = CompletionJob {
            serial,
            purpose,
            telling: None,
            offset,
            trigger: ask.trigger,
            selected: None,
            settings: Arc::clone(&self.settings),
            settings_key: self.settings_key,
            workspace: self.snippet_source(),
            model,
            cancel: cancel.clone(),
            progress,
            events: self.events.clone(),
            trace: new_trace(self, &ask),
            queued: Instant::now(),
            snapshot,
        };
        let document = job.snapshot.document;
        self.ahead.running =
            Some(RunningAhead { serial, document, cancel, looked_at, running, is_shown: false });
        self.counters.n_jobs_started += 1;
        let on_battery =
            self.options.on_battery.clone().filter(|_| self.settings.look_ahead == AutoAlwaysNever::Auto);
        self.ahead.workers.spawn(move || {
            // Asked here and not on the loop, because the answer may come from the disk.
            if on_battery.is_some_and(|on_battery| on_battery()) {
                job.cancel.cancel();
            }
            completion_job::run(job);
        });
    }
}
