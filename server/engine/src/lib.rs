//! A causal language model in this process, through ONNX Runtime.
//!
//! Lives here: loading the runtime ([`runtime`]), loading a model ([`Engine::load`]), the KV prefix cache, sampling, and
//! the one thread that owns the session. Invariant: only this crate knows ONNX Runtime and the tokenizer's format; a
//! request runs on what its slot of the cache really holds, whatever was cancelled or failed before; nothing that goes
//! wrong in a foreign library gets past this crate as a panic; no prompt and no text is ever logged.

mod bounded_memory;
mod branches;
mod cache_memory;
mod cache_trial;
mod chat;
mod chat_template;
mod confidence_bound;
mod device;
mod element;
mod engine;
mod evaluator;
mod evaluator_spec;
mod files;
mod generate;
mod grammar;
mod graph;
mod heal;
mod kv_cache;
mod layout;
mod line_end;
mod memory;
mod model_runner;
mod operators;
mod panics;
mod pool;
mod project_cache;
mod providers;
mod random;
pub mod runtime;
mod sampler;
mod score;
mod session;
mod smaller_cache;
mod speculate;
mod speculative_decoder;
mod speed;
mod tensor;
mod text_stream;
mod threads;
mod token_bytes;
mod token_details;
mod tokenizer;
mod worker;

pub use engine::{Engine, EngineOptions};
pub use files::ModelSource;
pub use providers::provider_is_here;
pub use random::SplitMix64;
pub use speculate::Speculation;
