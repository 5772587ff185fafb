//! Token healing: the word that a prompt ends in is taken back, and the generation must begin with its text. Invariant: the forced text is produced exactly, in whatever tokens the model prefers.

use fimble_model::TokenId;

use crate::token_bytes::TokenBytes;

/// The part of the forced text that is left.
pub(crate) struct Healer {
    forced: Vec<u8>,
    n_done: usize,
}

impl Healer {
    /// Forces a generation to begin with these bytes; none forces nothing.
    pub(crate) fn new(forced: Vec<u8>) -> Self {
        Self { forced, n_done: 0 }
    }

    /// The tokens that may come next, ascending; none if any may.
    pub(crate) fn allowed(&self, vocabulary: &TokenBytes) -> Option<Vec<TokenId>> {
        let rest = &self.forced[self.n_done..];
        (!rest.is_empty()).then(|| vocabulary.able_to_begin(rest))
    }

    /// Notes a token. Returns whether it belongs to the forced text entirely.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> bool {
        let n_left = self.forced.len() - self.n_done;
        self.n_done += bytes.len().min(n_left);
        n_left > 0 && bytes.len() <= n_left
    }
}
