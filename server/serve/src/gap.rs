//! The parts of a request to fill a gap, whatever the interface. Invariant: paths have forward slashes where the rules about files see
//! them.

/// The parts of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gap {
    /// The text above, up to the cursor.
    pub(crate) before: String,
    /// The text behind the cursor.
    pub(crate) behind: String,
    /// Path of the file, if the program names it.
    pub(crate) path: String,
    /// Parts of other files with their paths, the most important last.
    pub(crate) others: Vec<(String, String)>,
}

impl Gap {
    /// The files that the request names.
    pub(crate) fn sources(&self) -> Vec<String> {
        let others = self.others.iter().map(|(path, _)| path);
        others
            .chain([&self.path])
            .filter(|path| !path.is_empty())
            .map(|path| path.replace('\\', "/"))
            .collect()
    }
}
