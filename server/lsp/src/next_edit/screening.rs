//! The search for secrets in a document whose edits are to be followed, off the loop. Invariant: a search that fails counts as one
//! that found a secret.

use fimble_document::Text;
use fimble_secrets::{has_secret, is_secret_path};

use crate::panics::contain;
use crate::report::Reporter;

/// A document that is searched.
pub(crate) struct Screening {
    pub(crate) uri: String,
    pub(crate) file: String,
    pub(crate) text: Text,
    /// The number of this search.
    pub(crate) serial: u64,
}

/// The result of a search, for the loop.
pub(crate) struct Screened {
    pub(crate) uri: String,
    pub(crate) serial: u64,
    pub(crate) is_clean: bool,
}

impl Screening {
    /// Searches and reports.
    pub(crate) fn run(self, reporter: &Reporter<Screened>) {
        let Self { uri, file, text, serial } = self;
        let has_secret = contain(|| is_secret_path(&file) || has_secret(&text.slice(0..text.len())));
        reporter.send(Screened { uri, serial, is_clean: has_secret == Some(false) });
    }
}
