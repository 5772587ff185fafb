//! `workspace/executeCommand`: what a request did and why, the state of the server, another model, and what became of
//! suggestions.

use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Error;

use crate::completion::acceptance;
use crate::event::Reply;
use crate::handlers::action_commands;
use crate::next_edit::feedback;
use crate::protocol::commands::{
    ACCEPTED, ACT, ALL, CANCEL, DISMISSED, EXPLAIN, NEXT_EDIT_ACCEPTED, REFACTOR, RELOAD_MODEL, STATUS, WHY,
};
use crate::protocol::convert::from_proto;
use crate::protocol::messages::{DocumentPosition, ExecuteCommandParams};
use crate::session::Session;
use crate::status;
use crate::trace::text::render_markdown;
use crate::trace::{RequestTrace, TraceMethod};

pub(crate) fn handle(session: &mut Session, params: &ExecuteCommandParams, reply: Reply) {
    let argument = params.arguments.first().unwrap_or(&Value::Null);
    let answer = match params.command.as_str() {
        WHY => why(session, argument),
        STATUS => Ok(status::detailed(session)),
        ACCEPTED => accepted(session, argument),
        DISMISSED => dismissed(session, argument),
        NEXT_EDIT_ACCEPTED => next_edit_accepted(session, argument),
        RELOAD_MODEL => {
            session.reload_models();
            Ok(status::detailed(session))
        }
        EXPLAIN | REFACTOR | ACT | CANCEL => action_commands::run(session, &params.command, argument),
        other => {
            let commands = ALL.join(", ");
            Err(Error::invalid_params(format!("Unknown command {other}. Commands are {commands}.")))
        }
    };
    let _ = reply.send(answer);
}

fn why(session: &Session, argument: &Value) -> Result<Value, Error> {
    let index = match argument.get("index").unwrap_or(&Value::Null) {
        Value::Null => 0,
        value => value
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .ok_or_else(|| Error::invalid_params("index counts requests backwards from 0, the last one"))?,
    };
    let Some(trace) = session.traces.recent(index) else {
        return Ok(json!({"text": "There was no such request since the server started.", "trace": null}));
    };
    let mut text = render_markdown(&trace);
    // Editors ask for next edits by themselves: the user may mean the suggestion before.
    let is_edit = |trace: &RequestTrace| trace.method == TraceMethod::NextEdit;
    let before = argument.get("index").is_none() && is_edit(&trace);
    if let Some(suggestion) = session.traces.last(|trace| !is_edit(trace)).filter(|_| before) {
        text.push_str(&format!("\n{}", render_markdown(&suggestion)));
    }
    Ok(json!({"text": text, "trace": trace}))
}

fn accepted(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    let id = argument.get("id").and_then(Value::as_u64);
    let id = id.ok_or_else(|| Error::invalid_params("needs {\"id\"}, the number of the request"))?;
    acceptance::accepted(session, id);
    Ok(Value::Null)
}

fn next_edit_accepted(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    let id = argument.as_u64().ok_or_else(|| Error::invalid_params("needs the number of the edit"))?;
    feedback::accepted(session, id);
    Ok(Value::Null)
}

fn dismissed(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    if let Some(id) = argument.get("id").and_then(Value::as_u64) {
        let shown = session.completion.last_shown.as_ref().filter(|shown| shown.id == id);
        // If the text changed meanwhile, the suggestion is gone anyway.
        let place = shown.and_then(|shown| {
            let document = session.documents.by_id(shown.document)?;
            (document.revision == shown.revision).then(|| (document.text().clone(), shown.offset))
        });
        if let (Some((text, offset)), Some(shown)) = (place, shown) {
            session.completion.cache.dismiss(shown.document, &text, offset);
        }
    } else {
        let place: DocumentPosition = serde_json::from_value(argument.clone())
            .map_err(|_| Error::invalid_params("needs {\"id\"} or {\"textDocument\", \"position\"}"))?;
        if let Some(document) = session.documents.get(&place.text_document.uri) {
            let text = document.text().clone();
            let offset = from_proto::offset(&text, place.position, session.client.encoding);
            session.completion.cache.dismiss(document.id, &text, offset);
        }
    }
    session.counters.n_dismissed += 1;
    Ok(Value::Null)
}
