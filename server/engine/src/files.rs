//! Where a model's files are: a folder, or memory. Invariant: both answer the same questions, so that everything above
//! reads a bundled model and a downloaded one with the same code.

use std::borrow::Cow;
use std::io::Read;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use fimble_model::{ErrorCode, LoadError};

/// How a file begins that stands for a large one in a repository which was cloned without Git LFS. Source: the
/// specification of Git LFS, version 1; a pointer is under 1024 bytes.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Largest file that is read into memory. What is larger, the weights, is mapped.
const MAX_BYTES: u64 = 4 << 30;

/// Where a model comes from.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// A folder with a model in the layout of onnxruntime-genai or of optimum and transformers.js.
    Folder(PathBuf),
    /// Files in memory.
    Memory {
        /// Name of the model.
        name: String,
        /// The files, by their path relative to the model's folder with forward slashes.
        files: Vec<(String, &'static [u8])>,
    },
}

impl ModelSource {
    /// Name of the model, for people: the folder's own name, or the name given.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => {
                let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                name.unwrap_or_else(|| folder.display().to_string())
            }
            Self::Memory { name, .. } => name.clone(),
        }
    }

    /// The file as people find it.
    pub(crate) fn describe(&self, file: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(file).display().to_string(),
            Self::Memory { name, .. } => format!("{file} of the model {name:?}"),
        }
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, file: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(file).is_file(),
            Self::Memory { files, .. } => files.iter().any(|(name, _)| name == file),
        }
    }

    /// The names of the files directly in a subfolder ("" is the model's folder itself), sorted.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Folder(root) => std::fs::read_dir(root.join(folder))
                .map(|entries| {
                    entries
                        .flatten()
                        .filter(|entry| entry.path().is_file())
                        .map(|entry| entry.file_name().to_string_lossy().into_owned())
                        .collect()
                })
                .unwrap_or_default(),
            Self::Memory { files, .. } => files
                .iter()
                .filter_map(|(name, _)| {
                    let rest = if folder.is_empty() {
                        name
                    } else {
                        name.strip_prefix(folder)?.strip_prefix('/')?
                    };
                    (!rest.contains('/')).then(|| rest.to_owned())
                })
                .collect(),
        };
        names.sort_unstable();
        names
    }

    /// Length of a file in bytes, 0 if there is none.
    pub(crate) fn length(&self, file: &str) -> u64 {
        match self {
            Self::Folder(folder) => std::fs::metadata(folder.join(file)).map_or(0, |metadata| metadata.len()),
            Self::Memory { files, .. } => {
                files.iter().find(|(name, _)| name == file).map_or(0, |(_, bytes)| bytes.len() as u64)
            }
        }
    }

    /// Path, length and time of a file; none for files in memory, and where the system does not say.
    pub(crate) fn state_of(&self, file: &str) -> Option<String> {
        let Self::Folder(folder) = self else { return None };
        let metadata = std::fs::metadata(folder.join(file)).ok()?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{file} of {} bytes at {}", metadata.len(), changed.as_nanos()))
    }

    /// The content of a file.
    pub(crate) fn read(&self, file: &str) -> Result<Cow<'static, [u8]>, LoadError> {
        let missing = |reason: &str| LoadError {
            code: ErrorCode::ModelUnreadable,
            cause: format!("{} cannot be read: {reason}", self.describe(file)),
            remedy: "Download or copy the model again, with all of its files".to_owned(),
        };
        match self {
            Self::Folder(folder) => {
                let read = fimble_files::read(&folder.join(file), MAX_BYTES);
                let bytes = read.map_err(|error| missing(&error.to_string()))?;
                if bytes.starts_with(POINTER) { Err(self.pointer_fault(file)) } else { Ok(Cow::Owned(bytes)) }
            }
            Self::Memory { files, .. } => files
                .iter()
                .find(|(name, _)| name == file)
                .map(|(_, bytes)| Cow::Borrowed(*bytes))
                .ok_or_else(|| missing("there is no such file")),
        }
    }

    /// Whether a file is a pointer of Git LFS. One that cannot be read is none.
    pub(crate) fn is_pointer(&self, file: &str) -> bool {
        let Self::Folder(folder) = self else { return false };
        let mut beginning = Vec::with_capacity(POINTER.len());
        let most = POINTER.len() as u64;
        let read = fimble_files::open(&folder.join(file))
            .and_then(|file| file.take(most).read_to_end(&mut beginning));
        read.is_ok() && beginning == POINTER
    }

    /// The error for a pointer of Git LFS.
    pub(crate) fn pointer_fault(&self, file: &str) -> LoadError {
        self.fault(
            file,
            "it is a pointer of Git LFS and not the file itself",
            "Run `git lfs pull` in the repository it is from, or download the file; a model that was added before is to be added again",
        )
    }

    /// An error about one of the files.
    pub(crate) fn fault(&self, file: &str, reason: &str, remedy: &str) -> LoadError {
        LoadError {
            code: ErrorCode::ModelUnusable,
            cause: format!("{}: {reason}", self.describe(file)),
            remedy: remedy.to_owned(),
        }
    }
}
