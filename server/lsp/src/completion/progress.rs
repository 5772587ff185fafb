//! What a job has written so far, and when the request that waits for it is to be answered with that. Invariant: the model's thread
//! waits for the loop no longer than a look at the text takes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fimble_completion::Trigger;

use crate::completion::place::Place;

/// The part of the time budget after which what is known is answered; the rest goes to filters and the way to the screen.
const SHARE: f64 = 0.6;
/// An explicit request, in an editor that asks for the rest by itself, waits this long for a whole first line.
const FIRST_LINE: Duration = Duration::from_secs(2);
/// The same in an editor that does not ask again: all that is written until then is the answer.
const WHOLE: Duration = Duration::from_secs(5);
/// When a request is to be answered with what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// From then on.
    pub(crate) at: Instant,
    /// Before this, only if the first line is whole; later whatever there is.
    pub(crate) any_at: Instant,
}

impl Due {
    /// For a request that arrived just now. `is_written`: whether text for it was shown before, so that the rest is only longer.
    pub(crate) fn of(place: &Place, budget: Duration, asks_again: bool, is_written: bool) -> Self {
        let now = Instant::now();
        let at = now + budget.mul_f64(SHARE);
        match (place.trigger, asks_again) {
            (Trigger::Automatic, _) if is_written => Self { at: now, any_at: now },
            (Trigger::Automatic, _) => Self { at, any_at: at },
            (Trigger::Invoked, true) => Self { at, any_at: now + FIRST_LINE },
            (Trigger::Invoked, false) => Self { at: now + WHOLE, any_at: now + WHOLE },
        }
    }
}

/// What a job has written until now, shared by the model's thread and the loop.
#[derive(Debug, Default)]
pub(crate) struct JobProgress {
    so_far: Mutex<String>,
    due: Mutex<Option<Due>>,
}

impl JobProgress {
    /// Calls `look` with the text so far. The model's thread waits meanwhile.
    pub(crate) fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        look(&self.so_far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends a piece of text.
    pub(crate) fn push(&self, piece: &str) {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).push_str(piece);
    }

    /// Forgets the text: another model writes from now on.
    pub(crate) fn clear(&self) {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sets when a request is to be answered; none if no request waits.
    pub(crate) fn set_due(&self, due: Option<Due>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
    }

    /// Whether a request waits that has not been answered.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a request is to be answered with this text now.
    pub(crate) fn is_due(&self, text: &str) -> bool {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.is_some_and(|due| {
            let now = Instant::now();
            now >= due.any_at || now >= due.at && text.trim_start().contains('\n')
        })
    }
}
