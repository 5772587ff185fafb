//! Source files on disk: which of them may be read, and which parts of them are similar to the edited place.
//!
//! Contents: the walk over a folder ([`walk`]), why a text is not indexed ([`judge`], [`fimble_secrets`]), the index of chunks
//! and the search in it ([`Index`]), updates from the disk, and the choice of snippets, which does not change while the user
//! types ([`Workspace`]). Invariant: nothing that is ignored, secret, binary, generated or too large leaves this crate; memory is
//! bounded whatever the folder holds; no file is written.

mod choices;
mod chunks;
mod content;
mod definitions;
mod ignored;
mod imports;
mod index;
mod kinds;
mod open_text;
mod parsed;
mod rank;
mod read;
mod stamp;
mod walk;
mod workspace;

pub use choices::{Choice, Related, block_of};
pub use chunks::words;
pub use definitions::Around;
pub use index::{FileFacts, Found, Index, IndexLimits, Query};
pub use kinds::Kind;
pub use open_text::OpenText;
pub use read::{Unfit, judge, read};
pub use stamp::Stamp;
pub use walk::{SourceFile, Walk, WalkLimits, WalkOptions, globs, walk};
pub use workspace::{Concern, ScanReport, Workspace};
