//! The pieces of an answer on their way to a window, and what its observer says of them. Invariant: the model waits for a window no
//! longer than a moment; a piece is sent when the verdict of the piece before has come, with all text since then.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fimble_model::GeneratedToken;

/// The longest time that the model waits for a verdict. Then it continues, and other windows do not wait for this one.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The pieces of one answer.
#[derive(Default)]
pub(super) struct Pieces {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Text that was not sent yet.
    pending: String,
    /// Its tokens.
    new_tokens: Vec<GeneratedToken>,
    /// Tokens that came.
    n_tokens: usize,
    /// A verdict has not come.
    is_awaited: bool,
    /// The answer is to end.
    ends: bool,
}

impl Pieces {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verdict has come.
    pub(super) fn verdict(&self, ends: bool) {
        let mut state = self.state();
        state.is_awaited = false;
        state.ends |= ends;
        drop(state);
        self.changed.notify_all();
    }

    /// Sends a piece and waits a moment for the verdict. Returns whether the answer is to end.
    pub(super) fn push(
        &self,
        piece: &str,
        tokens: &[GeneratedToken],
        send: impl FnOnce(String, Vec<GeneratedToken>),
    ) -> bool {
        let mut state = self.state();
        state.pending.push_str(piece);
        let new = tokens.get(state.n_tokens..).unwrap_or_default();
        state.new_tokens.extend_from_slice(new);
        state.n_tokens = tokens.len();
        if state.ends || state.is_awaited {
            return state.ends;
        }
        state.is_awaited = true;
        let (text, new) = (std::mem::take(&mut state.pending), std::mem::take(&mut state.new_tokens));
        drop(state);
        send(text, new);
        let waits = |state: &mut State| state.is_awaited && !state.ends;
        let waited = self.changed.wait_timeout_while(self.state(), LONGEST_WAIT, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.ends
    }

    /// Text that is left at the end of the answer, with its tokens, if the observer has not ended it.
    pub(super) fn rest(&self) -> Option<(String, Vec<GeneratedToken>)> {
        let mut state = self.state();
        let (text, tokens) = (std::mem::take(&mut state.pending), std::mem::take(&mut state.new_tokens));
        (!state.ends && !text.is_empty()).then_some((text, tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_goes_on_without_a_window_that_does_not_answer() {
        let (pieces, mut sent) = (Pieces::default(), Vec::new());
        let start = std::time::Instant::now();
        let text = "a".repeat(100);
        for _ in 0..100 {
            assert!(!pieces.push("a", &[], |text, _| sent.push(text)));
        }
        assert!(start.elapsed() < LONGEST_WAIT * 50, "it waited once");
        pieces.verdict(false);
        pieces.push("d", &[], |text, _| sent.push(text));
        pieces.push("e", &[], |text, _| sent.push(text));
        assert_eq!(sent, ["a".to_owned(), format!("{}d", &text[1..])]);
        assert_eq!(pieces.rest(), Some(("e".to_owned(), Vec::new())));
        pieces.verdict(true);
        assert!(pieces.push("f", &[], |_, _| unreachable!("it has ended")));
        assert_eq!(pieces.rest(), None);
    }
}
