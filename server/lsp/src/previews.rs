//! Documents that the server shows: explanations, and results that go into no file.

pub(crate) mod files;
pub(crate) mod inert_markdown;
pub(crate) mod show;
pub(crate) mod state;
