//! Source files on disk: which of them may be read, and which parts of them are like the place that is edited.
//!
//! Lives here: the walk over a folder ([`walk`]), what makes a file unfit ([`read`], [`secrets`]), the index of chunks and
//! the search in it ([`Index`]), and the choice of snippets that keeps still while somebody types ([`Workspace`]). Must
//! hold: nothing that is ignored, secret, binary, generated or too large leaves this crate; memory is bounded whatever the
//! folder holds; no file is written.

mod chunks;
mod index;
mod read;
pub mod secrets;
mod walk;
mod workspace;

pub use chunks::words;
pub use index::{Found, Index, IndexLimits, Query};
pub use read::{Unfit, read};
pub use walk::{SourceFile, Walk, WalkLimits, walk};
pub use workspace::{Choice, Related, ScanReport, Workspace, block_of, lines_around};
