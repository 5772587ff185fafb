//! What to compute before a request comes, and what came of it. Invariant: a result answers its place in its revision and no other;
//! work that was cancelled leaves no result.

use fimble_completion::{Refusal, RefusalKind, Suggestion};
use fimble_document::Text;

use crate::completion::job::{JobOutcome, NoSuggestion};
use crate::completion::place::Place;
use crate::completion::registry::Target;
use crate::trace::RequestTrace;

/// Bytes of code for one token, roughly, to estimate how much of a new document a first prompt can hold.
const BYTES_PER_TOKEN: usize = 3;
/// The part of a window that is surely read: it begins at the start of the file as long as that much stands above.
const FIRST_WINDOW_TOKENS: usize = 256;

/// Plans and results of speculative work.
#[derive(Default)]
pub(crate) struct Speculation {
    /// A suggestion that was shown at this revision of a document.
    shown: Option<(u64, u64, Suggestion)>,
    /// A place that a request is likely to come for.
    expected: Option<Expected>,
    /// The document and the offset of the last activity.
    last_place: Option<(u64, usize)>,
    /// The result of the last completion that was started when a key was typed.
    result: Option<SpeculativeResult>,
    /// Whether a request came since the last key.
    has_asked: bool,
    /// The last place that was looked ahead to, whether or not that succeeded.
    last_target: Option<Target>,
}

/// A place that a request is likely to come for.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) document: u64,
    pub(crate) offset: usize,
    /// Whether a key was typed there: then it is completed, else its prompt is read.
    pub(crate) is_typed: bool,
}

/// The result of a completion that was started when a key was typed.
pub(crate) struct SpeculativeResult {
    document: u64,
    revision: u64,
    offset: usize,
    settings_key: u64,
    /// The trace of the work.
    pub(crate) trace: RequestTrace,
    /// Why there is no suggestion; none if there is one, which the cache holds.
    pub(crate) refusal: Option<Refusal>,
}

impl SpeculativeResult {
    /// The part of an outcome that is worth keeping; none if a request should have it tried again.
    pub(crate) fn of(outcome: &JobOutcome) -> Option<Self> {
        let refusal = match &outcome.result {
            Ok(_) => None,
            Err(NoSuggestion::Refused(refusal)) if refusal.kind != RefusalKind::Cancelled => {
                Some(refusal.clone())
            }
            Err(NoSuggestion::Refused(_) | NoSuggestion::Model(_) | NoSuggestion::Internal) => return None,
        };
        Some(Self {
            document: outcome.snapshot.document,
            revision: outcome.snapshot.revision,
            offset: outcome.offset,
            settings_key: outcome.settings_key,
            trace: outcome.trace.clone(),
            refusal,
        })
    }

    /// Whether the gate refused it before a prompt was read.
    pub(crate) fn is_unread(&self) -> bool {
        self.trace.tokens.prompt == 0 && self.refusal.is_some()
    }

    fn is_about(&self, place: &Place, settings_key: u64) -> bool {
        place.selected.is_none()
            && (self.document, self.revision, self.offset, self.settings_key)
                == (place.document, place.revision, place.offset, settings_key)
    }
}

impl Speculation {
    /// A suggestion was shown: the place behind it may be wanted next.
    pub(crate) fn was_shown(&mut self, document: u64, revision: u64, suggestion: &Suggestion) {
        self.shown = Some((document, revision, suggestion.clone()));
    }

    /// The prompt of this place was not read, and a request is likely to come for it.
    pub(crate) fn expect(&mut self, document: u64, offset: usize) {
        self.last_place = Some((document, offset));
        self.expected = Some(Expected { document, offset, is_typed: false });
    }

    /// The cursor stays at this place. A place where a key was typed comes first.
    pub(crate) fn cursor_at(&mut self, document: u64, offset: usize) {
        if self.expected.is_none_or(|expected| !expected.is_typed) {
            self.expect(document, offset);
        }
    }

    /// A request came: this client asks after keys.
    pub(crate) fn asked(&mut self) {
        self.has_asked = true;
    }

    /// A key was typed, and the cursor is here. Clients wait a while after a key before they ask, which is time to complete.
    /// Where keys come faster than requests, nothing is started for most of them.
    pub(crate) fn typed(&mut self, document: u64, offset: usize) {
        self.last_place = Some((document, offset));
        let will_ask = std::mem::take(&mut self.has_asked);
        self.expected = will_ask.then_some(Expected { document, offset, is_typed: true });
    }

    /// The same as [`Self::expect`] for a document that was opened just now, whose cursor is unknown: the place up to which
    /// all that stands above surely fits, so that what is read serves every place before it.
    pub(crate) fn opened(&mut self, document: u64, text: &Text) {
        let at = text.floor_char_boundary(text.len().min(FIRST_WINDOW_TOKENS * BYTES_PER_TOKEN));
        self.expect(document, text.line_start(text.line_of(at)));
    }

    /// Drops the plans.
    pub(crate) fn drop_plans(&mut self) {
        self.shown = None;
        self.expected = None;
    }

    /// Takes the suggestion behind which to look ahead: document, revision and suggestion.
    pub(crate) fn take_shown(&mut self) -> Option<(u64, u64, Suggestion)> {
        self.shown.take()
    }

    /// Takes the place to prepare. While a speculative job runs, only one where a key was typed.
    pub(crate) fn take_expected(&mut self, is_idle: bool) -> Option<Expected> {
        self.expected.take_if(|expected| is_idle || expected.is_typed)
    }

    /// The document and the offset of the last activity.
    pub(crate) fn last_place(&self) -> Option<(u64, usize)> {
        self.last_place
    }

    /// The last place that was looked ahead to.
    pub(crate) fn last_target(&self) -> Option<Target> {
        self.last_target
    }

    /// Notes the place that is looked ahead to; none where that was cancelled, so that it may be tried again.
    pub(crate) fn set_last_target(&mut self, target: Option<Target>) {
        self.last_target = target;
    }

    /// Keeps a result for the request that is expected next.
    pub(crate) fn keep(&mut self, result: SpeculativeResult) {
        self.result = Some(result);
    }

    /// Takes the result for this place.
    pub(crate) fn take_result(&mut self, place: &Place, settings_key: u64) -> Option<SpeculativeResult> {
        self.result.take_if(|result| result.is_about(place, settings_key))
    }

    /// A document is gone.
    pub(crate) fn forget(&mut self, document: u64) {
        self.shown.take_if(|(shown, _, _)| *shown == document);
        self.expected.take_if(|expected| expected.document == document);
        self.last_place.take_if(|(place, _)| *place == document);
    }
}
