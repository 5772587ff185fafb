//! `workspace/executeCommand`: what a request did and why, the state of the server, another model, and what became of
//! suggestions.

use fimble_model::Speeds;
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Error;

use crate::convert::from_proto;
use crate::event::Reply;
use crate::handlers::action_commands::{self, ACT, CANCEL, EXPLAIN, REFACTOR};
use crate::protocol::{DocumentPosition, ExecuteCommandParams};
use crate::session::Session;
use crate::status;
use crate::trace_text::render_markdown;

/// What the last request did. Argument: `{"index": n}` for the one n requests earlier.
pub(crate) const WHY: &str = "fimble.why";
/// How the server is.
pub(crate) const STATUS: &str = "fimble.status";
/// A suggestion was inserted. Argument: `{"id": number of the request}`.
pub(crate) const ACCEPTED: &str = "fimble.accepted";
/// A suggestion was rejected. Argument: `{"id": …}`, or `{"textDocument": …, "position": …}`.
pub(crate) const DISMISSED: &str = "fimble.dismissed";
/// Finds out again which model is wanted, loads it and changes to it. Answers with the status.
pub(crate) const RELOAD_MODEL: &str = "fimble.reloadModel";
/// All of them.
pub(crate) const COMMANDS: [&str; 9] =
    [WHY, STATUS, ACCEPTED, DISMISSED, RELOAD_MODEL, EXPLAIN, REFACTOR, ACT, CANCEL];

pub(crate) fn handle(session: &mut Session, params: &ExecuteCommandParams, reply: Reply) {
    let argument = params.arguments.first().unwrap_or(&Value::Null);
    let answer = match params.command.as_str() {
        WHY => why(session, argument),
        STATUS => Ok(status(session)),
        ACCEPTED => accepted(session, argument),
        DISMISSED => dismissed(session, argument),
        RELOAD_MODEL => {
            session.reload_models();
            Ok(status(session))
        }
        EXPLAIN | REFACTOR | ACT | CANCEL => action_commands::run(session, &params.command, argument),
        other => {
            let commands = COMMANDS.join(", ");
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
    Ok(json!({"text": render_markdown(&trace), "trace": trace}))
}

fn status(session: &Session) -> Value {
    let counters = &session.counters;
    let micros = |percent| session.change_turns.percentile(percent).map(crate::trace::micros);
    let mut status = status::current(session);
    let numbers = json!({
        "version": session.options.version,
        "requests": counters.n_requests,
        "shown": counters.n_shown,
        "withoutModel": counters.n_without_model,
        "superseded": counters.n_superseded,
        "cancelled": counters.n_cancelled,
        "failed": counters.n_failed,
        "accepted": counters.n_accepted,
        "dismissed": counters.n_dismissed,
        "pending": session.requests.len(),
        "computing": counters.n_jobs_started - counters.n_jobs_reported,
        "tokens": {
            "reused": counters.n_tokens_reused,
            "prefilled": counters.n_tokens_prefilled,
            "decoded": counters.n_tokens_decoded,
            "drafted": counters.n_tokens_drafted,
            "accepted": counters.n_tokens_accepted,
        },
        "budget": budget(session),
        "changeTurns": {"count": session.change_turns.len(), "p50Micros": micros(50), "p99Micros": micros(99)},
        "workspace": {
            "folders": session.documents.folders().len(),
            "files": session.index.n_files(),
            "indexing": session.is_indexing(),
            "walks": session.index.n_walks(),
        },
        "actions": session.actions.len(),
        "documents": session.documents.len(),
        "documentBytes": session.documents.n_bytes(),
        "cacheEntries": session.suggestions.len(),
    });
    if let (Value::Object(status), Value::Object(numbers)) = (&mut status, numbers) {
        status.extend(numbers);
    }
    status
}

fn accepted(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    let id = argument.get("id").and_then(Value::as_u64);
    session.accepted(id.ok_or_else(|| Error::invalid_params("needs {\"id\"}, the number of the request"))?);
    Ok(Value::Null)
}

/// What fits the time budget now, and the speeds that this follows from; null where nothing was measured.
fn budget(session: &Session) -> Value {
    let speeds = session.model.current().map_or_else(Speeds::default, |model| model.speeds());
    let completion = &session.settings.completion;
    json!({
        "ms": session.settings.budget_ms,
        "contextTokens": completion.max_prompt_tokens.unwrap_or(completion.allotment.prompt_tokens),
        "newTokens": completion.max_new_tokens.unwrap_or(completion.allotment.new_tokens),
        "severalLines": completion.allotment.several_lines,
        "readTokensPerSecond": speeds.prefill.map(f64::round),
        "producedTokensPerSecond": speeds.decode.map(f64::round),
    })
}

fn dismissed(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    if let Some(id) = argument.get("id").and_then(Value::as_u64) {
        let shown = session.last_shown.as_ref().filter(|shown| shown.id == id);
        // If the text changed meanwhile, the suggestion is gone anyway.
        let place = shown.and_then(|shown| {
            let document = session.documents.by_id(shown.document)?;
            (document.revision == shown.revision).then(|| (document.text().clone(), shown.offset))
        });
        if let (Some((text, offset)), Some(shown)) = (place, shown) {
            session.suggestions.dismiss(shown.document, &text, offset);
        }
    } else {
        let place: DocumentPosition = serde_json::from_value(argument.clone())
            .map_err(|_| Error::invalid_params("needs {\"id\"} or {\"textDocument\", \"position\"}"))?;
        if let Some(document) = session.documents.get(&place.text_document.uri) {
            let text = document.text().clone();
            let offset = from_proto::offset(&text, place.position, session.client.encoding);
            session.suggestions.dismiss(document.id, &text, offset);
        }
    }
    session.counters.n_dismissed += 1;
    Ok(Value::Null)
}
