//! Updates of the models' memory of the project by an open document. Invariant: an older text never replaces a newer one, whatever
//! thread sends it; what may hold a secret is never sent; the loop copies no text.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fimble_document::Text;
use fimble_model::{Layer, Model};
use fimble_secrets::has_secret;
use fimble_workspace::judge;

/// The last update that was made for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The serial of the model that it was made for.
    pub(crate) serial: u64,
    pub(crate) revision: u64,
    /// Line of the last change then.
    pub(crate) line: usize,
}

/// An update by a document's text.
pub(crate) struct DocumentUpdate {
    /// Who receives it.
    pub(crate) models: Vec<Arc<dyn Model>>,
    pub(crate) file: String,
    pub(crate) text: Text,
    pub(crate) has_grammar: bool,
    /// The serial of the model, and the revision.
    pub(crate) order: (u64, u64),
    pub(crate) newest: Arc<SentRevision>,
}

/// The newest text of a document that was sent.
#[derive(Default)]
pub(crate) struct SentRevision {
    /// The serial of the model and the revision. Locked while an update is sent.
    order: Mutex<(u64, u64)>,
    /// The serial of the model that has received one; 0 if none has.
    serial: AtomicU64,
}

/// The order of a document that is closed: nothing is newer.
const CLOSED: (u64, u64) = (u64::MAX, u64::MAX);

impl SentRevision {
    /// The serial of the model that has received the document; 0 if none has.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Ordering::Relaxed)
    }

    /// The document is closed: later updates by it are dropped.
    pub(crate) fn close(&self) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = CLOSED;
    }
}

impl DocumentUpdate {
    /// Sends the text, unless it or a newer one was sent.
    pub(crate) fn send(&self) {
        let mut newest = self.newest.order.lock().unwrap_or_else(PoisonError::into_inner);
        if *newest < self.order {
            *newest = self.order;
            self.send_text();
            self.newest.serial.store(self.order.0, Ordering::Relaxed);
        }
    }

    /// Code and prose are remembered, whatever the language; data is not, and nothing with a secret.
    fn send_text(&self) {
        let text = self.text.slice(0..self.text.len());
        let is_data = !self.has_grammar && judge(&text, false).is_some();
        let (is_remembered, text) = (!is_data && !has_secret(&text), Arc::<str>::from(text.as_ref()));
        for index in self.models.iter().filter_map(|model| model.context_index()) {
            match is_remembered {
                true => index.upsert(self.file.as_str().into(), Layer::Open, Arc::clone(&text)),
                false => index.remove(&self.file),
            }
        }
    }
}
