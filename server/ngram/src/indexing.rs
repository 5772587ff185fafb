//! Adding a document to the index, a chunk at a time, between other work. Invariant: one step takes about a millisecond; a document
//! that was replaced or removed meanwhile is abandoned.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};

use crate::chunks;
use crate::index::{Index, Layer, locked};
use crate::vocabulary::Vocabulary;

/// A document that is being added.
pub(crate) struct Indexing {
    document: Arc<str>,
    layer: Layer,
    state: State,
}

enum State {
    /// The text was not cut yet.
    Whole(Arc<str>),
    /// Its chunks are known to the index, and some have no tokens yet.
    Cut { generation: u64, missing: Vec<MissingChunk> },
}

/// A chunk without tokens.
struct MissingChunk {
    /// Its index among those of the document.
    at: usize,
    first_line: usize,
    text: String,
}

impl Indexing {
    pub(crate) fn new(document: Arc<str>, layer: Layer, text: Arc<str>) -> Self {
        Self { document, layer, state: State::Whole(text) }
    }

    pub(crate) fn document(&self) -> &str {
        &self.document
    }

    /// Does one step. Returns whether there is more to do.
    pub(crate) fn step(&mut self, index: &Mutex<Index>, vocabulary: &dyn Vocabulary) -> bool {
        match &mut self.state {
            State::Whole(text) => {
                self.state = cut(index, &self.document, self.layer, text);
                true
            }
            State::Cut { generation, missing } => {
                let Some(MissingChunk { at, text, .. }) = missing.pop() else {
                    tracing::debug!(document = %self.document, "added to the project cache");
                    return false;
                };
                let tokens = vocabulary.encode(&text);
                let mut index = locked(index);
                if !index.is_current(&self.document, *generation) {
                    return false;
                }
                index.add(&self.document, at, &tokens);
                true
            }
        }
    }

    /// Orders the chunks that are left by their distance from a line, the nearest first.
    pub(crate) fn prefer_lines_near(&mut self, line: usize) {
        if let State::Cut { missing, .. } = &mut self.state {
            // The last one is done first.
            missing.sort_by_key(|missing| Reverse(missing.first_line.abs_diff(line)));
        }
    }
}

/// Cuts a document and hands its chunks to the index.
fn cut(index: &Mutex<Index>, document: &Arc<str>, layer: Layer, text: &str) -> State {
    let chunks = chunks::split(text);
    let hashes: Vec<_> = chunks.iter().map(|chunk| (chunk.hash, chunk.n_lines)).collect();
    let (generation, missing) = locked(index).upsert(document, layer, &hashes);
    let mut next_line = 0;
    let first_lines: Vec<usize> = chunks
        .iter()
        .map(|chunk| {
            next_line += chunk.n_lines;
            next_line - chunk.n_lines
        })
        .collect();
    let missing = missing.into_iter().rev().map(|at| MissingChunk {
        at,
        first_line: first_lines[at],
        text: chunks[at].normalized(),
    });
    State::Cut { generation, missing: missing.collect() }
}
