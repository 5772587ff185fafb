//! What the client can do and what we offer. Must hold: a client that says nothing gets the protocol's defaults
//! (UTF-16), and no capability of ours depends on one that the client did not name.

use fimble_document::PositionEncoding;
use serde_json::Value;
use tower_lsp_server::gen_lsp_types as lsp;

use crate::convert::{from_proto, to_proto};
use crate::documents::WorkspaceFolder;
use crate::handlers::execute_command;

/// What matters of `initialize`, read tolerantly: what has another shape than expected counts as not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientFacts {
    /// Unit of positions.
    pub(crate) encoding: PositionEncoding,
    /// Whether the client shows inline completions.
    pub(crate) shows_inline_completions: bool,
    /// Whether the client shows work-done progress.
    pub(crate) shows_progress: bool,
    /// Whether the client wants `fimble/status`.
    pub(crate) wants_status: bool,
    /// Whether the client answers `workspace/configuration`.
    pub(crate) has_configuration: bool,
    /// Whether the client lets us register for changes of the configuration.
    pub(crate) registers_configuration: bool,
}

impl ClientFacts {
    /// Reads the parameters of `initialize`.
    pub(crate) fn read(params: &Value) -> Self {
        let says = |pointer: &str| params.pointer(pointer).and_then(Value::as_bool) == Some(true);
        Self {
            encoding: negotiate(params.pointer("/capabilities/general/positionEncodings")),
            shows_inline_completions: params
                .pointer("/capabilities/textDocument/inlineCompletion")
                .is_some_and(Value::is_object),
            shows_progress: says("/capabilities/window/workDoneProgress"),
            wants_status: says("/capabilities/experimental/fimble/status"),
            has_configuration: says("/capabilities/workspace/configuration"),
            registers_configuration: says(
                "/capabilities/workspace/didChangeConfiguration/dynamicRegistration",
            ),
        }
    }
}

/// The first encoding of the client's list that we know. The list is in the client's order of preference.
fn negotiate(offered: Option<&Value>) -> PositionEncoding {
    offered
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find_map(|name| match name.as_str()? {
            "utf-8" => Some(PositionEncoding::Utf8),
            "utf-16" => Some(PositionEncoding::Utf16),
            "utf-32" => Some(PositionEncoding::Utf32),
            _ => None,
        })
        .unwrap_or_default()
}

/// The folders that the client works in.
pub(crate) fn workspace_folders(params: &Value) -> Vec<WorkspaceFolder> {
    let folder = |uri: &str, name: Option<&str>| {
        let path = from_proto::path(uri).trim_end_matches('/').to_owned();
        let name = name.unwrap_or_else(|| from_proto::file_name(&path)).to_owned();
        (!path.is_empty()).then_some(WorkspaceFolder { path, name })
    };
    let listed = params.get("workspaceFolders").and_then(Value::as_array).into_iter().flatten();
    let mut folders: Vec<WorkspaceFolder> = listed
        .filter_map(|item| folder(item.get("uri")?.as_str()?, item.get("name").and_then(Value::as_str)))
        .collect();
    if folders.is_empty() {
        folders.extend(params.get("rootUri").and_then(Value::as_str).and_then(|uri| folder(uri, None)));
    }
    folders
}

/// What we offer.
pub(crate) fn server_capabilities(client: &ClientFacts) -> lsp::ServerCapabilities {
    lsp::ServerCapabilities {
        position_encoding: Some(to_proto::position_encoding(client.encoding)),
        text_document_sync: Some(lsp::TextDocumentSync::Options(lsp::TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(lsp::TextDocumentSyncKind::Incremental),
            save: Some(lsp::Save::Bool(true)),
            ..Default::default()
        })),
        inline_completion_provider: Some(lsp::InlineCompletionProvider::Bool(true)),
        // For editors whose only way to suggest is the menu. Few characters: typing a word asks anyway.
        completion_provider: Some(lsp::CompletionOptions {
            trigger_characters: (!client.shows_inline_completions)
                .then(|| [" ", "(", "{", ".", "=", ":"].map(str::to_owned).to_vec()),
            ..Default::default()
        }),
        execute_command_provider: Some(lsp::ExecuteCommandOptions {
            commands: execute_command::COMMANDS.map(str::to_owned).to_vec(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_clients_order_of_encodings_counts() {
        for (offered, expected) in [
            (json!(null), PositionEncoding::Utf16),
            (json!([]), PositionEncoding::Utf16),
            (json!(["utf-7"]), PositionEncoding::Utf16),
            (json!(["utf-8", "utf-32", "utf-16"]), PositionEncoding::Utf8),
            (json!(["utf-7", "utf-32", "utf-8"]), PositionEncoding::Utf32),
            (json!("utf-8"), PositionEncoding::Utf16),
        ] {
            let params = json!({"capabilities": {"general": {"positionEncodings": offered}}});
            assert_eq!(ClientFacts::read(&params).encoding, expected, "{offered}");
        }
    }

    #[test]
    fn folders_come_from_the_list_or_from_the_root() {
        let listed = json!({
            "rootUri": "file:///other",
            "workspaceFolders": [{"uri": "file:///w/a%20b/", "name": "mine"}, {"uri": 3}],
        });
        let expected = WorkspaceFolder { path: "/w/a b".to_owned(), name: "mine".to_owned() };
        assert_eq!(workspace_folders(&listed), [expected]);
        let root = json!({"rootUri": "file:///w/x", "workspaceFolders": null});
        let expected = WorkspaceFolder { path: "/w/x".to_owned(), name: "x".to_owned() };
        assert_eq!(workspace_folders(&root), [expected]);
        assert_eq!(workspace_folders(&json!({})), []);
    }
}
