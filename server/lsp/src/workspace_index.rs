//! The index of the workspace's files, off the loop. Must hold: the loop never waits for the disk; a session that ends stops
//! what is being indexed; what is suggested is remembered together with the snippets that it was made from.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_workspace::{Workspace, block_of};

use crate::session::Session;
use crate::workers::Workers;

/// The index and the thread that fills it.
pub(crate) struct WorkspaceIndex {
    workspace: Arc<Workspace>,
    workers: Workers,
    cancel: CancelToken,
    is_started: bool,
}

impl WorkspaceIndex {
    pub(crate) fn new() -> Self {
        Self {
            workspace: Arc::default(),
            workers: Workers::new("fimble-index", 1),
            cancel: CancelToken::new(),
            is_started: false,
        }
    }

    /// A file of the workspace was saved.
    pub(crate) fn refresh(&mut self, path: String) {
        if self.is_started {
            let workspace = Arc::clone(&self.workspace);
            self.workers.spawn(move || workspace.refresh(&path));
        }
    }

    /// Runs work on the index's thread, after what is being indexed.
    pub(crate) fn spawn(&mut self, job: impl FnOnce() + Send + 'static) {
        self.workers.spawn(job);
    }

    /// Cancelled when the session ends.
    pub(crate) fn cancel(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Files that snippets may come from.
    pub(crate) fn n_files(&self) -> usize {
        self.workspace.files().len()
    }

    /// Whether folders or files are being read.
    pub(crate) fn is_at_work(&self) -> bool {
        self.workers.is_busy()
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

impl Session {
    /// Starts to read the source files of the client's folders, once, if anybody wants to know them.
    pub(crate) fn index_workspace(&mut self) {
        let is_wanted = self.settings.enabled && self.settings.snippets;
        if !is_wanted || std::mem::replace(&mut self.index.is_started, true) {
            return;
        }
        for folder in &self.documents.folders {
            let (workspace, cancel) = (Arc::clone(&self.index.workspace), self.index.cancel.clone());
            let path = folder.path.clone();
            self.index.workers.spawn(move || {
                let report = workspace.scan(Path::new(&path), &|| cancel.is_cancelled());
                tracing::info!(?report, "the workspace was indexed");
            });
        }
        self.tell_of_workspace();
    }

    /// Where snippets come from, if the settings want any.
    pub(crate) fn snippet_source(&self) -> Option<Arc<Workspace>> {
        self.settings.snippets.then(|| Arc::clone(&self.index.workspace))
    }

    /// Stands for all that a suggestion at a place depends on besides the text: settings and model, as far as `settings_key`
    /// knows them, and the snippets that were chosen for it.
    pub(crate) fn suggestions_key(
        &self,
        settings_key: u64,
        document: u64,
        text: &Text,
        offset: usize,
    ) -> u64 {
        let block = block_of(text.line_of(text.floor_char_boundary(offset)));
        let chosen = self.index.workspace.chosen(document, block);
        match chosen.map_or(0, |choice| choice.key) {
            0 => settings_key,
            key => {
                let mut hasher = DefaultHasher::new();
                (settings_key, key).hash(&mut hasher);
                hasher.finish()
            }
        }
    }
}
