//! Import of GGUF files: a model that ONNX Runtime runs, made of the weights, the tokenizer and the settings of one file.
//! Contents: the interface for callers; the parts are in `import/`. Invariant: a file is either imported with every tensor
//! checked, or refused with one error that names the tensor or the entry; weights are changed only where the caller asked for it
//! or no exact form exists, and then the report says so.

mod decoder;
mod dense;
mod graph;
mod packed;
mod rope;
mod rounding;
mod standard;
#[cfg(test)]
mod tests;
mod weights;

use std::io;
use std::path::{Path, PathBuf};

use crate::gguf::{GgufError, GgufFile, TensorKind};
use crate::tokenizer::{self, TokenizerError};
use decoder::Decoder;
use weights::{Plan, WeightError};

/// Names of the files that an import makes.
pub(crate) const MODEL_FILE: &str = "model.onnx";
pub(crate) const DATA_FILE: &str = "model.onnx.data";
/// Set of the operators that Fimble's engine adds to ONNX Runtime.
pub const DOMAIN: &str = "fimble";

/// The output of a model that turns texts into vectors: the hidden states behind its last layer, [batch, positions, hidden].
pub const HIDDEN: &str = "hidden";

/// How weights are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As in the file.
    #[default]
    Exact,
    /// At most 8 bits: floats are rounded, everything else stays.
    Int8,
    /// At most 4 bits, rounded with a search for the scale of each block.
    Int4,
}

/// Which operators multiply with the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Those of Fimble's own kernels: weights stay as small as in the file. For processors that the kernels are made for.
    Packed,
    /// Those of ONNX Runtime, which other processors and accelerators have, too.
    Standard,
}

impl Layout {
    /// The one that runs faster on this machine's processor.
    #[must_use]
    pub fn of_this_machine() -> Self {
        if fimble_kernels::Kernel::best().is_fast() { Self::Packed } else { Self::Standard }
    }
}

/// The options of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// How weights are kept.
    pub precision: Precision,
    /// Which operators multiply with them.
    pub layout: Layout,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { precision: Precision::Exact, layout: Layout::of_this_machine() }
    }
}

/// The contents of a file, and the result of its import.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// The architecture, such as `qwen2`.
    pub architecture: String,
    /// The model's own name.
    pub name: Option<String>,
    /// The licence that the file states.
    pub licence: Option<String>,
    /// Number of weights.
    pub parameters: u64,
    /// The file's quantisation, such as `Q4_K_M`.
    pub quantisation: String,
    /// Most tokens that the model reads.
    pub context: u64,
    /// Sentences about what was lost or limited.
    pub notes: Vec<String>,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is damaged or no GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The tokenizer cannot be made.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do.
        reason: TokenizerError,
    },
    /// The model is of a kind that does not run in this process.
    #[error("{}: {what}. {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The contents of the file.
        what: String,
        /// Which server can run it.
        remedy: String,
    },
    /// An entry of the metadata is missing or makes no sense.
    #[error("{}: the entry {key} {problem}. Convert the model again with a current version of llama.cpp", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
        /// The cause.
        problem: String,
    },
    /// A tensor is missing, has another shape, or holds what is no number.
    #[error("{}: the tensor {tensor} {problem}. Download the file again, or convert the model again", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The cause.
        problem: String,
    },
    /// The model cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file that was written.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
}

impl ImportError {
    fn of_weights(path: &Path, error: WeightError) -> Self {
        let path = path.to_owned();
        match error {
            WeightError::Gguf(error) => Self::Gguf(error),
            WeightError::Tensor { tensor, problem } => Self::Tensor { path, tensor, problem },
            WeightError::Write(reason) => Self::Write { path, reason },
        }
    }
}

/// Reads what a file holds from its header alone.
///
/// # Errors
/// The file is damaged, or of a kind that cannot be imported; then the error says which server can run it.
pub fn describe(path: &Path) -> Result<ImportReport, ImportError> {
    let file = GgufFile::open(path)?;
    let decoder = Decoder::read(&file)?;
    Plan::new(&file, &decoder, ImportOptions::default())?;
    Ok(report(&file, &decoder))
}

/// Bytes of disk space that an import needs.
///
/// # Errors
/// As for [`describe`].
pub fn estimate_bytes(path: &Path, options: &ImportOptions) -> Result<u64, ImportError> {
    let file = GgufFile::open(path)?;
    let decoder = Decoder::read(&file)?;
    Ok(Plan::new(&file, &decoder, *options)?.n_bytes())
}

/// Imports a file into an empty folder. `progress` gets the bytes of weights that were read, and how many there are.
///
/// # Errors
/// As for [`describe`]; or a tensor is missing or damaged, the file changed meanwhile, or the folder cannot be written. What was
/// written until then is the caller's to remove.
pub fn import(
    path: &Path,
    folder: &Path,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ImportReport, ImportError> {
    let file = GgufFile::open(path)?;
    let decoder = Decoder::read(&file)?;
    let plan = Plan::new(&file, &decoder, *options)?;
    let of_tokenizer = |reason| ImportError::Tokenizer { path: path.to_owned(), reason };
    let tokens = tokenizer::convert(file.metadata()).map_err(of_tokenizer)?;
    if tokens.n_tokens as u64 > decoder.vocabulary {
        return Err(ImportError::Metadata {
            path: path.to_owned(),
            key: "tokenizer.ggml.tokens".to_owned(),
            problem: format!("has {} tokens, and the model knows {}", tokens.n_tokens, decoder.vocabulary),
        });
    }
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        let written = std::fs::File::create_new(&path).and_then(|mut file| {
            io::Write::write_all(&mut file, content)?;
            file.sync_all()
        });
        written.map_err(|reason| ImportError::Write { path, reason })
    };
    write("tokenizer.json", &tokens.tokenizer_json)?;
    write("tokenizer_config.json", &tokens.tokenizer_config_json)?;
    write("config.json", &decoder.config(&tokens.end_tokens, tokens.bos))?;
    let data = folder.join(DATA_FILE);
    let (model, losses) =
        graph::build(&file, &decoder, &plan, &data, progress).map_err(|error| match error {
            WeightError::Write(reason) => ImportError::Write { path: data.clone(), reason },
            error => ImportError::of_weights(path, error),
        })?;
    file.check_unchanged()?;
    // Last, since a folder without it is no model.
    write(MODEL_FILE, &model)?;
    let mut report = report(&file, &decoder);
    report.notes.extend(losses);
    Ok(report)
}

fn report(file: &GgufFile, decoder: &Decoder) -> ImportReport {
    let text = |key| file.metadata().str(key).filter(|text| !text.is_empty()).map(str::to_owned);
    ImportReport {
        architecture: file.architecture().to_owned(),
        name: text("general.name"),
        licence: text("general.license"),
        parameters: file.tensors().iter().map(|tensor| tensor.n_rows() * tensor.row_length()).sum(),
        quantisation: quantisation(file),
        context: decoder.context,
        notes: decoder.notes.clone(),
    }
}

/// The name of a file's quantisation: what the file says, else the kind of most of its bytes.
#[must_use]
pub fn quantisation(file: &GgufFile) -> String {
    let named = match file.metadata().u64("general.file_type") {
        Some(0) => "F32",
        Some(1) => "F16",
        Some(2) => "Q4_0",
        Some(3) => "Q4_1",
        Some(7) => "Q8_0",
        Some(8) => "Q5_0",
        Some(9) => "Q5_1",
        Some(10) => "Q2_K",
        Some(11) => "Q3_K_S",
        Some(12) => "Q3_K_M",
        Some(13) => "Q3_K_L",
        Some(14) => "Q4_K_S",
        Some(15) => "Q4_K_M",
        Some(16) => "Q5_K_S",
        Some(17) => "Q5_K_M",
        Some(18) => "Q6_K",
        Some(25) => "IQ4_NL",
        Some(30) => "IQ4_XS",
        Some(32) => "BF16",
        _ => "",
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    let of_kind = |kind: TensorKind| -> u64 {
        file.tensors().iter().filter(|tensor| tensor.kind == kind).map(|tensor| tensor.n_bytes()).sum()
    };
    let most = TensorKind::ALL.iter().max_by_key(|kind| of_kind(**kind));
    most.map_or_else(String::new, |kind| kind.name().to_owned())
}
