//! Items of `textDocument/completion`, for editors that show no inline completions (Helix). Invariant: an item's filter text begins
//! with the word that is typed, or the editor would hide it; its edit is on one line; the list is incomplete, so that the editor asks
//! again with the next key.

use fimble_actions::fenced;
use serde_json::{Value, json};
use tower_lsp_server::gen_lsp_types as lsp;

use crate::completion::shown::Shown;
use crate::protocol::client_facts::AS_IS;
use crate::protocol::convert::to_proto;

/// Characters of a label; longer lines are cut.
const MAX_LABEL: usize = 60;

/// The whole suggestion and, if it has several lines, its first line alone.
pub(crate) fn answer(shown: &Shown<'_>) -> Value {
    let text = &shown.suggestion.text;
    let mut items = vec![item(shown, text, "0")];
    let first_line = text.lines().next().unwrap_or_default();
    if !first_line.trim().is_empty() && !text[first_line.len()..].trim().is_empty() {
        items.push(item(shown, first_line, "1"));
    }
    json!({"isIncomplete": true, "items": items})
}

/// No suggestion.
pub(crate) fn empty(is_incomplete: bool) -> Value {
    json!({"isIncomplete": is_incomplete, "items": []})
}

fn item(shown: &Shown<'_>, text: &str, order: &str) -> Value {
    let word = typed_word(shown);
    let first_line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let n_lines = text.lines().count().max(1);
    let range = shown.offset - word.len()..shown.replaced().end;
    let milliseconds = shown.trace.times.total / 1000;
    let remote = if shown.trace.remote { " (remote)" } else { "" };
    let lines = if n_lines == 1 { "1 line".to_owned() } else { format!("{n_lines} lines") };
    let mut item = json!({
        "label": label(&format!("{word}{first_line}"), n_lines),
        "kind": lsp::CompletionItemKind::Text,
        "detail": format!("Fimble{remote}, {lines}, {milliseconds} ms"),
        "documentation": documentation(shown, &format!("{word}{text}")),
        // After everything that a language's own server knows for certain.
        "sortText": format!("~{order}"),
        "filterText": if text.starts_with(['\n', '\r']) { word.clone() } else { format!("{word}{first_line}") },
        "insertTextFormat": lsp::InsertTextFormat::PlainText,
        "textEdit": {
            "range": to_proto::range(shown.text, &range, shown.encoding),
            "newText": format!("{word}{text}"),
        },
    });
    if shown.inserts_as_is {
        // The text is indented already; what a client does by itself would indent it twice.
        item["insertTextMode"] = AS_IS.into();
    }
    item
}

/// The whole text, as the client can show it.
fn documentation(shown: &Shown<'_>, text: &str) -> Value {
    if shown.renders_markdown {
        json!({"kind": "markdown", "value": fenced(text, shown.language_id).trim_end()})
    } else {
        json!({"kind": "plaintext", "value": text})
    }
}

/// The part of a word left of the cursor, as editors see words.
fn typed_word(shown: &Shown<'_>) -> String {
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut word: Vec<char> = shown.text.chars_before(shown.offset).take_while(is_word).take(200).collect();
    word.reverse();
    word.into_iter().collect()
}

/// The line, with an ellipsis where there is more, so that the whole suggestion and its first line look different.
fn label(line: &str, n_lines: usize) -> String {
    let line = line.trim();
    if n_lines == 1 && line.chars().count() <= MAX_LABEL {
        return line.to_owned();
    }
    line.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        assert_eq!(label("  short  ", 1), "short");
        assert_eq!(label("first:", 3), "first:…");
        assert_eq!(label(&"ä".repeat(100), 1).chars().count(), MAX_LABEL);
    }
}
