//! `textDocument/codeAction`: what can be done here. Invariant: answered without the model, and at once where next edits are off
//! (the search for one takes milliseconds); what the models in use cannot do well is not listed.

use fimble_actions::{ActionKind, Needs, Source, comment_place, find_target};
use fimble_model::Model;
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Id;

use crate::actions::data::{ActionData, selection};
use crate::actions::execution::read_ahead;
use crate::actions::job::{Computer, is_comment};
use crate::actions::prepare::computer_for;
use crate::event::Reply;
use crate::next_edit::{outcome, request};
use crate::protocol::commands::{ACT, ASK, EXPLAIN};
use crate::protocol::messages::CodeActionParams;
use crate::session::Session;

/// Kinds of the protocol that are offered, for the capabilities.
pub(crate) const KINDS: [&str; 4] = ["quickfix", "refactor.extract", "refactor.rewrite", "fimble"];

/// Characters of a diagnostic in a title.
const TITLE_CHARS: usize = 60;

/// The kind of the protocol.
fn protocol_kind(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Explain => "fimble.explain",
        ActionKind::Instruction => "refactor.rewrite.fimble.instruction",
        ActionKind::Extract => "refactor.extract.fimble.function",
        ActionKind::Simplify => "refactor.rewrite.fimble.simplify",
        ActionKind::Rename => "refactor.rewrite.fimble.rename",
        ActionKind::Errors => "refactor.rewrite.fimble.errors",
        ActionKind::Document => "refactor.rewrite.fimble.document",
        ActionKind::Redocument => "refactor.rewrite.fimble.redocument",
        ActionKind::Tests => "refactor.rewrite.fimble.tests",
        ActionKind::Fix => "quickfix.fimble",
        ActionKind::Complete => "refactor.rewrite.fimble.complete",
        ActionKind::Generate => "refactor.rewrite.fimble.generate",
    }
}

pub(crate) fn handle(session: &mut Session, id: Id, params: &CodeActionParams, reply: Reply) {
    let actions = offered(session, params);
    let wants_edit = session.client.reads_code_actions
        && !params.context.is_automatic()
        && params.context.wants(outcome::ACTION_KIND);
    if wants_edit {
        request::offer(session, id, params, actions, reply);
    } else {
        let _ = reply.send(Ok(Value::Array(actions)));
    }
    // Editors ask wherever the cursor stays, and show an explanation only when their menu is opened.
    if session.client.reads_code_actions && params.context.wants(protocol_kind(ActionKind::Explain)) {
        read_ahead(session, &params.text_document.uri, params.range, params.context.is_automatic());
    }
}

fn offered(session: &Session, params: &CodeActionParams) -> Vec<Value> {
    let uri = &params.text_document.uri;
    let Some(document) = session.documents.get(uri) else { return Vec::new() };
    let is_usable = document.is_in_sync() && document.unfit().is_none();
    if !session.client.reads_code_actions || !session.settings.enabled || !is_usable {
        return Vec::new();
    }
    let text = document.text();
    let range = selection(text, params.range, session.client.encoding);
    let has_selection = !text.slice(range.clone()).trim().is_empty();
    let source = Source {
        text,
        tree: document.tree().0,
        language: document.language,
        path: &document.path,
        file: &document.file,
    };
    let line = text.line_of(range.end);
    let below_comment = (line.saturating_sub(1)..=line).any(|line| is_comment(&source, line));
    let has_comments = document
        .language
        .is_some_and(|language| language.line_comment().is_some() || language.block_comment().is_some());
    // Without a tree this is unknown; then the action itself finds out.
    let place = has_comments.then(|| find_target(&source, range.clone(), true)).flatten();
    let is_documented =
        place.and_then(|target| comment_place(&source, &target)).is_some_and(|place| place.is_taken());
    let fits = |kind: ActionKind| match kind {
        ActionKind::Fix => !params.context.diagnostics.is_empty(),
        _ if params.context.is_automatic() && !has_selection => false,
        ActionKind::Instruction => session.client.asks_instruction,
        ActionKind::Extract => has_selection,
        ActionKind::Document => has_comments && !is_documented,
        ActionKind::Redocument => is_documented,
        ActionKind::Complete => !has_selection,
        ActionKind::Generate => !has_selection && below_comment,
        _ => true,
    };
    let is_wanted = |kind: &ActionKind| params.context.wants(protocol_kind(*kind)) && fits(*kind);
    let version = document.version();
    ActionKind::ALL
        .into_iter()
        .filter(is_wanted)
        .filter_map(|kind| action(session, params, kind, version))
        .collect()
}

/// One action; none if no model in use can do it.
fn action(session: &Session, params: &CodeActionParams, kind: ActionKind, version: i32) -> Option<Value> {
    let client = &session.client;
    let diagnostics = &params.context.diagnostics;
    let title = match diagnostics.first().filter(|_| kind == ActionKind::Fix) {
        Some(first) => {
            let message = first.get("message").and_then(Value::as_str).unwrap_or_default();
            let line = message.lines().next().unwrap_or_default();
            let short: String = line.chars().take(TITLE_CHARS).collect();
            let dots = if short.len() < line.len() { "…" } else { "" };
            format!("{}: {short}{dots}", kind.title())
        }
        None => kind.title().to_owned(),
    };
    let mut action = json!({"title": title, "kind": protocol_kind(kind)});
    match computer_for(session, kind) {
        Err(_) => return None,
        Ok(Computer::Chat(model)) if !does_well(&*model, kind) => return None,
        Ok(Computer::Chat(model)) if kind.needs() == Needs::Chat && is_remote(&*model) => {
            action["title"] = format!("{title} (on another machine)").into();
        }
        Ok(_) => {}
    }
    let place = json!({"textDocument": {"uri": params.text_document.uri}, "range": params.range});
    match kind {
        ActionKind::Explain => {
            action["command"] = json!({"title": title, "command": EXPLAIN, "arguments": [place]});
        }
        ActionKind::Instruction => {
            action["command"] = json!({"title": title, "command": ASK, "arguments": [place]});
        }
        _ => {
            let problems =
                diagnostics.iter().filter_map(|diagnostic| serde_json::from_value(diagnostic.clone()).ok());
            let data = ActionData {
                kind: kind.name().to_owned(),
                uri: params.text_document.uri.clone(),
                version: Some(version),
                range: params.range,
                instruction: String::new(),
                problems: if kind == ActionKind::Fix { problems.collect() } else { Vec::new() },
            };
            let data = json!(data);
            if kind == ActionKind::Fix {
                action["diagnostics"] = json!(diagnostics);
            }
            if client.resolves_edits {
                action["data"] = data;
            } else {
                action["command"] = json!({"title": title, "command": ACT, "arguments": [data]});
            }
        }
    }
    Some(action)
}

/// Whether a chat model is good enough at an action to be offered for it.
fn does_well(model: &dyn Model, kind: ActionKind) -> bool {
    // A comment that replaces one is written as any other.
    let measured = if kind == ActionKind::Redocument { ActionKind::Document } else { kind };
    model.chat().is_ok_and(|chat| chat.does_well(measured.name()))
}

fn is_remote(model: &dyn Model) -> bool {
    model.chat().is_ok_and(|chat| chat.is_remote())
}
