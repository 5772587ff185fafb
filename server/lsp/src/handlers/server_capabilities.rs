//! What the server offers. Invariant: no capability depends on one that the client did not name.

use tower_lsp_server::gen_lsp_types as lsp;

use crate::handlers::code_action;
use crate::protocol::client_facts::ClientFacts;
use crate::protocol::commands;
use crate::protocol::convert::to_proto;

/// The capabilities for a client.
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
        code_action_provider: Some(lsp::CodeActionProvider::CodeActionOptions(lsp::CodeActionOptions {
            code_action_kinds: Some(code_action::KINDS.map(|kind| kind.to_owned().into()).to_vec()),
            resolve_provider: Some(true),
            ..Default::default()
        })),
        execute_command_provider: Some(lsp::ExecuteCommandOptions {
            commands: commands::ALL.map(str::to_owned).to_vec(),
            ..Default::default()
        }),
        workspace: Some(lsp::WorkspaceOptions {
            workspace_folders: Some(lsp::WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(lsp::ChangeNotifications::Bool(true)),
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
