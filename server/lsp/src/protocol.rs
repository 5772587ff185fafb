//! The protocol: messages as they are read, conversion of positions and URIs, the client's capabilities, names of commands.

pub(crate) mod client_facts;
pub(crate) mod commands;
pub(crate) mod convert;
pub(crate) mod error_data;
pub(crate) mod folders;
pub(crate) mod messages;
pub(crate) mod next_edit_answer;
pub(crate) mod old_editors;
pub(crate) mod workspace_edit;
