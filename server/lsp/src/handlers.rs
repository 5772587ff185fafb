//! The handlers, one file for each method. A handler reads the parameters, calls the part that does the work, and converts the answer.

pub(crate) mod action_commands;
pub(crate) mod cancel_request;
pub(crate) mod code_action;
pub(crate) mod code_action_resolve;
pub(crate) mod completion;
pub(crate) mod cursor;
pub(crate) mod did_change;
pub(crate) mod did_change_configuration;
pub(crate) mod did_change_watched_files;
pub(crate) mod did_change_workspace_folders;
pub(crate) mod did_close;
pub(crate) mod did_dismiss_next_edit;
pub(crate) mod did_open;
pub(crate) mod did_save;
pub(crate) mod did_show_inline_edit;
pub(crate) mod execute_command;
pub(crate) mod initialize;
pub(crate) mod inline_completion;
pub(crate) mod next_edit;
pub(crate) mod server_capabilities;
