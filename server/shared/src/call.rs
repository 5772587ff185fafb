//! A request of a window that waits for its answer. Invariant: it ends with exactly one outcome; its observer runs on one thread at
//! a time and never after the outcome.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use fimble_model::{GeneratedToken, TokenObserver};

use crate::wire::Answer;

/// How a request ended.
pub(crate) enum Outcome {
    /// The engine process answered.
    Answered(Answer),
    /// The observer panicked; the engine process was asked to end the generation.
    ObserverPanicked,
    /// The connection broke. Whether the observer saw a part of an answer is known.
    Broken { has_seen: bool },
}

/// The part of a request that the thread of the connection has.
pub(crate) struct Call {
    observer: Option<TokenObserver>,
    tokens: Vec<GeneratedToken>,
    has_seen: bool,
    has_panicked: bool,
    outcome: SyncSender<Outcome>,
}

/// The part of a request that its caller has.
pub(crate) struct Waiter(Receiver<Outcome>);

/// A request with this observer.
pub(crate) fn call(observer: Option<TokenObserver>) -> (Call, Waiter) {
    let (outcome, receiver) = sync_channel(1);
    let call = Call { observer, tokens: Vec::new(), has_seen: false, has_panicked: false, outcome };
    (call, Waiter(receiver))
}

impl Call {
    /// Shows a piece to the observer. Returns whether the generation is to end.
    pub(crate) fn observe(&mut self, piece: &str, tokens: &[GeneratedToken]) -> bool {
        self.tokens.extend_from_slice(tokens);
        let Some(observer) = &mut self.observer else { return false };
        self.has_seen |= !piece.is_empty();
        let tokens = &self.tokens;
        let verdict = catch_unwind(AssertUnwindSafe(|| observer(piece, tokens)));
        if verdict.is_err() {
            self.has_panicked = true;
            self.observer = None;
        }
        verdict.map_or(true, |verdict| verdict == ControlFlow::Break(()))
    }

    /// Ends it with the answer.
    pub(crate) fn answer(self, answer: Answer) {
        // Its caller may wait for what the observer holds.
        drop(self.observer);
        let outcome = if self.has_panicked { Outcome::ObserverPanicked } else { Outcome::Answered(answer) };
        // A caller that has gone needs no outcome.
        let _ = self.outcome.send(outcome);
    }

    /// Ends it without one.
    pub(crate) fn break_off(self) {
        drop(self.observer);
        let _ = self.outcome.send(Outcome::Broken { has_seen: self.has_seen });
    }
}

impl Waiter {
    /// Waits for the outcome for a while.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Outcome> {
        match self.0.recv_timeout(timeout) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            // The thread of the connection ended without a word, as by a panic.
            Err(RecvTimeoutError::Disconnected) => Some(Outcome::Broken { has_seen: true }),
        }
    }
}
