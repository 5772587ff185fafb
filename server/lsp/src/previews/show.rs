//! Showing documents: explanations, and results that go into no file. Invariant: a client that holds virtual documents gets the text
//! as it grows; others get a file once it is complete; no document loads or runs anything when it is rendered.

use std::path::Path;

use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::outgoing::{Message, Outgoing};
use crate::previews::inert_markdown::{Extent, inert_markdown};
use crate::previews::state::{Growing, Progress};
use crate::protocol::convert::to_proto;
use crate::protocol::error_data::error_data;
use crate::session::Session;

/// The URI of a virtual document.
pub(crate) fn uri(number: u64) -> String {
    format!("fimble://explain/{number}.md")
}

/// Begins a document, and shows it where it can grow before the user's eyes. Returns its number.
pub(crate) fn open(session: &mut Session, title: &str) -> u64 {
    session.previews.n_opened += 1;
    let number = session.previews.n_opened;
    session.previews.growing.insert(number, Growing { title: title.to_owned(), text: String::new() });
    if session.client.holds_virtual_documents {
        update(session, number, "", Progress::Growing);
        if session.client.shows_documents {
            session.outgoing.send(Message::ShowDocument { uri: uri(number) });
        }
    }
    number
}

/// Shows a document that is complete.
pub(crate) fn show(session: &mut Session, title: &str, text: &str) {
    let number = open(session, title);
    update(session, number, text, Progress::Done);
}

/// Gives a document its text. A failure stands below what was there before it: half an answer may be worth reading.
pub(crate) fn update(session: &mut Session, number: u64, text: &str, progress: Progress) {
    let error = match &progress {
        Progress::Failed(error) => Some(error_data(error)),
        _ => None,
    };
    let is_done = progress == Progress::Done || error.is_some();
    let Some(growing) = session.previews.growing.get_mut(&number) else { return };
    let text = match growing.text.trim_end() {
        said if error.is_some() && !said.is_empty() => format!("{said}\n\n---\n\n{text}"),
        _ => text.to_owned(),
    };
    growing.text.clone_from(&text);
    let title = growing.title.clone();
    if is_done {
        session.previews.growing.remove(&number);
    }
    let text = inert_markdown(&text, if is_done { Extent::Whole } else { Extent::Growing });
    if session.client.holds_virtual_documents {
        let params = json!({
            "uri": uri(number), "title": title, "languageId": "markdown", "text": text, "done": is_done,
            "error": error, "thinking": progress == Progress::Thinking,
        });
        session.outgoing.send(Message::Document { params });
    } else if is_done {
        write(session, number, format!("# {title}\n\n{text}"));
    }
}

/// Writes a document into a file and has it opened; off the loop.
fn write(session: &mut Session, number: u64, text: String) {
    let outgoing = session.outgoing.clone();
    let shows = session.client.shows_documents;
    let Some(files) = session.previews.files.clone() else {
        return outgoing.show(MessageType::Info, text);
    };
    session.background.spawn(move || match files.write(number, &text) {
        Ok(path) if shows => {
            outgoing.send(Message::ShowDocument { uri: to_proto::file_uri(&path) });
        }
        Ok(path) => show_path(&outgoing, &path),
        Err(error) => {
            tracing::warn!(%error, "a document could not be written");
            outgoing.show(MessageType::Info, text);
        }
    });
}

fn show_path(outgoing: &Outgoing, path: &Path) {
    outgoing.show(MessageType::Info, format!("Fimble: the text is in {}", path.display()));
}
