//! What the models' memory of the project holds of the workspace's files, and the thread that updates it. Invariant: files are named
//! by their whole path; of more files than fit, those nearest to the open documents are held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fimble_model::{CancelToken, Layer, Model};
use fimble_workspace::{FileFacts, Workspace};

use crate::workers::Workers;

/// Text of the workspace's files that is sent, in bytes: it fits the memory that models keep for it by default.
pub(crate) const MAX_WORKSPACE_BYTES: usize = 4 << 20;

/// The thread that sends one update after the other, and what it has sent.
pub(crate) struct ProjectMemory {
    pub(crate) workers: Workers,
    pub(crate) files: Arc<Mutex<SentFiles>>,
}

impl ProjectMemory {
    pub(crate) fn new() -> Self {
        Self { workers: Workers::new("fimble-project", 1), files: Arc::default() }
    }
}

/// The files of the workspace that were sent.
#[derive(Default)]
pub(crate) struct SentFiles {
    /// The serial of the model that received them.
    serial: u64,
    pub(crate) files: BTreeMap<String, FileFacts>,
}

impl SentFiles {
    /// A model of another serial has received nothing.
    pub(crate) fn begin(&mut self, serial: u64) {
        if self.serial != serial {
            *self = Self { serial, ..Self::default() };
        }
    }
}

/// Sends the files that a memory lacks, as many as fit into `max_bytes`, and has it forget those that are gone. Files that are
/// `open` are left to the updates by their documents.
pub(crate) fn upsert_files(
    models: &[Arc<dyn Model>],
    workspace: &Workspace,
    open: &BTreeSet<String>,
    sent: &mut SentFiles,
    max_bytes: usize,
    cancel: &CancelToken,
) {
    let indexes = || models.iter().filter_map(|model| model.context_index());
    let forget = |file: &str| indexes().for_each(|index| index.remove(file));
    // As many as fit, by rank.
    let mut n_bytes = 0;
    let mut files = workspace.files_by_rank();
    files.retain(|(file, facts)| {
        let fits = !open.contains(file) && n_bytes + facts.bytes <= max_bytes;
        n_bytes += if fits { facts.bytes } else { 0 };
        fits
    });
    let wanted: BTreeSet<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
    let gone: Vec<String> =
        sent.files.keys().filter(|file| !wanted.contains(file.as_str())).cloned().collect();
    for file in gone {
        sent.files.remove(&file);
        if !open.contains(&file) {
            forget(&file);
        }
    }
    for (file, facts) in files {
        if cancel.is_cancelled() {
            return;
        }
        if sent.files.get(&file) == Some(&facts) {
            continue;
        }
        let was_sent = sent.files.remove(&file).is_some();
        match workspace.text(&file) {
            Some(text) => {
                let text = Arc::<str>::from(text);
                for index in indexes() {
                    index.upsert(file.as_str().into(), Layer::Workspace, Arc::clone(&text));
                }
                sent.files.insert(file, facts);
            }
            None if was_sent => forget(&file),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use fimble_model::{ContextIndex, GenerateRequest, Generation, ModelError, ModelInfo, TokenObserver};

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

    impl ContextIndex for Memory {
        fn upsert(&self, source: Arc<str>, _: Layer, _: Arc<str>) {
            self.0.lock().unwrap().insert(source.to_string());
        }

        fn remove(&self, source: &str) {
            self.0.lock().unwrap().remove(source);
        }
    }

    impl Model for Memory {
        fn info(&self) -> &ModelInfo {
            unreachable!("it is not asked what it is")
        }

        fn count_tokens(&self, _: &str) -> usize {
            0
        }

        fn context_index(&self) -> Option<&dyn ContextIndex> {
            Some(self)
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
        let (mut sent, cancel) = (SentFiles::default(), CancelToken::new());
        for (open, expected) in
            [("z/main.rs", "three.rs"), ("a/main.rs", "two.kt"), ("z/main.rs", "three.rs")]
        {
            let open = format!("{}/{open}", folder.path().display());
            workspace.set_open(std::iter::once(open.as_str()));
            workspace.scan(&|| false);
            let open = BTreeSet::from([open]);
            upsert_files(&models, &workspace, &open, &mut sent, 25, &cancel);
            for memory in &memories {
                let names = memory.names();
                assert_eq!(names.len(), 2, "two fit: {names:?}");
                assert!(names.contains(&expected.to_owned()), "{names:?}");
            }
        }
        upsert_files(&models, &workspace, &BTreeSet::new(), &mut sent, 1000, &cancel);
        for memory in &memories {
            assert_eq!(memory.names(), ["one.rs", "two.kt", "three.rs"]);
        }
    }
}
