//! `textDocument/didChange`. Invariant: a change that does not fit costs the document its suggestions until the next full
//! text, and nothing else.

use fimble_document::TextChange;

use crate::actions::execution::document_changed;
use crate::completion::acceptance::accepted;
use crate::next_edit::{follow, outcome};
use crate::protocol::messages::DidChange;
use crate::session::Session;

/// Characters that one key brings: a bracket comes with its other half, and some clients send two keys at once.
const MAX_TYPED: usize = 4;

pub(crate) fn handle(session: &mut Session, params: DidChange) {
    let encoding = session.client.encoding;
    let changes = params.content_changes;
    let Some(document) = session.documents.get_mut(&params.text_document.uri) else {
        tracing::warn!("a change of a document that is not open is ignored");
        return;
    };
    let mut edits = Vec::new();
    let followed = session.next_edit.is_followed(&params.text_document.uri).then_some(&mut edits);
    let is_typing = changes.iter().all(is_typing);
    let was_in_sync = document.is_in_sync();
    let applied = document.change(params.text_document.version, &changes, encoding, followed);
    let document_id = document.id;
    let is_healed = !was_in_sync && applied.is_ok();
    let shown = session.completion.last_shown.as_ref().filter(|shown| {
        applied.is_ok() && shown.document == document_id && shown.was_accepted(&changes, document.text())
    });
    let accepted_id = shown.map(|shown| shown.id);
    match applied {
        // Once is enough: until the next full text every keystroke fails in the same way.
        Err(error) if was_in_sync => {
            tracing::warn!(document = document.path, %error, "the document is out of sync");
        }
        Ok(()) => {
            let offset = document.last_changed();
            if is_typing {
                session
                    .completion
                    .speculation
                    .typed(document_id, offset - changes.last().map_or(0, n_closed));
            } else {
                session.completion.speculation.expect(document_id, offset);
            }
        }
        Err(_) => {}
    }
    if let Some(id) = accepted_id {
        accepted(session, id);
    }
    document_changed(session, document_id);
    follow::changed(session, &params.text_document.uri, edits);
    if is_healed {
        follow::look_again(session, &params.text_document.uri);
    }
    outcome::document_changed(session, document_id);
}

/// Whether a change looks like a key: it stays on a line, or breaks it, and brings a few characters at most.
fn is_typing(change: &TextChange) -> bool {
    let TextChange::Part { range, text } = change else { return false };
    let is_short = text.trim().chars().take(MAX_TYPED + 1).count() <= MAX_TYPED;
    range.start.line == range.end.line && is_short
}

/// Bytes behind the cursor that the editor closed by itself: a bracket or a quote comes with its other half.
fn n_closed(change: &TextChange) -> usize {
    let TextChange::Part { text, .. } = change else { return 0 };
    usize::from(matches!(text.as_str(), "()" | "[]" | "{}" | "\"\"" | "''" | "``"))
}

/// The change could not be read.
pub(crate) fn unreadable(session: &mut Session, uri: &str) {
    if let Some(document) = session.documents.get_mut(uri) {
        tracing::warn!(document = document.path, "a change could not be read; the document is out of sync");
        document.mark_out_of_sync();
        follow::changed(session, uri, Vec::new());
    }
}
