//! Text of an open buffer.
//!
//! Contents: the rope behind [`Text`], versions and changes ([`Document`]), and the conversion between byte offsets and the
//! protocol's positions ([`PositionEncoding`]). Invariant: everything outside this crate uses byte offsets (UTF-8, always on
//! character boundaries); ropey appears nowhere else; cloning a [`Text`] is O(1).

mod document;
mod edit;
mod position;
mod text;

pub use document::{ChangeError, Document, SyncState};
pub use edit::{Point, TextChange, TextEdit};
pub use position::{Position, PositionEncoding, PositionRange};
pub use text::Text;
