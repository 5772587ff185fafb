//! Next edits: the edits of open documents are followed, and a request is answered with one edit that they call for.

pub(crate) mod answers;
pub(crate) mod feedback;
pub(crate) mod fill;
pub(crate) mod follow;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod request;
pub(crate) mod screening;
pub(crate) mod silence;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod waiting;
pub(crate) mod write;
