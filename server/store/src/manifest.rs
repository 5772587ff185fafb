//! The list of checksums that is kept beside the files of an added model. Must hold: it names every file that was added, by a
//! relative path with `/`.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Its name in a model folder.
pub(crate) const MANIFEST_FILE: &str = "fimble-manifest.json";

/// The version of its format.
const FORMAT: u32 = 1;

/// What was added, and from where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The folder it was added from, for people.
    pub source: String,
    pub files: Vec<ManifestFile>,
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ManifestFile {
    /// Its path in the model folder, with `/`.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl ManifestFile {
    /// Where it is in a model folder; `None` if its path leads out of it.
    pub(crate) fn under(&self, folder: &Path) -> Option<PathBuf> {
        let inside = Path::new(&self.path).components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.path.split('/').fold(folder.to_owned(), |path, part| path.join(part)))
    }
}

impl Manifest {
    /// A manifest of these files.
    pub(crate) fn new(source: &Path, files: Vec<ManifestFile>) -> Self {
        Self { format: FORMAT, source: source.display().to_string(), files }
    }

    /// The manifest of a model folder; the error says what is wrong with it.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let text = fs::read(folder.join(MANIFEST_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no {MANIFEST_FILE}"),
            _ => error.to_string(),
        })?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!(
                "it is of format {}, this version of Fimble knows {FORMAT}",
                manifest.format
            ));
        }
        Ok(manifest)
    }

    /// Its text.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest of plain values is JSON")
    }

    /// Bytes of all files.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}
