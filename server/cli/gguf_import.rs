//! The import of GGUF files: the only file of the command line that uses it. Invariant: errors are one or two sentences, with
//! cause and remedy, for people.

use std::path::Path;

use clap::ValueEnum;
use fimble_engine::provider_is_here;
use fimble_model::Provider;
use fimble_onnx::import::{self, ImportError, ImportOptions, Layout};

use super::loader::initialize_runtime;

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

/// The content of a file.
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
/// One or two sentences: what the file is, and which server can run it.
pub fn check(path: &Path) -> Result<(), String> {
    import::describe(path).map(|_| ()).map_err(|error| without_path(path, &error))
}

/// Bytes that the imported model takes on the disk.
///
/// # Errors
/// As [`check`], with the path.
pub fn estimate_bytes(path: &Path, precision: Precision) -> Result<u64, String> {
    import::estimate_bytes(path, &options(precision)).map_err(|error| error.to_string())
}

/// Writes the files of a model into an empty folder. `progress` hears the bytes done and all bytes.
///
/// # Errors
/// The file is damaged, changed meanwhile, or cannot run in this process; the disk is full.
pub fn import(
    path: &Path,
    folder: &Path,
    precision: Precision,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, String> {
    let report =
        import::import(path, folder, &options(precision), progress).map_err(|error| error.to_string())?;
    Ok(Report {
        architecture: report.architecture,
        licence: report.licence,
        quantisation: report.quantisation,
        notes: report.notes,
    })
}

fn options(precision: Precision) -> ImportOptions {
    let precision = match precision {
        Precision::Exact => import::Precision::Exact,
        Precision::Int8 => import::Precision::Int8,
        Precision::Int4 => import::Precision::Int4,
    };
    ImportOptions { precision, layout: layout() }
}

/// Graphics cards have only the operators of ONNX Runtime; on the processor our own are faster and take less memory.
fn layout() -> Layout {
    const CARDS: [Provider; 3] = [Provider::Cuda, Provider::TensorRt, Provider::DirectMl];
    // Without a runtime nothing can be said about cards.
    let has_card = initialize_runtime().is_ok() && CARDS.into_iter().any(provider_is_here);
    if has_card { Layout::Standard } else { Layout::of_this_machine() }
}

/// An error of a file that is named beside it anyway.
fn without_path(path: &Path, error: &ImportError) -> String {
    let text = error.to_string();
    let stripped = text.strip_prefix(&path.display().to_string()).and_then(|rest| rest.strip_prefix(": "));
    stripped.map_or_else(|| text.clone(), str::to_owned)
}
