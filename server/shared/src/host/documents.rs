//! The documents of one workspace, which its windows share. Invariant: a document is in the model's memory as long as one window has
//! it; of several texts, that of an open document counts before that of a file, and the last one before the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::{ContextIndex, Layer};

/// The text of a document in one window.
#[derive(Clone)]
struct Held {
    window: u64,
    layer: Layer,
    text: Arc<str>,
}

impl Held {
    fn is(&self, other: &Self) -> bool {
        self.layer == other.layer && Arc::ptr_eq(&self.text, &other.text)
    }
}

/// The documents of a workspace, the last text of each at the end.
#[derive(Default)]
pub(super) struct Documents(Mutex<BTreeMap<Arc<str>, Vec<Held>>>);

/// The text that counts.
fn effective(held: &[Held]) -> Option<Held> {
    // Of equal ones, the last.
    held.iter().max_by_key(|held| held.layer).cloned()
}

/// Brings a change of the text that counts to the model.
fn apply(index: &dyn ContextIndex, source: &Arc<str>, before: Option<Held>, now: Option<Held>) {
    match (before, now) {
        (Some(before), Some(now)) if before.is(&now) => {}
        (before, Some(now)) => {
            // The text of an open document counts until it is removed.
            if before.is_some_and(|before| before.layer > now.layer) {
                index.remove(source);
            }
            index.upsert(Arc::clone(source), now.layer, now.text);
        }
        (Some(_), None) => index.remove(source),
        (None, None) => {}
    }
}

impl Documents {
    /// A window has this text of a document.
    pub(super) fn upsert(
        &self,
        index: &dyn ContextIndex,
        window: u64,
        source: Arc<str>,
        layer: Layer,
        text: Arc<str>,
    ) {
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = documents.entry(Arc::clone(&source)).or_default();
        let before = effective(held);
        // Windows of one workspace have most texts in common, which are kept once.
        let text = held.iter().find(|held| held.text == text).map_or(text, |held| Arc::clone(&held.text));
        held.retain(|held| held.window != window);
        held.push(Held { window, layer, text });
        apply(index, &source, before, effective(held));
    }

    /// A window has a document no more.
    pub(super) fn remove(&self, index: &dyn ContextIndex, window: u64, source: &str) {
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((source, mut held)) = documents.remove_entry(source) else { return };
        let before = effective(&held);
        held.retain(|held| held.window != window);
        apply(index, &source, before, effective(&held));
        if !held.is_empty() {
            documents.insert(source, held);
        }
    }

    /// A window has left.
    pub(super) fn leave(&self, index: &dyn ContextIndex, window: u64) {
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        documents.retain(|source, held| {
            let before = effective(held);
            held.retain(|held| held.window != window);
            apply(index, source, before, effective(held));
            !held.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documents of a model, as it was told of them.
    #[derive(Default)]
    struct Memory {
        texts: Mutex<BTreeMap<String, (Layer, String)>>,
        n_upserts: Mutex<usize>,
    }

    impl ContextIndex for Memory {
        fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
            *self.n_upserts.lock().unwrap() += 1;
            let mut texts = self.texts.lock().unwrap();
            // As the project cache does.
            if texts.get(&*source).is_none_or(|(known, _)| *known <= layer) {
                texts.insert(source.to_string(), (layer, text.to_string()));
            }
        }

        fn remove(&self, source: &str) {
            self.texts.lock().unwrap().remove(source);
        }
    }

    impl Memory {
        fn text(&self, source: &str) -> Option<String> {
            self.texts.lock().unwrap().get(source).map(|(_, text)| text.clone())
        }
    }

    #[test]
    fn a_document_stays_until_its_last_window_leaves() {
        let (documents, memory) = (Documents::default(), Memory::default());
        let upsert = |window, layer, text: &str| {
            documents.upsert(&memory, window, "a.rs".into(), layer, text.into());
        };
        upsert(1, Layer::Workspace, "file");
        upsert(2, Layer::Workspace, "file");
        assert_eq!(*memory.n_upserts.lock().unwrap(), 1, "the same text is not read twice");
        upsert(2, Layer::Open, "typed in 2");
        upsert(1, Layer::Workspace, "file again");
        assert_eq!(memory.text("a.rs").unwrap(), "typed in 2");
        upsert(1, Layer::Open, "typed in 1");
        assert_eq!(memory.text("a.rs").unwrap(), "typed in 1");
        documents.remove(&memory, 1, "a.rs");
        assert_eq!(memory.text("a.rs").unwrap(), "typed in 2");
        upsert(1, Layer::Workspace, "file");
        documents.leave(&memory, 2);
        assert_eq!(memory.text("a.rs").unwrap(), "file");
        documents.leave(&memory, 1);
        assert_eq!(memory.text("a.rs"), None);
    }
}
