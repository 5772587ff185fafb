//! The project cache of an engine: whether there is one, and the engine's tokenizer as its vocabulary. Invariant: a model that is
//! larger than the limit has none, unless it is asked for.

use fimble_model::{Layer, ProjectCacheUse, ProjectPlace, TokenId};
use fimble_ngram::{Cursor, Vocabulary};

use crate::tokenizer::TextTokenizer;

/// With more bytes of weights, a model has no project cache by default.
const LARGEST_WEIGHTS: u64 = 100 << 20;

/// Whether a model of this size has a project cache.
pub(crate) fn is_wanted(wanted: ProjectCacheUse, weight_bytes: u64) -> bool {
    match wanted {
        ProjectCacheUse::Auto => weight_bytes <= LARGEST_WEIGHTS,
        ProjectCacheUse::Always => true,
        ProjectCacheUse::Never => false,
    }
}

/// A layer, for the project cache.
pub(crate) fn layer(layer: Layer) -> fimble_ngram::Layer {
    match layer {
        Layer::Workspace => fimble_ngram::Layer::Workspace,
        Layer::Open => fimble_ngram::Layer::Open,
    }
}

/// A place, for the project cache.
pub(crate) fn cursor(place: &ProjectPlace) -> Cursor<'_> {
    Cursor { document: &place.source, line: place.line, before: &place.before }
}

impl Vocabulary for TextTokenizer {
    fn encode(&self, text: &str) -> Vec<TokenId> {
        TextTokenizer::encode(self, text).unwrap_or_default()
    }

    fn bytes_of(&self, token: TokenId) -> &[u8] {
        self.bytes().bytes(token)
    }

    fn token_of(&self, bytes: &[u8]) -> Option<TokenId> {
        self.bytes().id_of(bytes)
    }

    fn contains(&self, token: TokenId) -> bool {
        self.bytes().known().get(token as usize).copied().unwrap_or(false)
    }
}
