//! Items of `textDocument/inlineCompletion`. Invariant: an item's range begins and ends on the line of the cursor; no suggestion is
//! an empty list, never null, because some clients would keep an old suggestion on the screen.

use fimble_completion::Suggestion;
use serde_json::{Value, json};

use crate::completion::shown::Shown;
use crate::protocol::commands::ACCEPTED;
use crate::protocol::convert::to_proto;

/// The list with the suggestion first, and then what may be chosen instead. The command runs after the whole suggestion was
/// inserted, so that we learn of it.
pub(crate) fn answer(shown: &Shown<'_>) -> Value {
    let item = |suggestion: &Suggestion| {
        json!({
            "insertText": suggestion.text,
            "range": to_proto::range(shown.text, &shown.replaced_by(suggestion), shown.encoding),
            "command": {
                "title": "Suggestion accepted",
                "command": ACCEPTED,
                "arguments": [{"id": shown.trace.id}],
            },
        })
    };
    let items: Vec<Value> = std::iter::once(shown.suggestion).chain(shown.others).map(item).collect();
    json!({"items": items})
}

/// The list without one.
pub(crate) fn empty() -> Value {
    json!({"items": []})
}
