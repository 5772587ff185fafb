//! What is read from messages. Invariant: these are tolerant where clients differ (a missing version, the three values
//! that `triggerKind` had in the protocol's history), so that a client's small fault does not cost it an answer.

use fimble_completion::Trigger;
use fimble_document::{Position, PositionRange, Text, TextChange};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A place in a line, in units of the negotiated encoding.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct WirePosition {
    line: u32,
    character: u32,
}

impl From<WirePosition> for Position {
    fn from(position: WirePosition) -> Self {
        Self { line: position.line, character: position.character }
    }
}

/// Two places; the end is exclusive.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct WireRange {
    start: WirePosition,
    end: WirePosition,
}

impl From<WireRange> for PositionRange {
    fn from(range: WireRange) -> Self {
        Self { start: range.start.into(), end: range.end.into() }
    }
}

/// Names a document.
#[derive(Debug, Deserialize)]
pub(crate) struct DocumentIdentifier {
    pub(crate) uri: String,
    /// Some clients leave it out, some send null.
    #[serde(default)]
    pub(crate) version: Option<i32>,
}

/// `textDocument/didOpen`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DidOpen {
    pub(crate) text_document: OpenedDocument,
}

/// A document as it is opened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenedDocument {
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) language_id: String,
    #[serde(default)]
    pub(crate) version: i32,
    #[serde(deserialize_with = "rope")]
    pub(crate) text: Text,
}

/// Builds the rope where the message is decoded, so that a large file does not hold up the loop.
fn rope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    String::deserialize(deserializer).map(|text| Text::new(&text))
}

/// `textDocument/didChange`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DidChange {
    pub(crate) text_document: DocumentIdentifier,
    /// The changes in order.
    #[serde(deserialize_with = "changes")]
    pub(crate) content_changes: Vec<TextChange>,
}

/// As [`rope`]: a client that sends the whole text with a change does not hold up the loop either.
fn changes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TextChange>, D::Error> {
    let changes = Vec::<ContentChange>::deserialize(deserializer)?.into_iter();
    Ok(changes
        .map(|ContentChange { range, text }| match range {
            Some(range) => TextChange::Part { range: range.into(), text },
            None => TextChange::Whole(Text::new(&text)),
        })
        .collect())
}

#[derive(Debug, Deserialize)]
struct ContentChange {
    #[serde(default)]
    range: Option<WireRange>,
    text: String,
}

/// `textDocument/didClose` and `textDocument/didSave`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentOnly {
    pub(crate) text_document: DocumentIdentifier,
}

/// `fimble/cursor`: where the cursor came to rest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursor {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) position: WirePosition,
}

/// `workspace/didChangeConfiguration`.
#[derive(Debug, Deserialize)]
pub(crate) struct DidChangeConfiguration {
    #[serde(default)]
    pub(crate) settings: Value,
}

/// `workspace/didChangeWatchedFiles`.
#[derive(Debug, Deserialize)]
pub(crate) struct DidChangeWatchedFiles {
    pub(crate) changes: Vec<WatchedFile>,
}

/// A file that was made, written or removed. The disk says which of these: notifications come late.
#[derive(Debug, Deserialize)]
pub(crate) struct WatchedFile {
    pub(crate) uri: String,
}

/// `workspace/didChangeWorkspaceFolders`.
#[derive(Debug, Deserialize)]
pub(crate) struct DidChangeWorkspaceFolders {
    pub(crate) event: FoldersEvent,
}

/// Folders that came and went.
#[derive(Debug, Deserialize)]
pub(crate) struct FoldersEvent {
    #[serde(default)]
    pub(crate) added: Vec<WireFolder>,
    #[serde(default)]
    pub(crate) removed: Vec<WireFolder>,
}

/// A workspace folder.
#[derive(Debug, Deserialize)]
pub(crate) struct WireFolder {
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// `textDocument/inlineCompletion`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineCompletionParams {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) position: WirePosition,
    #[serde(default)]
    pub(crate) context: InlineCompletionContext,
}

/// How an inline completion was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineCompletionContext {
    #[serde(default)]
    trigger_kind: Option<u32>,
    #[serde(default)]
    pub(crate) selected_completion_info: Option<SelectedCompletionInfo>,
}

impl InlineCompletionContext {
    /// Version 3.18 says 1 for invoked and 2 for automatic; drafts before it said 0 and 1. 1 can mean both, and the
    /// released version decides.
    pub(crate) fn trigger(&self) -> Trigger {
        match self.trigger_kind {
            Some(0 | 1) => Trigger::Invoked,
            _ => Trigger::Automatic,
        }
    }
}

/// The item that is selected in the editor's popup.
#[derive(Debug, Deserialize)]
pub(crate) struct SelectedCompletionInfo {
    pub(crate) range: WireRange,
    pub(crate) text: String,
}

/// `fimble/nextEdit` and `textDocument/copilotInlineEdit`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NextEditParams {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) position: WirePosition,
    #[serde(default)]
    pub(crate) context: NextEditContext,
}

/// How and when a next edit was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NextEditContext {
    #[serde(default)]
    trigger_kind: Option<u32>,
    /// Whether the word at the cursor is not being typed any more.
    #[serde(default)]
    pub(crate) at_rest: Option<bool>,
    /// Whether a completion is on the screen. If it is not said, the server's own knowledge counts.
    #[serde(default)]
    pub(crate) completion_shown: Option<bool>,
}

impl NextEditContext {
    /// 1 means that the user asked, 2 that the editor did.
    pub(crate) fn is_explicit(&self) -> bool {
        self.trigger_kind == Some(1)
    }
}

/// `textDocument/didShowInlineEdit` and `fimble/didDismissNextEdit`: the edit as it was sent.
#[derive(Debug, Deserialize)]
pub(crate) struct ShownEdit {
    item: ShownEditItem,
}

#[derive(Debug, Deserialize)]
struct ShownEditItem {
    command: ShownEditCommand,
}

#[derive(Debug, Deserialize)]
struct ShownEditCommand {
    arguments: Vec<Value>,
}

impl ShownEdit {
    /// The number of the edit.
    pub(crate) fn id(&self) -> Option<u64> {
        self.item.command.arguments.first()?.as_u64()
    }
}

/// `textDocument/completion`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompletionParams {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) position: WirePosition,
    #[serde(default)]
    context: Option<CompletionContext>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompletionContext {
    #[serde(default)]
    trigger_kind: Option<u32>,
}

impl CompletionParams {
    /// 1 means "asked for, or an identifier typed": clients do not distinguish these, so only an absent context counts as
    /// asked for.
    pub(crate) fn trigger(&self) -> Trigger {
        match self.context.as_ref().and_then(|context| context.trigger_kind) {
            None => Trigger::Invoked,
            Some(_) => Trigger::Automatic,
        }
    }
}

/// `workspace/executeCommand`.
#[derive(Debug, Deserialize)]
pub(crate) struct ExecuteCommandParams {
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) arguments: Vec<Value>,
}

/// Names a document and a place in it, in the arguments of a command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentPosition {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) position: WirePosition,
}

/// `textDocument/codeAction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeActionParams {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) range: WireRange,
    #[serde(default)]
    pub(crate) context: CodeActionContext,
}

/// Why and for what code actions are asked.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeActionContext {
    #[serde(default)]
    pub(crate) diagnostics: Vec<Value>,
    #[serde(default)]
    only: Option<Vec<String>>,
    #[serde(default)]
    trigger_kind: Option<u32>,
}

impl CodeActionContext {
    /// 1 means that the user asked, 2 that the cursor moved.
    pub(crate) fn is_automatic(&self) -> bool {
        self.trigger_kind == Some(2)
    }

    /// Whether actions of this kind are wanted; a kind stands for all below it.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        let holds = |wanted: &String| {
            kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || wanted.is_empty()
        };
        self.only.as_ref().is_none_or(|only| only.iter().any(holds))
    }
}

/// `window/workDoneProgress/cancel`.
#[derive(Debug, Deserialize)]
pub(crate) struct CancelProgress {
    pub(crate) token: Value,
}

/// A piece of a document and what is to be done with it, in the arguments of a command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlacedInstruction {
    pub(crate) text_document: DocumentIdentifier,
    pub(crate) range: WireRange,
    #[serde(default)]
    pub(crate) instruction: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_trigger_kinds_of_history_are_understood() {
        for (json, expected) in [
            (r#"{"triggerKind":0}"#, Trigger::Invoked),
            (r#"{"triggerKind":1}"#, Trigger::Invoked),
            (r#"{"triggerKind":2}"#, Trigger::Automatic),
            (r#"{}"#, Trigger::Automatic),
        ] {
            let context: InlineCompletionContext = serde_json::from_str(json).unwrap();
            assert!(
                std::mem::discriminant(&context.trigger()) == std::mem::discriminant(&expected),
                "{json}"
            );
        }
    }
}
