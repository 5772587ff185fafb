//! Taking a text in, a chunk at a time, between other work. Must hold: one step takes about a millisecond; a text that was
//! told of anew, or forgotten, is not gone on with.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};

use fimble_model::Layer;

use super::{ProjectCache, chunks, locked};
use crate::tokenizer::TextTokenizer;

/// A text on its way into the cache.
pub(crate) struct Indexing {
    source: Arc<str>,
    layer: Layer,
    text: Arc<str>,
    begun: Option<Begun>,
}

/// What is left of a text whose chunks are known.
struct Begun {
    /// The telling's.
    ticket: u64,
    /// The first one to be done is the last.
    missing: Vec<Missing>,
}

/// A chunk without tokens.
struct Missing {
    /// Which of the text's chunks.
    at: usize,
    first_line: usize,
    text: String,
}

impl Indexing {
    pub(crate) fn new(source: Arc<str>, layer: Layer, text: Arc<str>) -> Self {
        Self { source, layer, text, begun: None }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Does a little. Returns whether there is more to do.
    pub(crate) fn step(&mut self, cache: &Mutex<ProjectCache>, tokenizer: &TextTokenizer) -> bool {
        let Some(Begun { ticket, missing }) = &mut self.begun else {
            self.begun = Some(self.begin(cache));
            self.text = Arc::default();
            return true;
        };
        let Some(Missing { at, text, .. }) = missing.pop() else {
            tracing::debug!(source = %self.source, "remembered");
            return false;
        };
        // A text that the tokenizer cannot read has nothing to copy from.
        let tokens = tokenizer.encode(&text).unwrap_or_default();
        let mut cache = locked(cache);
        if !cache.is_current(&self.source, *ticket) {
            return false;
        }
        cache.add(&self.source, at, &tokens);
        true
    }

    /// Goes on with the lines that are nearest to this one.
    pub(crate) fn aim(&mut self, line: usize) {
        if let Some(begun) = &mut self.begun {
            begun.missing.sort_by_key(|missing| Reverse(missing.first_line.abs_diff(line)));
        }
    }

    fn begin(&self, cache: &Mutex<ProjectCache>) -> Begun {
        let chunks = chunks::split(&self.text);
        let hashes: Vec<_> = chunks.iter().map(|chunk| (chunk.hash, chunk.n_lines)).collect();
        let (ticket, missing) = locked(cache).tell(&self.source, self.layer, &hashes);
        let mut first_line = 0;
        let first_lines: Vec<usize> = chunks
            .iter()
            .map(|chunk| {
                first_line += chunk.n_lines;
                first_line - chunk.n_lines
            })
            .collect();
        let missing = missing.into_iter().rev().map(|at| Missing {
            at,
            first_line: first_lines[at],
            text: chunks[at].normalized(),
        });
        Begun { ticket, missing: missing.collect() }
    }
}
