//! Outcomes of actions as the protocol's edits. Invariant: a client gets the richest form that it announced and nothing
//! beyond it.

use std::ops::Range;

use fimble_actions::{Change, Outcome};
use fimble_document::Text;
use serde_json::{Value, json};

use crate::protocol::client_facts::ClientFacts;
use crate::protocol::convert::to_proto;

/// Identifier of the annotation that all edits of an action have.
const ANNOTATION: &str = "fimble";

/// The document that an edit was made for.
pub(crate) struct MadeFor<'a> {
    pub(crate) uri: &'a str,
    pub(crate) version: i32,
    pub(crate) text: &'a Text,
}

/// A `WorkspaceEdit` that replaces one range and needs no confirmation.
pub(crate) fn one_replacement(
    client: &ClientFacts,
    made_for: &MadeFor<'_>,
    range: &Range<usize>,
    text: &str,
) -> Value {
    let range = to_proto::range(made_for.text, range, client.encoding);
    with_edits(client, made_for, vec![json!({"range": range, "newText": text})])
}

/// Edits of one document.
fn with_edits(client: &ClientFacts, made_for: &MadeFor<'_>, edits: Vec<Value>) -> Value {
    if !client.changes_documents {
        return json!({"changes": {made_for.uri: edits}});
    }
    let document = json!({"uri": made_for.uri, "version": made_for.version});
    json!({"documentChanges": [{"textDocument": document, "edits": edits}]})
}

/// A `WorkspaceEdit`.
pub(crate) fn render(client: &ClientFacts, made_for: &MadeFor<'_>, title: &str, outcome: &Outcome) -> Value {
    let annotated = client.annotates_changes;
    let text_edit = |range: Value, text: &str| {
        let mut edit = json!({"range": range, "newText": text});
        if annotated {
            edit["annotationId"] = ANNOTATION.into();
        }
        edit
    };
    let mut edit = match &outcome.change {
        Change::Edits(edits) => {
            let edits: Vec<Value> = edits
                .iter()
                .map(|edit| {
                    let range = to_proto::range(made_for.text, &edit.range, client.encoding);
                    text_edit(json!(range), &edit.text)
                })
                .collect();
            with_edits(client, made_for, edits)
        }
        Change::NewFile { name, text } => {
            let uri = to_proto::sibling_uri(made_for.uri, name);
            let start = json!({"line": 0, "character": 0});
            let mut create = json!({"kind": "create", "uri": uri, "options": {"overwrite": false}});
            if annotated {
                create["annotationId"] = ANNOTATION.into();
            }
            let edit = text_edit(json!({"start": start, "end": start}), text);
            json!({"documentChanges": [create, {"textDocument": {"uri": uri, "version": null}, "edits": [edit]}]})
        }
        Change::Words(_) => return json!({"changes": {}}),
    };
    if annotated {
        let place = if outcome.is_remote { ", on another machine" } else { "" };
        let description = format!("written by {}{place}", outcome.model);
        edit["changeAnnotations"] =
            json!({ANNOTATION: {"label": title, "needsConfirmation": true, "description": description}});
    }
    edit
}
