//! Turns of the windows at one model. Invariant: of each priority one request at most is with the model; of those that wait, the one
//! of the window that was typed in last is next, and of one window the oldest.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fimble_model::{CancelToken, Priority};

/// How often a request that waits looks whether it was cancelled.
const TICK: Duration = Duration::from_millis(5);

/// The turns at one model.
#[derive(Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When each window was typed in last, as an ascending number.
    typed: HashMap<u64, u64>,
    next_ticket: u64,
    classes: [Class; 3],
}

#[derive(Default)]
struct Class {
    is_busy: bool,
    /// Ticket and window of those that wait.
    waiting: Vec<(u64, u64)>,
}

/// A turn. Dropping it lets the next one in.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    class: usize,
}

fn class_of(priority: Priority) -> usize {
    match priority {
        Priority::Interactive => 0,
        Priority::Background => 1,
        Priority::Idle => 2,
    }
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; none if the request is cancelled before. `now` is higher than that of all requests before.
    pub(super) fn take(
        &self,
        window: u64,
        priority: Priority,
        now: u64,
        cancel: &CancelToken,
    ) -> Option<Turn<'_>> {
        let mut state = self.state();
        if priority == Priority::Interactive {
            state.typed.insert(window, now);
        }
        let class = class_of(priority);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.classes[class].waiting.push((ticket, window));
        loop {
            let State { typed, classes, .. } = &mut *state;
            let is_next = |class: &Class| {
                let order =
                    |(ticket, window): &(u64, u64)| (std::cmp::Reverse(typed.get(window).copied()), *ticket);
                class.waiting.iter().min_by_key(|waiting| order(waiting)).map(|(ticket, _)| *ticket)
            };
            let own = &mut classes[class];
            let is_due = !own.is_busy && is_next(own) == Some(ticket);
            let is_cancelled = cancel.is_cancelled();
            if is_due || is_cancelled {
                own.waiting.retain(|(other, _)| *other != ticket);
                own.is_busy |= is_due;
            }
            if is_due {
                return Some(Turn { turns: self, class });
            }
            if is_cancelled {
                drop(state);
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A window has left.
    pub(super) fn forget(&self, window: u64) {
        self.state().typed.remove(&window);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state().classes[self.class].is_busy = false;
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Lets requests of these windows wait, in this order, and returns the order of their turns.
    fn order(turns: &Arc<Turns>, priority: Priority, windows: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let first = turns.take(99, priority, 0, &CancelToken::new()).unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let n_waiting = |turns: &Turns| turns.state().classes[class_of(priority)].waiting.len();
        let mut threads = Vec::new();
        for (n, (window, now)) in windows.iter().copied().enumerate() {
            let (turns, served) = (Arc::clone(turns), Arc::clone(&served));
            let theirs = Arc::clone(&turns);
            threads.push(std::thread::spawn(move || {
                let turn = theirs.take(window, priority, now, &CancelToken::new());
                served.lock().unwrap().push((window, now));
                drop(turn);
            }));
            while n_waiting(&turns) <= n {
                std::thread::yield_now();
            }
        }
        drop(first);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        Arc::into_inner(served).unwrap().into_inner().unwrap()
    }

    #[test]
    fn the_window_typed_in_last_is_first_and_its_requests_are_in_order() {
        let turns = Arc::<Turns>::default();
        let served = order(&turns, Priority::Interactive, &[(1, 1), (2, 2), (1, 3), (3, 4)]);
        assert_eq!(served, [(3, 4), (1, 1), (1, 3), (2, 2)]);
        // Work ahead follows the same order, and is no typing.
        let served = order(&turns, Priority::Idle, &[(2, 5), (1, 6), (3, 7), (4, 8)]);
        assert_eq!(served, [(3, 7), (1, 6), (2, 5), (4, 8)]);
    }

    #[test]
    fn a_cancelled_request_waits_no_more() {
        let turns = Turns::default();
        let cancel = CancelToken::new();
        let turn = turns.take(1, Priority::Interactive, 1, &cancel);
        cancel.cancel();
        assert!(turns.take(2, Priority::Interactive, 2, &cancel).is_none());
        drop(turn);
        assert!(turns.take(2, Priority::Interactive, 3, &CancelToken::new()).is_some());
        assert!(turns.state().classes.iter().all(|class| class.waiting.is_empty()));
    }
}
