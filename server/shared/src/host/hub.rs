//! What all windows of an engine process share. Invariant: once it has ended, no window enters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::models::{HostLoader, Models};
use crate::identity::Identity;

/// What all windows share.
pub(super) struct Hub {
    pub(super) identity: Identity,
    pub(super) models: Models,
    state: Mutex<State>,
    changed: Condvar,
    next: AtomicU64,
}

struct State {
    n_windows: usize,
    /// When the last window left.
    left: Instant,
    has_ended: bool,
}

impl Hub {
    pub(super) fn new(identity: Identity, loader: HostLoader) -> Self {
        let state = State { n_windows: 0, left: Instant::now(), has_ended: false };
        Self {
            identity,
            models: Models::new(loader),
            state: Mutex::new(state),
            changed: Condvar::new(),
            next: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that is higher than all before.
    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    pub(super) fn n_windows(&self) -> usize {
        self.state().n_windows
    }

    /// Counts a window. Returns whether it is served.
    pub(super) fn enter(&self) -> bool {
        let mut state = self.state();
        state.n_windows += usize::from(!state.has_ended);
        !state.has_ended
    }

    /// A window that had entered has left.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.n_windows -= 1;
        state.left = Instant::now();
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until there was no window for so long, and ends. Models that no window used for so long are freed meanwhile.
    pub(super) fn wait_until_idle(&self, idle: Duration) {
        let mut state = self.state();
        loop {
            let is_empty = state.n_windows == 0;
            let empty_for = state.left.elapsed();
            if is_empty && empty_for >= idle {
                state.has_ended = true;
                return;
            }
            drop(state);
            let next_sweep = self.models.sweep(idle);
            let wait = if is_empty { idle - empty_for } else { next_sweep.unwrap_or(idle) };
            state = self.state();
            // A window that left meanwhile has changed the time.
            if is_empty != (state.n_windows == 0) {
                continue;
            }
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
