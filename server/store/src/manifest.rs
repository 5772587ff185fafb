//! The list of checksums that is kept beside the files of an added model, and where the model came from. Invariant: it names
//! every file that was added, by a relative path with `/`; a manifest of an older version stays readable.

use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Its name in a model folder.
pub(crate) const MANIFEST_FILE: &str = "fimble-manifest.json";

/// Its largest size in bytes: a line for each of thousands of files.
const MAX_BYTES: u64 = 16 << 20;

/// The version of its format.
const FORMAT: u32 = 1;

/// The record of an added model.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The folder or file it was added from, for people.
    pub source: String,
    /// The origin in detail; absent in manifests of older versions and for folders added as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// Whether the model was found to write several lines well; absent where that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_code: Option<bool>,
    pub files: Vec<ManifestFile>,
}

/// The origin and the kind of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The name that the user gave: `hf:OWNER/REPO/FILE`, `ollama:NAME:TAG`, a path.
    pub source: String,
    /// The file that was read, absolute; it may not exist any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// SHA-256 of that file in hex; of the parts joined, if it is split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The conversion of the weights: `exact`, `int8` or `int4`; none if they were not converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The licence, as an SPDX identifier where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The architecture that the file names: `qwen2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The quantisation of the file: `Q4_K_M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
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
    /// The path in a model folder; `None` if its path leads out of it.
    pub(crate) fn under(&self, folder: &Path) -> Option<PathBuf> {
        let inside = Path::new(&self.path).components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.path.split('/').fold(folder.to_owned(), |path, part| path.join(part)))
    }
}

impl Manifest {
    /// A manifest of these files.
    pub(crate) fn new(source: &Path, files: Vec<ManifestFile>) -> Self {
        Self {
            format: FORMAT,
            source: source.display().to_string(),
            provenance: None,
            writes_code: None,
            files,
        }
    }

    /// A manifest of these files, which were made from that source.
    pub(crate) fn with_provenance(provenance: Provenance, files: Vec<ManifestFile>) -> Self {
        let source = provenance.source.clone();
        Self { format: FORMAT, source, provenance: Some(provenance), writes_code: None, files }
    }

    /// The manifest of a model folder; the error says what is wrong with it.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let text = fimble_files::read(&folder.join(MANIFEST_FILE), MAX_BYTES).map_err(|error| match error
            .kind()
        {
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

    /// Whether another one names the same files with the same checksums.
    pub(crate) fn has_same_files(&self, other: &Self) -> bool {
        let key = |file: &ManifestFile| (file.path.clone(), file.sha256.clone());
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) =
            (self.files.iter().map(key).collect(), other.files.iter().map(key).collect());
        ours.sort();
        theirs.sort();
        ours == theirs
    }

    /// Bytes of all files.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_an_older_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            r#"{"format": 1, "source": "/m/coder", "files": [{"path": "a", "size": 3, "sha256": "x"}]}"#;
        std::fs::write(folder.path().join(MANIFEST_FILE), text).unwrap();
        let manifest = Manifest::read(folder.path()).unwrap();
        assert_eq!((manifest.source.as_str(), manifest.n_bytes()), ("/m/coder", 3));
        assert_eq!(manifest.provenance, None);
    }

    #[test]
    fn provenance_survives_and_may_grow() {
        let folder = tempfile::tempdir().unwrap();
        let provenance = Provenance {
            source: "ollama:coder:1.5b".to_owned(),
            sha256: Some("abc".to_owned()),
            precision: Some("exact".to_owned()),
            ..Provenance::default()
        };
        let manifest = Manifest::with_provenance(provenance.clone(), Vec::new());
        let text =
            String::from_utf8(manifest.to_bytes()).unwrap().replace("\"sha256\"", "\"later\": 1, \"sha256\"");
        std::fs::write(folder.path().join(MANIFEST_FILE), text).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap().provenance, Some(provenance));
    }
}
