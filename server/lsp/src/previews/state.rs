//! The documents that the server shows and that no file of the user holds. Invariant: a document that is complete is not kept.

use std::collections::HashMap;
use std::path::Path;

use fimble_model::LoadError;

use crate::previews::files::DocumentFiles;

/// The documents of a session.
#[derive(Default)]
pub(crate) struct Previews {
    pub(crate) n_opened: u64,
    /// Those that are not complete.
    pub(crate) growing: HashMap<u64, Growing>,
    /// Those in files; none where there is no folder for them.
    pub(crate) files: Option<DocumentFiles>,
}

/// A document that is not complete.
pub(crate) struct Growing {
    pub(crate) title: String,
    /// What the client has of it.
    pub(crate) text: String,
}

impl Previews {
    /// Documents with files in a folder, if one is named.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self { files: folder.map(|folder| DocumentFiles::new(folder.to_owned())), ..Self::default() }
    }

    /// Removes the files.
    pub(crate) fn remove_files(&self) {
        if let Some(files) = &self.files {
            files.remove_all();
        }
    }
}

/// How far a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More comes.
    Growing,
    /// The model reasons, and writes nothing until that is done.
    Thinking,
    /// It is complete.
    Done,
    /// There is no more, because of this error.
    Failed(LoadError),
}
