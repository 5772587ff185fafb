//! Documents that the server shows: explanations, and what goes into no file. Must hold: a client that holds virtual
//! documents gets the text as it grows; others get a read-only file once it is complete, and no such file outlives the
//! session.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tower_lsp_server::gen_lsp_types::MessageType;

use crate::convert::to_proto;
use crate::outgoing::{Message, Outgoing};
use crate::session::Session;

/// The documents of a session.
#[derive(Default)]
pub(crate) struct ShownDocuments {
    n_opened: u64,
    /// Those that are not complete.
    growing: HashMap<u64, Growing>,
    /// Files that were written, or will be.
    files: Arc<Mutex<Vec<PathBuf>>>,
}

/// A document that is not complete.
struct Growing {
    title: String,
    /// What the client has of it.
    text: String,
}

impl ShownDocuments {
    /// Removes the files.
    pub(crate) fn remove_files(&self) {
        for file in self.files.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that was never written, or that the user removed, needs nothing.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The URI of a virtual document.
pub(crate) fn uri(number: u64) -> String {
    format!("fimble://explain/{number}.md")
}

/// Begins a document, and shows it where it can grow before the user's eyes. Returns its number.
pub(crate) fn open(session: &mut Session, title: &str) -> u64 {
    session.shown.n_opened += 1;
    let number = session.shown.n_opened;
    session.shown.growing.insert(number, Growing { title: title.to_owned(), text: String::new() });
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

/// How far a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More comes.
    Growing,
    /// The model thinks, and says nothing until it is done with that.
    Thinking,
    /// It is complete.
    Done,
    /// It says why there is no more.
    Failed,
    /// The same, and that is a matter of time.
    Unavailable,
}

/// Gives a document its text. A failure stands below what was there before it: half an answer may be worth reading.
pub(crate) fn update(session: &mut Session, number: u64, text: &str, progress: Progress) {
    let is_unavailable = progress == Progress::Unavailable;
    let has_failed = progress == Progress::Failed || is_unavailable;
    let is_done = progress == Progress::Done || has_failed;
    let Some(growing) = session.shown.growing.get_mut(&number) else { return };
    let text = match growing.text.trim_end() {
        said if has_failed && !said.is_empty() => format!("{said}\n\n---\n\n{text}"),
        _ => text.to_owned(),
    };
    growing.text.clone_from(&text);
    let title = growing.title.clone();
    if is_done {
        session.shown.growing.remove(&number);
    }
    if session.client.holds_virtual_documents {
        let params = json!({
            "uri": uri(number), "title": title, "languageId": "markdown", "text": text, "done": is_done,
            "failed": has_failed, "unavailable": is_unavailable, "thinking": progress == Progress::Thinking,
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
    let Some(folder) = session.options.document_folder.clone() else {
        return outgoing.show(MessageType::Info, text);
    };
    let path = folder.join(format!("explanation-{}-{number}.md", std::process::id()));
    session.shown.files.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    session.parses.spawn(move || match write_file(&path, &text) {
        Ok(()) if shows => {
            outgoing.send(Message::ShowDocument { uri: to_proto::file_uri(&path.to_string_lossy()) });
        }
        Ok(()) => tell_where(&outgoing, &path),
        Err(error) => {
            tracing::warn!(%error, "a document could not be written");
            outgoing.show(MessageType::Info, text);
        }
    });
}

fn tell_where(outgoing: &Outgoing, path: &Path) {
    outgoing.show(MessageType::Info, format!("Fimble: the text is in {}", path.display()));
}

fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let _ = std::fs::remove_file(path);
    std::fs::write(path, text)?;
    let mut permissions = std::fs::metadata(path)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(path, permissions)
}
