//! The open documents and the folders that they are in. Invariant: closing a document frees all of it; an id is never given
//! twice.

use std::cmp::Reverse;
use std::collections::HashMap;

use fimble_document::Text;
use fimble_workspace::OpenText;

use crate::documents::open_document::{InWorkspace, OpenDocument};
use crate::protocol::convert::from_proto;
use crate::protocol::folders::WorkspaceFolder;

/// Documents that are handed to a completion besides its own, at most.
const MAX_EDITED_LAST: usize = 16;

/// All open documents, by URI.
#[derive(Default)]
pub(crate) struct Documents {
    by_uri: HashMap<String, OpenDocument>,
    n_opened: u64,
    folders: Vec<WorkspaceFolder>,
}

/// The path of a file in the innermost folder that holds it, and the folder's name; its own name if none does.
fn in_workspace(folders: &[WorkspaceFolder], file: &str) -> (String, String) {
    let inside = folders.iter().filter_map(|folder| {
        let rest = file.strip_prefix(&folder.path)?.strip_prefix('/')?;
        Some((rest.to_owned(), folder.name.clone()))
    });
    inside
        .min_by_key(|(rest, _)| rest.len())
        .unwrap_or_else(|| (from_proto::file_name(file).to_owned(), String::new()))
}

impl Documents {
    /// The folders that the client works in.
    pub(crate) fn folders(&self) -> &[WorkspaceFolder] {
        &self.folders
    }

    /// The URI of an open document.
    pub(crate) fn uri_of(&self, id: u64) -> Option<&str> {
        self.by_uri.iter().find(|(_, document)| document.id == id).map(|(uri, _)| uri.as_str())
    }

    /// The URIs of all open documents.
    pub(crate) fn uris(&self) -> Vec<String> {
        self.by_uri.keys().cloned().collect()
    }

    /// Opens a document; one that is open under this URI is replaced, and its id returned.
    pub(crate) fn open(&mut self, uri: String, language_id: String, version: i32, text: Text) -> Option<u64> {
        self.n_opened += 1;
        let file = from_proto::path(&uri);
        let (path, repository) = in_workspace(&self.folders, &file);
        let place = InWorkspace { file, path, repository };
        let opened = OpenDocument::new(self.n_opened, place, language_id, version, text);
        self.by_uri.insert(uri, opened).map(|replaced| replaced.id)
    }

    /// Names the folders. What is open lies where these say.
    pub(crate) fn set_folders(&mut self, folders: Vec<WorkspaceFolder>) {
        for document in self.by_uri.values_mut() {
            (document.path, document.repository) = in_workspace(&folders, &document.file);
        }
        self.folders = folders;
    }

    /// Closes a document and returns it.
    pub(crate) fn close(&mut self, uri: &str) -> Option<OpenDocument> {
        self.by_uri.remove(uri)
    }

    pub(crate) fn get(&self, uri: &str) -> Option<&OpenDocument> {
        self.by_uri.get(uri)
    }

    pub(crate) fn get_mut(&mut self, uri: &str) -> Option<&mut OpenDocument> {
        self.by_uri.get_mut(uri)
    }

    /// By id; none if it was closed since.
    pub(crate) fn by_id(&self, id: u64) -> Option<&OpenDocument> {
        self.by_uri.values().find(|document| document.id == id)
    }

    pub(crate) fn by_id_mut(&mut self, id: u64) -> Option<&mut OpenDocument> {
        self.by_uri.values_mut().find(|document| document.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OpenDocument> {
        self.by_uri.values()
    }

    /// All open documents with their URIs.
    pub(crate) fn iter_with_uris(&self) -> impl Iterator<Item = (&str, &OpenDocument)> {
        self.by_uri.iter().map(|(uri, document)| (uri.as_str(), document))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OpenDocument> {
        self.by_uri.values_mut()
    }

    /// Whether a file is open, by its whole path.
    pub(crate) fn is_open(&self, file: &str) -> bool {
        self.by_uri.values().any(|document| document.file == file)
    }

    /// Some documents other than `document` as they are; the one edited last comes first, and those that were not edited since they
    /// were opened last.
    pub(crate) fn edited_last(&self, document: u64) -> Vec<OpenText> {
        let is_readable = |other: &&OpenDocument| other.is_in_sync() && other.unfit().is_none();
        let others = self.by_uri.values().filter(|other| other.id != document).filter(is_readable);
        let mut others: Vec<&OpenDocument> = others.collect();
        others.sort_by_key(|other| Reverse((other.edited(), other.id)));
        others.into_iter().take(MAX_EDITED_LAST).map(OpenDocument::open_text).collect()
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.by_uri.len()
    }

    /// Bytes of all open texts.
    pub(crate) fn n_bytes(&self) -> usize {
        self.by_uri.values().map(|document| document.text().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_innermost_folder() {
        let folder =
            |path: &str, name: &str| WorkspaceFolder { path: path.to_owned(), name: name.to_owned() };
        let folders = [folder("/w", "outer"), folder("/w/inner", "inner"), folder("/wide", "wide")];
        for (path, expected) in [
            ("/w/a/b.rs", ("a/b.rs", "outer")),
            ("/w/inner/b.rs", ("b.rs", "inner")),
            ("/wider/b.rs", ("b.rs", "")),
            ("/elsewhere/b.rs", ("b.rs", "")),
        ] {
            let (relative, name) = in_workspace(&folders, path);
            assert_eq!((relative.as_str(), name.as_str()), expected, "{path}");
        }
    }
}
