//! The texts of the project that a chain was given, for members that are opened later. Must hold: a member that becomes ready knows all
//! that the ready ones know, the newest text of each source; nothing is kept that no member can need any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fimble_model::{Layer, Model};

type Texts = BTreeMap<Arc<str>, (Layer, Arc<str>)>;

/// The texts of the project, by source.
#[derive(Default)]
pub(super) struct Project {
    /// Locked while texts are handed over, so that no member gets an older text behind a newer one.
    texts: Mutex<Texts>,
}

impl Project {
    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a model that was opened everything, and makes it ready.
    pub(super) fn hand_over(&self, model: &dyn Model, make_ready: impl FnOnce()) {
        let texts = self.texts();
        for (source, (layer, text)) in &*texts {
            model.remember(Arc::clone(source), *layer, Arc::clone(text));
        }
        make_ready();
    }

    /// Tells the models that are ready; keeps the text if `is_awaited` says that another may come.
    pub(super) fn remember(
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
            model.remember(Arc::clone(&source), layer, Arc::clone(&text));
        }
    }

    /// Has a source forgotten by the models that are ready, and by those that come.
    pub(super) fn forget(&self, source: &str, ready: impl FnOnce() -> Vec<Arc<dyn Model>>) {
        let mut texts = self.texts();
        texts.remove(source);
        for model in ready() {
            model.forget(source);
        }
    }
}
