//! The index with the changes that are on their way into it. Invariant: no method but [`ProjectCache::step`] and
//! [`ProjectCache::catch_up`] tokenises; a lock is held for one step or one lookup at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::index::{Index, Layer, locked};
use crate::indexing::Indexing;
use crate::lookup::{Cursor, Lookup};
use crate::queue::{IndexTask, Queue};
use crate::vocabulary::Vocabulary;

/// The token sequences of a project.
pub struct ProjectCache {
    index: Mutex<Index>,
    vocabulary: Arc<dyn Vocabulary>,
    queue: Mutex<Queue>,
}

impl ProjectCache {
    /// An empty cache that takes at most about `max_bytes` of memory. Where the documents need more, those of the workspace go first,
    /// and among these the ones that were changed longest ago.
    #[must_use]
    pub fn new(max_bytes: usize, vocabulary: Arc<dyn Vocabulary>) -> Self {
        Self { index: Mutex::new(Index::new(max_bytes)), vocabulary, queue: Mutex::default() }
    }

    /// Approximate memory of the index in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        locked(&self.index).n_bytes()
    }

    /// Adds a document, or replaces it. Returns at once; [`ProjectCache::step`] does the work.
    pub fn upsert(&self, document: Arc<str>, layer: Layer, text: Arc<str>) {
        self.queue().push(IndexTask::Upsert(Indexing::new(document, layer, text)), layer);
    }

    /// Removes a document. Returns at once; [`ProjectCache::step`] does the work.
    pub fn remove(&self, document: &str) {
        self.queue().push(IndexTask::Remove(document.into()), Layer::Open);
    }

    /// Does about a millisecond of work. Returns whether there is more.
    pub fn step(&self) -> bool {
        let next = self.queue().take(|_| true);
        let Some((task, layer)) = next else { return false };
        let unfinished = self.advance(task);
        let mut queue = self.queue();
        if let Some(task) = unfinished {
            queue.put_back(task, layer);
        }
        !queue.is_empty()
    }

    /// Does the work of one document until `is_enough`, the lines near `line` first.
    pub fn catch_up(&self, document: &str, line: usize, is_enough: &dyn Fn() -> bool) {
        while !is_enough() {
            let next = self.queue().take(|task| task.document() == document);
            let Some((task, layer)) = next else { return };
            let mut unfinished = self.advance(task);
            if let Some(IndexTask::Upsert(indexing)) = &mut unfinished {
                indexing.prefer_lines_near(line);
            }
            while !is_enough()
                && let Some(task) = unfinished.take()
            {
                unfinished = self.advance(task);
            }
            if let Some(task) = unfinished {
                self.queue().put_back(task, layer);
            }
        }
    }

    /// Begins to predict at a cursor. The last `n_healed` bytes before it are predicted again (token healing).
    #[must_use]
    pub fn lookup(&self, cursor: &Cursor<'_>, n_healed: usize) -> Lookup<'_> {
        Lookup::new(&self.index, &*self.vocabulary, cursor, n_healed)
    }

    /// Does one step of a task. Returns the task if there is more to do.
    fn advance(&self, task: IndexTask) -> Option<IndexTask> {
        match task {
            IndexTask::Upsert(mut indexing) => {
                indexing.step(&self.index, &*self.vocabulary).then_some(IndexTask::Upsert(indexing))
            }
            IndexTask::Remove(document) => {
                locked(&self.index).remove(&document);
                None
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index.
    #[cfg(test)]
    pub(crate) fn index(&self) -> &Mutex<Index> {
        &self.index
    }
}
