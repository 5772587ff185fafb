//! Telling the model what it may repeat: the open documents and the files of the workspace. Must hold: nothing is told that
//! may hold a secret; a line that is being typed is told once, not with every key; the loop copies no text.

use std::path::Path;
use std::sync::Arc;

use fimble_document::Text;
use fimble_model::{Layer, Model};
use fimble_workspace::secrets::{find_secret, is_secret_path};

use crate::model_state::ModelState;
use crate::session::Session;
use crate::workers::Workers;

/// Longer documents are data, or too much to repeat from.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Text of the workspace that is told, in bytes: it fits the memory that models keep for it by default.
const MAX_WORKSPACE_BYTES: usize = 4 << 20;

/// What was told of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The load of the model that was told.
    load: u64,
    revision: u64,
    /// Line of the last change then.
    line: usize,
}

/// The thread that tells.
pub(crate) struct ProjectTeller {
    workers: Workers,
}

impl ProjectTeller {
    pub(crate) fn new() -> Self {
        Self { workers: Workers::new("fimble-project", 1) }
    }
}

impl Session {
    /// Tells the model of documents that changed elsewhere than on the line being typed. To be called when no event waits.
    pub(crate) fn tell_of_documents(&mut self) {
        let ModelState::Ready(model) = &self.model else { return };
        if !self.settings.enabled {
            return;
        }
        let load = self.load_serial();
        let model = Arc::clone(model);
        for document in self.documents.iter_mut() {
            let line = document.text().line_of(document.last_changed());
            let now = Told { load, revision: document.revision, line };
            let is_known = document.told.is_some_and(|told| {
                told.load == load && (told.revision == now.revision || told.line == line)
            });
            if is_known || !document.is_in_sync() {
                continue;
            }
            document.told = Some(now);
            let fits = document.language.is_some()
                && document.unfit().is_none()
                && document.text().len() <= MAX_DOCUMENT_BYTES
                && !is_secret_path(Path::new(&document.path));
            if fits {
                let (model, path, text) =
                    (Arc::clone(&model), document.path.clone(), document.text().clone());
                self.project.workers.spawn(move || tell_of_document(&*model, path, &text));
            }
        }
    }

    /// A document was closed: what it was on the disk is told of again, if it belongs to the workspace.
    pub(crate) fn closed_document(&mut self, path: String) {
        let ModelState::Ready(model) = &self.model else { return };
        let (model, workspace) = (Arc::clone(model), self.snippet_source());
        self.project.workers.spawn(move || {
            model.forget(&path);
            let is_known = |workspace: &Arc<fimble_workspace::Workspace>| workspace.files().contains(&path);
            if let Some(text) = workspace.filter(is_known).and_then(|workspace| workspace.text(&path)) {
                model.remember(path.into(), Layer::Workspace, text.into());
            }
        });
    }

    /// Tells the model of the workspace's files, once they are indexed. What is open is told of on its own.
    pub(crate) fn tell_of_workspace(&mut self) {
        let ModelState::Ready(model) = &self.model else { return };
        let Some(workspace) = self.snippet_source() else { return };
        let model = Arc::clone(model);
        let cancel = self.index.cancel();
        self.index.spawn(move || {
            let mut n_left = MAX_WORKSPACE_BYTES;
            for path in workspace.files() {
                if cancel.is_cancelled() {
                    return;
                }
                let text = workspace.text(&path).filter(|text| text.len() <= n_left);
                if let Some(text) = text {
                    n_left -= text.len();
                    model.remember(path.into(), Layer::Workspace, text.into());
                }
            }
        });
    }
}

fn tell_of_document(model: &dyn Model, path: String, text: &Text) {
    let text = text.slice(0..text.len());
    if find_secret(&text).is_none() {
        model.remember(path.into(), Layer::Open, text.as_ref().into());
    } else {
        model.forget(&path);
    }
}
