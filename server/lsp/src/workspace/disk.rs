//! The index follows the disk, the folders and the open documents. Invariant: the loop never waits for the disk; a suggestion is
//! kept together with the snippets that it was made from.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_workspace::{Concern, Workspace, block_of};

use crate::event::Event;
use crate::panics::contain;
use crate::protocol::folders::WorkspaceFolder;
use crate::session::Session;
use crate::workspace::index::IndexReport;

/// Files that are read again one by one; if more changed a walk is quicker.
const MAX_REFRESHED: usize = 64;

impl Session {
    fn wants_index(&self) -> bool {
        self.settings.enabled && self.settings.snippets
    }

    /// Whether folders or files are being read, or are to be.
    pub(crate) fn is_indexing(&self) -> bool {
        self.index.workers.is_busy() || self.wants_index() && self.index.walks.is_pending()
    }

    /// Starts to read the source files of the client's folders, once, if the settings want snippets; stops if they no longer
    /// do.
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

    /// The client reports changes of watched files.
    pub(crate) fn watched_files_changed(&mut self, files: impl Iterator<Item = String>) {
        let mut files = files.peekable();
        if files.peek().is_some_and(|file| !self.documents.is_open(file)) {
            // A client that reports only the files it saved itself may not watch any.
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
        // A save is followed by more typing: the choice for other places stays until they are left.
        let elsewhere: BTreeSet<String> =
            files.iter().filter(|file| !self.documents.is_open(file)).cloned().collect();
        let (workspace, reporter) = (Arc::clone(&self.index.workspace), self.events.reporter(Event::Indexed));
        self.index.workers.spawn(move || {
            let refresh = || {
                let changed: BTreeSet<_> = files.into_iter().filter(|file| workspace.refresh(file)).collect();
                workspace.choose_anew(&changed.intersection(&elsewhere).cloned().collect());
                !changed.is_empty()
            };
            let is_changed = contain(refresh).unwrap_or(true);
            reporter.send(IndexReport::Refreshed { n_files, is_changed });
        });
    }

    /// Starts the walk that is due. To be called when no event waits. Returns when it is to be called again at the latest.
    pub(crate) fn follow_disk(&mut self) -> Option<Instant> {
        if !self.index.is_started || !self.wants_index() {
            return None;
        }
        let now = Instant::now();
        self.follow_open_documents(now);
        self.index.walks.idle(now);
        if self.index.walks.start(now) {
            let (workspace, cancel) = (Arc::clone(&self.index.workspace), self.index.cancel.clone());
            let walk = self.index.walk.insert(CancelToken::new()).clone();
            let reporter = self.events.reporter(Event::Indexed);
            self.index.workers.spawn(move || {
                let report = contain(|| workspace.scan(&|| cancel.is_cancelled() || walk.is_cancelled()));
                tracing::info!(?report, "the workspace was indexed");
                let is_changed = report.is_none_or(|report| report.n_changed > 0);
                reporter.send(IndexReport::Walked { is_changed });
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
            self.remember_workspace();
        }
    }

    /// The index's thread reports.
    pub(crate) fn indexed(&mut self, report: &IndexReport) {
        let is_changed = match report {
            IndexReport::Walked { is_changed } => {
                self.index.walk = None;
                self.index.walks.ended(Instant::now());
                *is_changed
            }
            IndexReport::Refreshed { n_files, is_changed } => {
                self.index.n_refreshed = self.index.n_refreshed.saturating_sub(*n_files);
                *is_changed
            }
        };
        if is_changed {
            self.remember_workspace();
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
