//! The answer to `fimble/nextEdit` and `textDocument/copilotInlineEdit`. Invariant: it has one edit at most, because some clients
//! apply all of them; never null.

use serde_json::{Value, json};

use crate::protocol::commands::NEXT_EDIT_ACCEPTED;

/// An edit in the terms of the protocol.
pub(crate) struct WireEdit<'a> {
    /// The number by which the client reports what became of it.
    pub(crate) id: u64,
    pub(crate) uri: &'a str,
    pub(crate) version: i32,
    pub(crate) range: Value,
    pub(crate) text: &'a str,
    /// Whether the cursor has to jump to it.
    pub(crate) is_jump: bool,
}

/// The command that the client runs after it applied an edit.
pub(crate) fn accepted_command(id: u64) -> Value {
    json!({"title": "Next edit accepted", "command": NEXT_EDIT_ACCEPTED, "arguments": [id]})
}

/// The answer with this edit.
pub(crate) fn one(edit: &WireEdit<'_>) -> Value {
    json!({"edits": [{
        "text": edit.text,
        "range": edit.range,
        "textDocument": {"uri": edit.uri, "version": edit.version},
        "command": accepted_command(edit.id),
        "kind": if edit.is_jump { "jump" } else { "edit" },
    }]})
}

/// The answer without one.
pub(crate) fn none() -> Value {
    json!({"edits": []})
}
