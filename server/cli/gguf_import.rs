//! The import of GGUF files: the one place of the command line that names it. Invariant: errors come as one sentence or two, with
//! cause and remedy, for people.

use std::path::Path;

use clap::ValueEnum;

/// How weights are converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Without loss where the file's types allow it.
    #[default]
    Exact,
    /// With 8 bits a weight.
    Int8,
    /// With 4 bits a weight.
    Int4,
}

impl Precision {
    /// The word for it, on the command line and in manifests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// The precision of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|precision| precision.word() == word)
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The architecture: `qwen2`.
    pub architecture: String,
    /// The licence, if the file names one.
    pub licence: Option<String>,
    /// The quantisation: `Q4_K_M`.
    pub quantisation: String,
    /// Sentences about loss and the like.
    pub notes: Vec<String>,
}

/// Says why a file does not run in this process; reads its header only.
///
/// # Errors
/// One sentence: what the file is, and which server can run it.
pub fn check(_path: &Path) -> Result<(), String> {
    Err(NOT_YET.to_owned())
}

/// Bytes that the imported model takes on the disk.
///
/// # Errors
/// As [`check`].
pub fn estimate_bytes(_path: &Path, _precision: Precision) -> Result<u64, String> {
    Err(NOT_YET.to_owned())
}

/// Writes the files of a model into an empty folder. `progress` hears the bytes done and all bytes.
///
/// # Errors
/// The file is damaged, changed meanwhile, or cannot run in this process; the disk is full.
pub fn import(
    _path: &Path,
    _folder: &Path,
    _precision: Precision,
    _progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, String> {
    Err(NOT_YET.to_owned())
}

/// Until the import is connected.
const NOT_YET: &str = "this build cannot import GGUF files. Add a folder with an ONNX model instead";
