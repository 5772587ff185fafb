//! Code actions: what is asked, whether it can be done, its job, and its outcome.

pub(crate) mod data;
pub(crate) mod execution;
pub(crate) mod failure;
pub(crate) mod job;
pub(crate) mod prepare;
pub(crate) mod state;
