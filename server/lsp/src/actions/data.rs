//! What an action is asked to do, and where its outcome goes.

use std::ops::Range;

use fimble_document::{PositionEncoding, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::event::Reply;
use crate::protocol::convert::from_proto;
use crate::protocol::messages::WireRange;

/// What an action is asked to do; what `data` of a code action holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ActionData {
    pub(crate) kind: String,
    pub(crate) uri: String,
    /// Version of the document that the action was offered for.
    #[serde(default)]
    pub(crate) version: Option<i32>,
    pub(crate) range: WireRange,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) instruction: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<WireProblem>,
}

/// A diagnostic, as far as it matters.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WireProblem {
    pub(crate) range: WireRange,
    pub(crate) message: String,
}

/// Where the outcome of an action goes.
pub(crate) enum Destination {
    /// Into the answer to `codeAction/resolve`.
    Resolve { id: Id, reply: Reply, action: Value },
    /// To the client, by `workspace/applyEdit`.
    Apply,
    /// Into the document with this number.
    Document { number: u64 },
}

/// What is selected, in bytes. One character is a cursor: editors with a block cursor always select the one below it.
pub(crate) fn selection(text: &Text, range: WireRange, encoding: PositionEncoding) -> Range<usize> {
    let range = from_proto::range(text, range, encoding);
    let selected = text.slice(range.clone());
    let is_cursor = selected.chars().nth(1).is_none() || selected == "\r\n";
    if is_cursor { range.start..range.start } else { range }
}
