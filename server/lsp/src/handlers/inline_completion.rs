//! `textDocument/inlineCompletion`. Must hold: an item's range begins and ends on the line of the cursor; no suggestion is
//! an empty list, never null, because some clients would keep an old suggestion on the screen.

use fimble_completion::Suggestion;
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Id;

use crate::answers::Shown;
use crate::convert::to_proto;
use crate::event::Reply;
use crate::handlers::execute_command::ACCEPTED;
use crate::protocol::InlineCompletionParams;
use crate::session::Session;
use crate::suggest::{self, Ask};
use crate::trace::TraceMethod;

pub(crate) fn handle(session: &mut Session, id: Id, params: InlineCompletionParams, reply: Reply) {
    let ask = Ask {
        method: TraceMethod::InlineCompletion,
        uri: params.text_document.uri,
        position: params.position.into(),
        trigger: params.context.trigger(),
        selected: params.context.selected_completion_info.map(|info| (info.range.into(), info.text)),
    };
    suggest::begin(session, id, ask, reply);
}

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
