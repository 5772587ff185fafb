//! The names of the commands that a client may execute.

/// What the last request did. Argument: `{"index": n}` for the one n requests earlier.
pub(crate) const WHY: &str = "fimble.why";
/// The state of the server.
pub(crate) const STATUS: &str = "fimble.status";
/// A suggestion was inserted. Argument: `{"id": number of the request}`.
pub(crate) const ACCEPTED: &str = "fimble.accepted";
/// A suggestion was rejected. Argument: `{"id": …}`, or `{"textDocument": …, "position": …}`.
pub(crate) const DISMISSED: &str = "fimble.dismissed";
/// A next edit was applied. Argument: its number.
pub(crate) const NEXT_EDIT_ACCEPTED: &str = "fimble.nextEditAccepted";
/// Finds out again which model is wanted, loads it and changes to it. Answers with the status.
pub(crate) const RELOAD_MODEL: &str = "fimble.reloadModel";
/// Explains. Argument: `{"textDocument": …, "range": …}`.
pub(crate) const EXPLAIN: &str = "fimble.explain";
/// Refactors as an instruction says. Argument: the same with `"instruction"`.
pub(crate) const REFACTOR: &str = "fimble.refactor";
/// Performs an action. Argument: its `data`.
pub(crate) const ACT: &str = "fimble.act";
/// Ends an action. Argument: `{"token": …}`.
pub(crate) const CANCEL: &str = "fimble.cancel";

/// All of them.
pub(crate) const ALL: [&str; 10] =
    [WHY, STATUS, ACCEPTED, DISMISSED, NEXT_EDIT_ACCEPTED, RELOAD_MODEL, EXPLAIN, REFACTOR, ACT, CANCEL];

/// A command of the client: asks the user for an instruction.
pub(crate) const ASK: &str = "fimble.refactor.ask";
