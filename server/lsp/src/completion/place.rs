//! What a request asks for: as it was read, and in bytes of one revision of one document.

use fimble_completion::{SelectedItem, Trigger};
use fimble_document::{Position, PositionRange};

use crate::trace::TraceMethod;

/// What was asked, as it was read.
pub(crate) struct Ask {
    pub(crate) method: TraceMethod,
    pub(crate) uri: String,
    pub(crate) position: Position,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<(PositionRange, String)>,
}

/// The place that was asked about, in bytes of one revision of one document.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
}
