//! The workspace: the index of its files, and what the models remember of them.

pub(crate) mod disk;
pub(crate) mod document_update;
pub(crate) mod index;
pub(crate) mod memory;
pub(crate) mod memory_state;
pub(crate) mod walk_schedule;
