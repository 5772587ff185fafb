//! The index of the workspace's files, off the loop, and how it follows the disk. Must hold: the loop never waits for the
//! disk; what is queued is bounded, however much changes; a session that ends stops what is being indexed; what is
//! suggested is remembered together with the snippets that it was made from.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_workspace::{Concern, Workspace, block_of};

use crate::documents::WorkspaceFolder;
use crate::event::Event;
use crate::panics::contain;
use crate::session::Session;
use crate::walk_schedule::WalkSchedule;
use crate::workers::Workers;

/// Files that are read again one by one; if more changed a walk is quicker.
const MAX_REFRESHED: usize = 64;

/// The index and the thread that fills it.
pub(crate) struct WorkspaceIndex {
    workspace: Arc<Workspace>,
    workers: Workers,
    cancel: CancelToken,
    /// Cancelled when nobody wants to know any more what the walk under way finds.
    walk: Option<CancelToken>,
    is_started: bool,
    walks: WalkSchedule,
    /// Files that are queued to be read again.
    n_refreshed: usize,
}

/// What the index's thread reports.
pub(crate) enum Indexed {
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
    fn stop_walk(&mut self) {
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

impl Session {
    fn wants_index(&self) -> bool {
        self.settings.enabled && self.settings.snippets
    }

    /// Whether folders or files are being read, or are to be.
    pub(crate) fn is_indexing(&self) -> bool {
        self.index.workers.is_busy() || self.wants_index() && self.index.walks.is_pending()
    }

    /// Starts to read the source files of the client's folders, once, if anybody wants to know them; and stops if nobody
    /// does any more.
    pub(crate) fn index_workspace(&mut self) {
        if !self.wants_index() {
            self.index.stop_walk();
        } else if !std::mem::replace(&mut self.index.is_started, true) {
            self.folders_changed();
        }
    }

    fn folders_changed(&mut self) {
        if self.index.is_started {
            let folders = self.documents.folders().iter().map(|folder| folder.path.clone());
            self.index.workspace.set_folders(folders.collect());
            self.index.walks.want_at_once(Instant::now());
        }
    }

    /// The client works in other folders from now on.
    pub(crate) fn change_folders(&mut self, added: Vec<WorkspaceFolder>, removed: &[WorkspaceFolder]) {
        let is_named = |list: &[WorkspaceFolder], folder: &WorkspaceFolder| {
            list.iter().any(|other| other.path == folder.path)
        };
        let mut folders = self.documents.folders().to_vec();
        folders.retain(|folder| !is_named(removed, folder) && !is_named(&added, folder));
        folders.extend(added);
        self.documents.set_folders(folders);
        self.folders_changed();
    }

    /// The client watches these files, and tells that something happened to them.
    pub(crate) fn watched_files_changed(&mut self, files: impl Iterator<Item = String>) {
        let mut files = files.peekable();
        if files.peek().is_some_and(|file| !self.documents.is_open(file)) {
            // One that tells of what it saved itself need not know of anything else.
            self.index.walks.watched();
        }
        self.files_changed(files);
    }

    /// Something happened to these files on the disk.
    pub(crate) fn files_changed(&mut self, files: impl Iterator<Item = String>) {
        if !self.index.is_started {
            return;
        }
        let mut refreshed = BTreeSet::new();
        for file in files {
            let needs_walk = match self.index.workspace.concern(&file) {
                Concern::None => false,
                Concern::Scan => true,
                Concern::Indexed => {
                    refreshed.insert(file);
                    refreshed.len() + self.index.n_refreshed > MAX_REFRESHED
                }
            };
            if needs_walk {
                // It finds all the rest.
                return self.index.walks.want(Instant::now());
            }
        }
        if !refreshed.is_empty() {
            self.refresh(refreshed);
        }
    }

    fn refresh(&mut self, files: BTreeSet<String>) {
        let n_files = files.len();
        self.index.n_refreshed += n_files;
        // Who saves a file goes on writing: what is known for other places stays until they are left.
        let elsewhere: BTreeSet<String> =
            files.iter().filter(|file| !self.documents.is_open(file)).cloned().collect();
        let (workspace, events) = (Arc::clone(&self.index.workspace), self.events.clone());
        self.index.workers.spawn(move || {
            let refresh = || {
                let changed: BTreeSet<_> = files.into_iter().filter(|file| workspace.refresh(file)).collect();
                workspace.choose_anew(&changed.intersection(&elsewhere).cloned().collect());
                !changed.is_empty()
            };
            let is_changed = contain(refresh).unwrap_or(true);
            events.send(Event::Indexed(Indexed::Refreshed { n_files, is_changed }));
        });
    }

    /// Starts the walk that is due. To be called when no event waits. Returns when it is to be called again at the latest.
    pub(crate) fn follow_disk(&mut self) -> Option<Instant> {
        if !self.index.is_started || !self.wants_index() {
            return None;
        }
        let now = Instant::now();
        self.follow_open_documents(now);
        self.index.walks.rest(now);
        if self.index.walks.start(now) {
            let (workspace, cancel) = (Arc::clone(&self.index.workspace), self.index.cancel.clone());
            let walk = self.index.walk.insert(CancelToken::new()).clone();
            let events = self.events.clone();
            self.index.workers.spawn(move || {
                let report = contain(|| workspace.scan(&|| cancel.is_cancelled() || walk.is_cancelled()));
                tracing::info!(?report, "the workspace was indexed");
                let is_changed = report.is_none_or(|report| report.n_changed > 0);
                events.send(Event::Indexed(Indexed::Walked { is_changed }));
            });
        }
        self.index.walks.due()
    }

    /// What is near to the open documents comes first: with another folder it is another choice, where not all can be taken.
    fn follow_open_documents(&mut self, now: Instant) {
        let workspace = Arc::clone(&self.index.workspace);
        let is_new = workspace.set_open(self.documents.iter().map(|document| document.file.as_str()));
        if !self.index.walks.is_pending() && workspace.chooses_anew() {
            if self.index.walks.n_walks() > 1 {
                self.index.walks.want(now);
            } else {
                // The first walk began before there was a document to be near to.
                self.index.walks.want_at_once(now);
            }
        } else if is_new {
            self.tell_of_workspace();
        }
    }

    /// The index's thread reports.
    pub(crate) fn indexed(&mut self, indexed: &Indexed) {
        let is_changed = match indexed {
            Indexed::Walked { is_changed } => {
                self.index.walk = None;
                self.index.walks.ended(Instant::now());
                *is_changed
            }
            Indexed::Refreshed { n_files, is_changed } => {
                self.index.n_refreshed = self.index.n_refreshed.saturating_sub(*n_files);
                *is_changed
            }
        };
        if is_changed {
            self.tell_of_workspace();
        }
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
        let block = block_of(text.line_of(offset));
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
