//! GGUF files: their metadata and the raw bytes of their tensors. Contents: the interface for callers; the format is in `gguf/`.
//! Invariant: this is the boundary to untrusted files. Nothing in them makes the reader panic or hold more than a small multiple
//! of the header's own bytes; weights are read by position, row by row, and never mapped.
//!
//! Source: the specification of GGUF in ggml's repository (`docs/gguf.md`), versions 2 and 3.

mod error;
mod header;
mod kind;
mod metadata;
mod numbers;
mod source;
mod split;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use error::GgufError;
use header::Header;
pub use header::TensorInfo;
pub use kind::TensorKind;
pub use metadata::{Metadata, Value};
pub use numbers::Numbers;
use source::Source;

const ARCHITECTURE: &str = "general.architecture";

/// An open GGUF file, or all parts of a split one.
#[derive(Debug)]
pub struct GgufFile {
    sources: Vec<Source>,
    paths: Vec<PathBuf>,
    architecture: String,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    by_name: HashMap<String, usize>,
}

impl GgufFile {
    /// Opens a file. If it is a part of a split one, its siblings are found by their names and checked, too; the metadata
    /// are then those of the first part. The files stay open as long as this value lives.
    ///
    /// # Errors
    /// A file cannot be read, is damaged, or is not a GGUF file of version 2 or 3; a part is missing or belongs elsewhere.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let source = Source::open(path)?;
        let header = Header::read(&source, 0)?;
        Self::from_parts(split::all_parts(source, header)?)
    }

    /// Reads a file that is in memory already; errors call it `name`. A split file cannot be read so.
    ///
    /// # Errors
    /// As for [`GgufFile::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, GgufError> {
        let source = Source::memory(name, bytes);
        let header = Header::read(&source, 0)?;
        Self::from_parts(vec![(source, header)])
    }

    fn from_parts(parts: Vec<split::Part>) -> Result<Self, GgufError> {
        let mut file = Self {
            sources: Vec::new(),
            paths: Vec::new(),
            architecture: String::new(),
            metadata: Metadata::default(),
            tensors: Vec::new(),
            by_name: HashMap::new(),
        };
        for (index, (source, header)) in parts.into_iter().enumerate() {
            if index == 0 {
                file.metadata = header.metadata;
            }
            for tensor in header.tensors {
                let at = file.tensors.len();
                if file.by_name.insert(tensor.name.clone(), at).is_some() {
                    return Err(GgufError::Invalid {
                        path: source.path,
                        offset: tensor.offset,
                        expected: "the data of a tensor with a name of its own".to_owned(),
                        found: format!("the name {:?} is there twice", tensor.name),
                        remedy: error::FETCH_AGAIN,
                    });
                }
                file.tensors.push(TensorInfo { part: index, ..tensor });
            }
            file.paths.push(source.path.clone());
            file.sources.push(source);
        }
        let architecture = file.metadata.str(ARCHITECTURE).filter(|name| !name.is_empty());
        file.architecture = architecture.map(str::to_owned).ok_or_else(|| GgufError::Invalid {
            path: file.paths.first().cloned().unwrap_or_default(),
            offset: 0,
            expected: format!("metadata with {ARCHITECTURE}"),
            found: "that entry is missing".to_owned(),
            remedy: error::CONVERT_AGAIN,
        })?;
        Ok(file)
    }

    /// The architecture, such as `qwen2`; never empty.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The metadata, of the first part if there are several.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in the order in which they are listed.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor with a name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).and_then(|index| self.tensors.get(*index))
    }

    /// Reads the raw blocks of some rows. What `into` held before is replaced.
    ///
    /// # Errors
    /// The tensor has no such rows, or the file cannot be read or became shorter.
    pub fn read_rows(
        &self,
        tensor: &TensorInfo,
        rows: Range<u64>,
        into: &mut Vec<u8>,
    ) -> Result<(), GgufError> {
        into.clear();
        let known = self.tensor(&tensor.name).filter(|known| *known == tensor);
        let source = known.and_then(|known| self.sources.get(known.part));
        let (Some(source), true) = (source, rows.start <= rows.end && rows.end <= tensor.n_rows()) else {
            return Err(GgufError::NoSuchRows {
                path: self.paths.first().cloned().unwrap_or_default(),
                tensor: tensor.name.clone(),
                n_rows: known.map_or(0, TensorInfo::n_rows),
                start: rows.start,
                end: rows.end,
            });
        };
        // The header was checked: the whole tensor lies within the file, so none of this can overflow.
        let length = (rows.end - rows.start) * tensor.row_bytes();
        into.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        source.read_at(into, tensor.offset + rows.start * tensor.row_bytes())
    }

    /// Bytes of all parts together.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.sources.iter().fold(0, |sum: u64, source| sum.saturating_add(source.length))
    }

    /// The files, in the order of the parts.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Checks that every file still has the length and the time of modification that it had when it was opened, and that
    /// its path still leads to such a file.
    ///
    /// # Errors
    /// A file does not, or was removed.
    pub fn check_unchanged(&self) -> Result<(), GgufError> {
        self.sources.iter().try_for_each(Source::check_unchanged)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writing;
