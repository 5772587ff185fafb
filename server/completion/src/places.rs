//! Hashes of the text around a place. Invariant: they read a bounded piece of the text, whatever its size.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use fimble_document::Text;

/// Hash of the `n_bytes` before `offset`, or fewer at the start of the text.
pub(crate) fn hash_before(text: &Text, offset: usize, n_bytes: usize) -> u64 {
    hash(text, offset.saturating_sub(n_bytes)..offset)
}

/// Hash of the `n_bytes` from `offset` on, or fewer at the end of the text.
pub(crate) fn hash_after(text: &Text, offset: usize, n_bytes: usize) -> u64 {
    hash(text, offset..offset.saturating_add(n_bytes))
}

fn hash(text: &Text, range: Range<usize>) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.slice(range).hash(&mut hasher);
    hasher.finish()
}
