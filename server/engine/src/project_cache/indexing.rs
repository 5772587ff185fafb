//! Taking a text in, a chunk at a time, between other work. Must hold: one step takes about a millisecond; a text that was
//! told of anew, or forgotten, is not gone on with.

use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::Layer;

use super::{ProjectCache, chunks};
use crate::tokenizer::TextTokenizer;

/// A text on its way into the cache.
pub(crate) struct Indexing {
    cache: Arc<Mutex<ProjectCache>>,
    tokenizer: Arc<TextTokenizer>,
    source: Arc<str>,
    layer: Layer,
    text: Arc<str>,
    /// The telling's ticket, and the chunks still to be done with where they stand, the first one last.
    begun: Option<(u64, Vec<(usize, String)>)>,
}

impl Indexing {
    pub(crate) fn new(
        cache: &Arc<Mutex<ProjectCache>>,
        tokenizer: &Arc<TextTokenizer>,
        source: Arc<str>,
        layer: Layer,
        text: Arc<str>,
    ) -> Self {
        let (cache, tokenizer) = (Arc::clone(cache), Arc::clone(tokenizer));
        Self { cache, tokenizer, source, layer, text, begun: None }
    }

    /// Does a little. Returns whether there is more to do.
    pub(crate) fn step(&mut self) -> bool {
        let Some((ticket, missing)) = &mut self.begun else {
            let chunks = chunks::split(&self.text);
            let hashes: Vec<_> = chunks.iter().map(|chunk| (chunk.hash, chunk.n_lines)).collect();
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let (ticket, missing) = cache.tell(&self.source, self.layer, &hashes);
            drop(cache);
            let missing = missing.into_iter().rev().map(|at| (at, chunks[at].normalized())).collect();
            self.text = Arc::default();
            self.begun = Some((ticket, missing));
            return true;
        };
        let Some((at, text)) = missing.pop() else {
            tracing::debug!(source = %self.source, "remembered");
            return false;
        };
        // A text that the tokenizer cannot read has nothing to copy from.
        let tokens = self.tokenizer.encode(&text).unwrap_or_default();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if !cache.is_current(&self.source, *ticket) {
            return false;
        }
        cache.add(&self.source, at, &tokens);
        true
    }
}
