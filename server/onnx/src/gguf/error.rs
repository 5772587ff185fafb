//! Errors of the GGUF reader. Invariant: each names the file, the byte where it went wrong if there is one, what was
//! expected there, and what to do.

use std::io;
use std::path::PathBuf;

/// The remedy for a file that ends early or whose bytes make no sense.
pub(super) const FETCH_AGAIN: &str = "Download or copy the file again and compare its checksum";
/// The remedy for a file of another version of the format.
pub(super) const CONVERT_AGAIN: &str = "Convert the model again with a current version of llama.cpp";

/// Why a GGUF file was refused.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The system could not open or read the file.
    #[error("{}: it cannot be read ({cause}). Check that the file exists and that it may be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// The bytes are not those of a GGUF file that can be used.
    #[error("{}: at byte {offset}, {expected} was expected, but {found}. {remedy}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Offset in bytes from the start of the file.
        offset: u64,
        /// The expected content.
        expected: String,
        /// The content found, as the end of a sentence.
        found: String,
        /// The remedy, as a sentence without its full stop.
        remedy: &'static str,
    },
    /// The parts of a split file do not belong together, or one is missing.
    #[error("{}: {problem}. Keep all parts of a split file in one folder, under the names that they were published with", path.display())]
    Split {
        /// The part in question.
        path: PathBuf,
        /// The cause, as a sentence without its full stop.
        problem: String,
    },
    /// The file is not the one that was opened any more.
    #[error("{}: the file changed while it was read. Start again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Rows that the tensor does not have. This is a mistake of the caller, not of the file.
    #[error("{}: the tensor {tensor:?} has {n_rows} rows, and {start} to {end} were asked for. Report this as a bug", path.display())]
    NoSuchRows {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// Rows that it has.
        n_rows: u64,
        /// First row asked for.
        start: u64,
        /// One more than the last row asked for.
        end: u64,
    },
}
