//! Keeping the models' memory of the project up to date. Invariant: nothing is sent that may hold a secret; a line that is being
//! typed is sent once, not with every key.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use fimble_model::Model;
use fimble_secrets::is_secret_path;

use crate::documents::open_document::OpenDocument;
use crate::session::Session;
use crate::workspace::document_update::{DocumentUpdate, Sent, SentRevision};
use crate::workspace::memory_state::{MAX_WORKSPACE_BYTES, upsert_files};

/// Longer documents are data, or too long to repeat from.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

impl Session {
    /// Sends the documents that changed elsewhere than on the line being typed. To be called when no event waits.
    pub(crate) fn remember_documents(&mut self) {
        let (models, serial) = (self.models.remembering(), self.models.serial);
        if models.is_empty() || !self.settings.enabled {
            return;
        }
        for document in self.documents.iter_mut() {
            let line = document.text().line_of(document.last_changed());
            let is_known = document.sent.is_some_and(|sent| {
                sent.serial == serial && (sent.revision == document.revision || sent.line == line)
            });
            if is_known || !document.is_in_sync() {
                continue;
            }
            if let Some(update) = update_of(document, &models, serial) {
                self.memory.workers.spawn(move || update.send());
            }
        }
    }

    /// The update that has to come before the first completion in a document that was opened just now; none if the memory's
    /// thread has sent one.
    pub(crate) fn first_update(&mut self, document: u64) -> Option<DocumentUpdate> {
        let (models, serial) = (self.models.remembering(), self.models.serial);
        if models.is_empty() {
            return None;
        }
        let document = self.documents.by_id_mut(document)?;
        let is_known = document.sent_revision.serial() == serial;
        if is_known { None } else { update_of(document, &models, serial) }
    }

    /// A document was closed: its file on the disk is sent again, if it belongs to the workspace.
    pub(crate) fn remember_closed(&mut self, file: String, newest: Arc<SentRevision>) {
        let (models, files) = (self.models.remembering(), Arc::clone(&self.memory.files));
        if models.is_empty() {
            return;
        }
        self.memory.workers.spawn(move || {
            newest.close();
            for index in models.iter().filter_map(|model| model.context_index()) {
                index.remove(&file);
            }
            files.lock().unwrap_or_else(PoisonError::into_inner).files.remove(&file);
        });
        self.remember_workspace();
    }

    /// Sends the workspace's files that the memory lacks, and has it forget those that are gone. Open documents are sent by
    /// themselves.
    pub(crate) fn remember_workspace(&mut self) {
        let (models, files) = (self.models.remembering(), Arc::clone(&self.memory.files));
        let Some(workspace) = self.snippet_source().filter(|_| !models.is_empty()) else { return };
        let (serial, cancel) = (self.models.serial, self.index.cancel());
        let open: BTreeSet<String> = self.documents.iter().map(|document| document.file.clone()).collect();
        self.memory.workers.spawn(move || {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            files.begin(serial);
            upsert_files(&models, &workspace, &open, &mut files, MAX_WORKSPACE_BYTES, &cancel);
        });
    }
}

/// The update by a document as it is now, which counts as sent; none if the document is not to be remembered.
fn update_of(document: &mut OpenDocument, models: &[Arc<dyn Model>], serial: u64) -> Option<DocumentUpdate> {
    let line = document.text().line_of(document.last_changed());
    document.sent = Some(Sent { serial, revision: document.revision, line });
    let fits = document.unfit().is_none()
        && document.text().len() <= MAX_DOCUMENT_BYTES
        && !is_secret_path(Path::new(&document.path));
    fits.then(|| DocumentUpdate {
        models: models.to_vec(),
        file: document.file.clone(),
        text: document.text().clone(),
        has_grammar: document.language.is_some(),
        order: (serial, document.revision),
        newest: Arc::clone(&document.sent_revision),
    })
}
