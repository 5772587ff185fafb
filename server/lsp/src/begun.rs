//! What came of work that began when a key was typed, for the question that follows. Must hold: it answers that place in that
//! revision and no other; what ended early says nothing.

use fimble_completion::{Refusal, RefusalKind};

use crate::completion_job::{JobOutcome, NoSuggestion};
use crate::suggest::Place;
use crate::trace::RequestTrace;

/// Finished work.
pub(crate) struct Begun {
    document: u64,
    revision: u64,
    offset: usize,
    settings_key: u64,
    /// What the work was like.
    pub(crate) trace: RequestTrace,
    /// Why there is no suggestion; none if there is one, which the cache knows.
    pub(crate) refusal: Option<Refusal>,
}

impl Begun {
    /// What is worth keeping of an outcome.
    pub(crate) fn of(outcome: &JobOutcome) -> Option<Self> {
        let refusal = match &outcome.result {
            Ok(_) => None,
            Err(NoSuggestion::Refused(refusal)) if refusal.kind != RefusalKind::Cancelled => {
                Some(refusal.clone())
            }
            // Whoever asks has it tried again.
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

    /// Whether it is about this place.
    pub(crate) fn is_about(&self, place: &Place, settings_key: u64) -> bool {
        place.selected.is_none()
            && (self.document, self.revision, self.offset, self.settings_key)
                == (place.document, place.revision, place.offset, settings_key)
    }
}
