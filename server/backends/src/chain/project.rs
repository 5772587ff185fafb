//! The documents of the project, for members that are opened later. Invariant: a member that becomes ready has the same documents as
//! the ready ones; nothing is kept that no member can need any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fimble_model::{Layer, Model};

type Texts = BTreeMap<Arc<str>, (Layer, Arc<str>)>;

/// The texts of the project, by source.
#[derive(Default)]
pub(super) struct Project {
    /// Locked during every update, so that no member gets an older text after a newer one.
    texts: Mutex<Texts>,
}

impl Project {
    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives all documents to a model that was opened, and makes it ready.
    pub(super) fn hand_over(&self, model: &dyn Model, make_ready: impl FnOnce()) {
        let texts = self.texts();
        if let Some(index) = model.context_index() {
            for (source, (layer, text)) in &*texts {
                index.upsert(Arc::clone(source), *layer, Arc::clone(text));
            }
        }
        make_ready();
    }

    /// Gives a document to the models that are ready. Keeps it if another model may be opened later (`is_awaited`).
    pub(super) fn upsert(
        &self,
        (source, layer, text): (Arc<str>, Layer, Arc<str>),
        is_awaited: impl FnOnce() -> bool,
        ready: impl FnOnce() -> Vec<Arc<dyn Model>>,
    ) {
        let mut texts = self.texts();
        if is_awaited() {
            texts.insert(Arc::clone(&source), (layer, Arc::clone(&text)));
        } else {
            texts.clear();
        }
        for model in ready() {
            if let Some(index) = model.context_index() {
                index.upsert(Arc::clone(&source), layer, Arc::clone(&text));
            }
        }
    }

    /// Removes a document from the models that are ready, and for those that are opened later.
    pub(super) fn remove(&self, source: &str, ready: impl FnOnce() -> Vec<Arc<dyn Model>>) {
        let mut texts = self.texts();
        texts.remove(source);
        for model in ready() {
            if let Some(index) = model.context_index() {
                index.remove(source);
            }
        }
    }
}
