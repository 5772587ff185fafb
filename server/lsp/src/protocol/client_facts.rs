//! What the client can do. Invariant: a client that says nothing gets the protocol's defaults (UTF-16).

use fimble_document::PositionEncoding;
use serde_json::Value;

/// `InsertTextMode.asIs` of the protocol.
pub(crate) const AS_IS: u64 = 1;

/// What matters of `initialize`, read tolerantly: what has another shape than expected counts as not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientFacts {
    /// Unit of positions.
    pub(crate) encoding: PositionEncoding,
    /// Whether the client shows inline completions.
    pub(crate) shows_inline_completions: bool,
    /// Whether the client inserts an inline completion at the cursor, and leaves the text behind it that the item replaces.
    pub(crate) inserts_only: bool,
    /// Whether the client renders Markdown beside its completion menu.
    pub(crate) renders_markdown: bool,
    /// Whether the client may be asked to insert items of its menu as they are.
    pub(crate) inserts_as_is: bool,
    /// Whether the client shows work-done progress.
    pub(crate) shows_progress: bool,
    /// Whether the client asks again at `fimble/inlineCompletionRefresh`.
    pub(crate) asks_again: bool,
    /// Whether the client wants `fimble/status`.
    pub(crate) wants_status: bool,
    /// Whether the client answers `workspace/configuration`.
    pub(crate) has_configuration: bool,
    /// Whether the client lets us register for changes of the configuration.
    pub(crate) registers_configuration: bool,
    /// Whether the client lets us register for changes of files.
    pub(crate) registers_watchers: bool,
    /// Whether the client reads code actions, and not commands only.
    pub(crate) reads_code_actions: bool,
    /// Whether the client asks for the edit of an action once it is chosen, and stays usable meanwhile.
    pub(crate) resolves_edits: bool,
    /// Whether the client reads why an action was not done from an error; others get a message that they show.
    pub(crate) reads_action_errors: bool,
    /// Whether edits may name the version that they were made for.
    pub(crate) changes_documents: bool,
    /// Whether edits may be annotated, so that the client asks before it applies them.
    pub(crate) annotates_changes: bool,
    /// Whether edits may create files.
    pub(crate) creates_files: bool,
    /// Whether the client opens documents.
    pub(crate) shows_documents: bool,
    /// Whether the client shows documents whose text we send.
    pub(crate) holds_virtual_documents: bool,
    /// Whether the client asks the user for an instruction.
    pub(crate) asks_instruction: bool,
}

impl ClientFacts {
    /// Reads the parameters of `initialize`.
    pub(crate) fn read(params: &Value) -> Self {
        let says = |pointer: &str| params.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let lists = |pointer: &str, name: &str| {
            let list = params.pointer(pointer).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|item| item == name))
        };
        let is_helix = params.pointer("/clientInfo/name").and_then(Value::as_str) == Some("helix");
        Self {
            encoding: negotiate(params.pointer("/capabilities/general/positionEncodings")),
            shows_inline_completions: params
                .pointer("/capabilities/textDocument/inlineCompletion")
                .is_some_and(Value::is_object),
            // LSP4IJ draws the item behind the text that it replaces, in every IDE of JetBrains.
            inserts_only: params
                .pointer("/clientInfo/version")
                .and_then(Value::as_str)
                .is_some_and(is_of_intellij_platform),
            // Helix renders it and does not say so; Kate does not say so and shows the fences.
            renders_markdown: is_helix
                || lists(
                    "/capabilities/textDocument/completion/completionItem/documentationFormat",
                    "markdown",
                ),
            inserts_as_is: params
                .pointer(
                    "/capabilities/textDocument/completion/completionItem/insertTextModeSupport/valueSet",
                )
                .and_then(Value::as_array)
                .is_some_and(|modes| modes.iter().any(|mode| mode.as_u64() == Some(AS_IS))),
            shows_progress: says("/capabilities/window/workDoneProgress"),
            asks_again: says("/capabilities/experimental/fimble/inlineCompletionRefresh"),
            wants_status: says("/capabilities/experimental/fimble/status"),
            has_configuration: says("/capabilities/workspace/configuration"),
            registers_configuration: says(
                "/capabilities/workspace/didChangeConfiguration/dynamicRegistration",
            ),
            registers_watchers: says("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration"),
            reads_code_actions: params
                .pointer("/capabilities/textDocument/codeAction/codeActionLiteralSupport")
                .is_some_and(Value::is_object),
            // Helix resolves, and its window stands still until the answer is there.
            resolves_edits: lists("/capabilities/textDocument/codeAction/resolveSupport/properties", "edit")
                && !is_helix,
            reads_action_errors: says("/capabilities/experimental/fimble/actionErrors"),
            changes_documents: says("/capabilities/workspace/workspaceEdit/documentChanges"),
            annotates_changes: says("/capabilities/workspace/workspaceEdit/documentChanges")
                && params
                    .pointer("/capabilities/workspace/workspaceEdit/changeAnnotationSupport")
                    .is_some_and(Value::is_object),
            creates_files: says("/capabilities/workspace/workspaceEdit/documentChanges")
                && lists("/capabilities/workspace/workspaceEdit/resourceOperations", "create"),
            shows_documents: says("/capabilities/window/showDocument/support"),
            holds_virtual_documents: says("/capabilities/experimental/fimble/virtualDocuments"),
            asks_instruction: says("/capabilities/experimental/fimble/asksInstruction"),
        }
    }
}

/// Whether a client's version is that of an IDE on JetBrains' platform, such as `IntelliJ IDEA (build IU-261.23567.71)`.
fn is_of_intellij_platform(version: &str) -> bool {
    version.split_once(" (build ").and_then(|(_, build)| build.split_once('-')).is_some_and(
        |(product, number)| {
            !product.is_empty()
                && product.bytes().all(|byte| byte.is_ascii_uppercase())
                && number.starts_with(|ch: char| ch.is_ascii_digit())
        },
    )
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
    fn the_ides_of_jetbrains_are_known_by_their_build() {
        for (version, expected) in [
            ("IntelliJ IDEA (build IU-261.23567.71)", true),
            ("PyCharm (build PY-261.1)", true),
            ("Android Studio (build AI-253.1.2)", true),
            ("1.104.0", false),
            ("30.2 (build 1)", false),
            ("", false),
        ] {
            let params = json!({"clientInfo": {"name": "any", "version": version}});
            assert_eq!(ClientFacts::read(&params).inserts_only, expected, "{version}");
        }
    }

    #[test]
    fn helix_renders_markdown_and_does_not_say_so() {
        let of = |name: &str| ClientFacts::read(&json!({"clientInfo": {"name": name}})).renders_markdown;
        assert!(of("helix") && !of("Kate"));
    }
}
