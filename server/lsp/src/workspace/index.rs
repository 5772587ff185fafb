//! The index of the workspace's files and the thread that fills it. Invariant: what is queued is bounded, however much changes; a
//! session that ends stops what is being indexed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_model::CancelToken;
use fimble_workspace::Workspace;

use crate::workers::Workers;
use crate::workspace::walk_schedule::WalkSchedule;

/// The index and the thread that fills it.
pub(crate) struct WorkspaceIndex {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) workers: Workers,
    pub(crate) cancel: CancelToken,
    /// Cancelled when the result of the walk under way is not wanted any more.
    pub(crate) walk: Option<CancelToken>,
    pub(crate) is_started: bool,
    pub(crate) walks: WalkSchedule,
    /// Files that are queued to be read again.
    pub(crate) n_refreshed: usize,
}

/// What the index's thread reports.
pub(crate) enum IndexReport {
    /// A walk has ended; whether it found a change.
    Walked { is_changed: bool },
    /// So many files were read again; whether one was another.
    Refreshed { n_files: usize, is_changed: bool },
}

impl WorkspaceIndex {
    pub(crate) fn new(look_again: Duration) -> Self {
        Self {
            workspace: Arc::default(),
            workers: Workers::new("fimble-index", 1),
            cancel: CancelToken::new(),
            walk: None,
            is_started: false,
            walks: WalkSchedule::new(look_again),
            n_refreshed: 0,
        }
    }

    /// Cancelled when the session ends.
    pub(crate) fn cancel(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Files that snippets may come from.
    pub(crate) fn n_files(&self) -> usize {
        self.workspace.n_files()
    }

    /// Walks that were started.
    pub(crate) fn n_walks(&self) -> usize {
        self.walks.n_walks()
    }

    /// Stops the walk under way. What it did not come to is for the next one.
    pub(crate) fn stop_walk(&mut self) {
        if let Some(walk) = self.walk.take() {
            walk.cancel();
            self.walks.want_at_once(Instant::now());
        }
    }

    /// A document is gone.
    pub(crate) fn forget(&self, document: u64) {
        self.workspace.forget(document);
    }
}

impl Drop for WorkspaceIndex {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
