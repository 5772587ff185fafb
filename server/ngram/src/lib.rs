//! A project cache: an index of the token sequences of a project, whose predictions are mixed into those of a language model.
//!
//! A small language model does not know the names and idioms of a project. This crate does: it finds where the last tokens before the
//! cursor stood before, in the same document, in open documents and in the files of the workspace, and raises the probability of the
//! tokens that followed there. It needs no model and no runtime: tokens are numbers, and a [`Vocabulary`] turns text into them.
//! Invariant: the result of [`Lookup::mix`] is a probability distribution; the same documents, added in the same order, give the same
//! predictions; memory stays within its bound.
//!
//! # Data structure
//!
//! - A document is cut into chunks of 4 to 48 lines where the content says so (content-defined chunking), so that an edit changes the
//!   chunks around it and no others.
//! - The tokens of all chunks lie one behind the other in an arena. For the last 4, 2 and 1 tokens of every position, a hash table has
//!   the latest position with the same tokens, and an array has the one before each: chains of earlier occurrences.
//! - A lookup follows the chains, longest first, and compares up to 16 tokens. The tokens that follow are counted by prediction by
//!   partial matching: long matches first, with an escape to shorter ones; nearer documents count more.
//! - The weight of this prediction beside the model depends on the length of the match, on how unanimous the occurrences are, on how
//!   sure the model is, and on how much the document repeated the project so far, which is learned from its own chunks.
//!
//! # Cost
//!
//! | operation | time | memory |
//! |---|---|---|
//! | add a token | constant: three hash insertions | about 16 bytes and its share of the hash tables |
//! | edit a document | the tokens of the chunks that changed, and a hash of each chunk | |
//! | look up | at most 3 × 48 occurrences in each open document and in the workspace, 16 tokens each | |
//! | mix | one pass over the logits, only if there is a match | a row of logits |
//!
//! `cargo bench -p fimble-ngram` measures this. Work is done in steps of about a millisecond ([`ProjectCache::step`]), so that a thread
//! can do it between other work.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use fimble_ngram::{Cursor, Layer, ProjectCache, TokenId, Vocabulary};
//!
//! /// Each byte is a token.
//! struct Bytes([u8; 256]);
//!
//! impl Vocabulary for Bytes {
//!     fn encode(&self, text: &str) -> Vec<TokenId> {
//!         text.bytes().map(TokenId::from).collect()
//!     }
//!     fn bytes_of(&self, token: TokenId) -> &[u8] {
//!         self.0.get(token as usize).map_or(&[], std::slice::from_ref)
//!     }
//!     fn token_of(&self, bytes: &[u8]) -> Option<TokenId> {
//!         if let [byte] = bytes { Some((*byte).into()) } else { None }
//!     }
//!     fn contains(&self, token: TokenId) -> bool {
//!         token < 256
//!     }
//! }
//!
//! let bytes = Bytes(std::array::from_fn(|byte| byte as u8));
//! let cache = ProjectCache::new(1 << 20, Arc::new(bytes));
//! cache.upsert("colors.rs".into(), Layer::Workspace, "let crimson = 1;\nlet crimson_dark = 2;\n".into());
//! while cache.step() {}
//!
//! // A model that finds all bytes equally likely.
//! let logits = [0.0; 256];
//! let cursor = Cursor { document: "main.rs", line: 0, before: "let crim" };
//! let mut lookup = cache.lookup(&cursor, 0);
//! let mixed = lookup.mix(&logits, None).expect("there is a match");
//! assert!(mixed[usize::from(b's')] > mixed[usize::from(b't')]);
//! ```

mod arena;
mod chunks;
mod index;
mod indexing;
mod lookup;
mod mixture;
mod prediction;
mod project_cache;
mod queue;
mod softmax;
mod vocabulary;
mod weight;

pub use index::Layer;
pub use lookup::{Cursor, Lookup};
pub use project_cache::ProjectCache;
pub use softmax::{log_probability, log_sum_exp};
pub use vocabulary::{TokenId, Vocabulary};

#[cfg(test)]
mod tests;
