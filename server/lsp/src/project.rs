//! Telling the model what it may repeat: the open documents and the files of the workspace. Must hold: nothing is told that
//! may hold a secret; a line that is being typed is told once, not with every key; the loop copies no text; files are named by
//! their whole path, so that two of the same name are two.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fimble_document::Text;
use fimble_model::{CancelToken, Layer, Model};
use fimble_secrets::{has_secret, is_secret_path};
use fimble_workspace::{FileFacts, Workspace, judge};

use crate::open_document::OpenDocument;
use crate::session::Session;
use crate::workers::Workers;

/// Longer documents are data, or too much to repeat from.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Text of the workspace that is told, in bytes: it fits the memory that models keep for it by default.
const MAX_WORKSPACE_BYTES: usize = 4 << 20;

/// What was told of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The model that received the update.
    serial: u64,
    revision: u64,
    /// Line of the last change then.
    line: usize,
}

/// The thread that tells, of one thing after the other.
pub(crate) struct ProjectTeller {
    workers: Workers,
    files: Arc<Mutex<ToldFiles>>,
}

impl ProjectTeller {
    pub(crate) fn new() -> Self {
        Self { workers: Workers::new("fimble-project", 1), files: Arc::default() }
    }
}

/// A text that the model is to be told of. Whatever thread does that, an older text never takes the place of a newer one.
pub(crate) struct Telling {
    /// Each of them.
    models: Vec<Arc<dyn Model>>,
    file: String,
    text: Text,
    has_grammar: bool,
    /// The model, and the revision.
    order: (u64, u64),
    newest: Arc<NewestTold>,
}

/// What a model was told of a document last.
#[derive(Default)]
pub(crate) struct NewestTold {
    /// The model and the revision, the highest numbers once the document is closed. Locked while the update is sent.
    order: Mutex<(u64, u64)>,
    /// The model that has been told; 0 if none has.
    serial: AtomicU64,
}

const CLOSED: (u64, u64) = (u64::MAX, u64::MAX);

impl Telling {
    /// Tells, unless that or something newer was told.
    pub(crate) fn tell(&self) {
        let mut newest = self.newest.order.lock().unwrap_or_else(PoisonError::into_inner);
        if *newest < self.order {
            *newest = self.order;
            self.tell_of_text();
            self.newest.serial.store(self.order.0, Ordering::Relaxed);
        }
    }

    /// What somebody writes is remembered, whatever the language; data is not, and nothing with a secret.
    fn tell_of_text(&self) {
        let text = self.text.slice(0..self.text.len());
        let is_data = !self.has_grammar && judge(&text, false).is_some();
        let (is_remembered, text) = (!is_data && !has_secret(&text), Arc::<str>::from(text.as_ref()));
        for model in &self.models {
            match is_remembered {
                true => model.remember(self.file.as_str().into(), Layer::Open, Arc::clone(&text)),
                false => model.forget(&self.file),
            }
        }
    }
}

impl Session {
    /// Tells the model of documents that changed elsewhere than on the line being typed. To be called when no event waits.
    pub(crate) fn tell_of_documents(&mut self) {
        let (models, serial) = (self.remembering(), self.model_serial());
        if models.is_empty() || !self.settings.enabled {
            return;
        }
        for document in self.documents.iter_mut() {
            let line = document.text().line_of(document.last_changed());
            let is_known = document.told.is_some_and(|told| {
                told.serial == serial && (told.revision == document.revision || told.line == line)
            });
            if is_known || !document.is_in_sync() {
                continue;
            }
            if let Some(telling) = telling(document, &models, serial) {
                self.project.workers.spawn(move || telling.tell());
            }
        }
    }

    /// What the model has to be told before it can complete in a document that was opened this very moment, and that the thread
    /// which tells has not come to.
    pub(crate) fn first_telling(&mut self, document: u64) -> Option<Telling> {
        let (models, serial) = (self.remembering(), self.model_serial());
        if models.is_empty() {
            return None;
        }
        let document = self.documents.by_id_mut(document)?;
        let is_known = document.newest_told.serial.load(Ordering::Relaxed) == serial;
        if is_known { None } else { telling(document, &models, serial) }
    }

    /// A document was closed: what it is on the disk is told of again, if it belongs to the workspace.
    pub(crate) fn closed_document(&mut self, file: String, newest: Arc<NewestTold>) {
        let (models, files) = (self.remembering(), Arc::clone(&self.project.files));
        if models.is_empty() {
            return;
        }
        self.project.workers.spawn(move || {
            *newest.order.lock().unwrap_or_else(PoisonError::into_inner) = CLOSED;
            for model in &models {
                model.forget(&file);
            }
            files.lock().unwrap_or_else(PoisonError::into_inner).files.remove(&file);
        });
        self.tell_of_workspace();
    }

    /// Tells the model of the workspace's files, as far as it does not know them, and to forget those that are gone. What is
    /// open is told of on its own.
    pub(crate) fn tell_of_workspace(&mut self) {
        let (models, files) = (self.remembering(), Arc::clone(&self.project.files));
        let Some(workspace) = self.snippet_source().filter(|_| !models.is_empty()) else { return };
        let (serial, cancel) = (self.model_serial(), self.index.cancel());
        let open: BTreeSet<String> = self.documents.iter().map(|document| document.file.clone()).collect();
        self.project.workers.spawn(move || {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            files.begin(serial);
            tell_of_files(&models, &workspace, &open, &mut files, MAX_WORKSPACE_BYTES, &cancel);
        });
    }
}

impl Session {
    /// The models that remember the project: the one that answers, and the small one beside it.
    fn remembering(&self) -> Vec<Arc<dyn Model>> {
        self.model.current().into_iter().chain(self.model.small()).cloned().collect()
    }
}

/// Notes that a document as it is now is told of; none if it is not to be.
fn telling(document: &mut OpenDocument, models: &[Arc<dyn Model>], serial: u64) -> Option<Telling> {
    let line = document.text().line_of(document.last_changed());
    document.told = Some(Told { serial, revision: document.revision, line });
    let fits = document.unfit().is_none()
        && document.text().len() <= MAX_DOCUMENT_BYTES
        && !is_secret_path(Path::new(&document.path));
    fits.then(|| Telling {
        models: models.to_vec(),
        file: document.file.clone(),
        text: document.text().clone(),
        has_grammar: document.language.is_some(),
        order: (serial, document.revision),
        newest: Arc::clone(&document.newest_told),
    })
}

/// What was told of the workspace's files.
#[derive(Default)]
struct ToldFiles {
    /// The model that received the updates.
    serial: u64,
    files: BTreeMap<String, FileFacts>,
}

impl ToldFiles {
    /// Another model was told nothing.
    fn begin(&mut self, serial: u64) {
        if self.serial != serial {
            *self = Self { serial, ..Self::default() };
        }
    }
}

fn tell_of_files(
    models: &[Arc<dyn Model>],
    workspace: &Workspace,
    open: &BTreeSet<String>,
    told: &mut ToldFiles,
    max_bytes: usize,
    cancel: &CancelToken,
) {
    let forget = |file: &str| models.iter().for_each(|model| model.forget(file));
    // As many as fit of those that matter most.
    let mut n_bytes = 0;
    let mut files = workspace.files_by_rank();
    files.retain(|(file, facts)| {
        let fits = !open.contains(file) && n_bytes + facts.bytes <= max_bytes;
        n_bytes += if fits { facts.bytes } else { 0 };
        fits
    });
    let wanted: BTreeSet<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
    let gone: Vec<String> =
        told.files.keys().filter(|file| !wanted.contains(file.as_str())).cloned().collect();
    for file in gone {
        told.files.remove(&file);
        if !open.contains(&file) {
            forget(&file);
        }
    }
    for (file, facts) in files {
        if cancel.is_cancelled() {
            return;
        }
        if told.files.get(&file) == Some(&facts) {
            continue;
        }
        let was_told = told.files.remove(&file).is_some();
        match workspace.text(&file) {
            Some(text) => {
                let text = Arc::<str>::from(text);
                for model in models {
                    model.remember(file.as_str().into(), Layer::Workspace, Arc::clone(&text));
                }
                told.files.insert(file, facts);
            }
            None if was_told => forget(&file),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use fimble_model::{GenerateRequest, Generation, ModelError, ModelInfo, TokenObserver};

    use super::*;

    /// A model that only remembers.
    #[derive(Default)]
    struct Memory(Mutex<BTreeSet<String>>);

    impl Memory {
        fn names(&self) -> Vec<String> {
            let files = self.0.lock().unwrap();
            files.iter().map(|file| file.rsplit('/').next().unwrap_or_default().to_owned()).collect()
        }
    }

    impl Model for Memory {
        fn info(&self) -> &ModelInfo {
            unreachable!("nobody asks what it is")
        }

        fn count_tokens(&self, _: &str) -> usize {
            0
        }

        fn remember(&self, source: Arc<str>, _: Layer, _: Arc<str>) {
            self.0.lock().unwrap().insert(source.to_string());
        }

        fn forget(&self, source: &str) {
            self.0.lock().unwrap().remove(source);
        }

        fn generate(
            &self,
            _: GenerateRequest,
            _: &CancelToken,
            _: TokenObserver,
        ) -> Result<Generation, ModelError> {
            unreachable!("it only remembers")
        }
    }

    #[test]
    fn what_is_near_to_the_open_documents_is_remembered_where_not_all_fits() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text, age) in [
            ("a/one.rs", "fn one() {}\n", 30),
            ("a/two.kt", "fun two()=2\n", 20),
            ("z/three.rs", "fn tri() {}\n", 10),
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let then = SystemTime::now() - Duration::from_secs(age);
            fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
        }
        let workspace = Workspace::default();
        workspace.set_folders(vec![folder.path().display().to_string()]);
        // Both have room for the same.
        let memories = [Arc::new(Memory::default()), Arc::new(Memory::default())];
        let models = memories.clone().map(|memory| -> Arc<dyn Model> { memory });
        let (mut told, cancel) = (ToldFiles::default(), CancelToken::new());
        for (open, expected) in
            [("z/main.rs", "three.rs"), ("a/main.rs", "two.kt"), ("z/main.rs", "three.rs")]
        {
            let open = format!("{}/{open}", folder.path().display());
            workspace.set_open(std::iter::once(open.as_str()));
            workspace.scan(&|| false);
            let open = BTreeSet::from([open]);
            tell_of_files(&models, &workspace, &open, &mut told, 25, &cancel);
            for memory in &memories {
                let names = memory.names();
                assert_eq!(names.len(), 2, "two fit: {names:?}");
                assert!(names.contains(&expected.to_owned()), "{names:?}");
            }
        }
        tell_of_files(&models, &workspace, &BTreeSet::new(), &mut told, 1000, &cancel);
        for memory in &memories {
            assert_eq!(memory.names(), ["one.rs", "two.kt", "three.rs"]);
        }
    }
}
