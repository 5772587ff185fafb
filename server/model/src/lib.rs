//! The interface between code that needs a completion and the engines and servers that compute one.
//!
//! Contents: the [`Model`] trait, its inputs ([`Prompt`], [`GenerateOptions`]) and results ([`Generation`]), conversations
//! ([`Chat`]) and embeddings ([`Embedder`]) with the models that support them, the places of the project cache ([`ProjectPlace`]), cancellation, and the
//! registry of fill-in-the-middle templates. Invariant: this crate imports nothing of ours and does no I/O, so that every engine
//! and every user of one can depend on it.

mod calibration;
mod cancel;
mod chat;
mod embed;
mod error_code;
pub mod fim;
mod float_bits;
mod generate;
mod kv_precision;
mod project;
mod provider;
mod shared_text;
mod special;
mod stop_strings;

pub use calibration::Calibration;
pub use cancel::CancelToken;
pub use chat::{
    Chat, ChatAnswer, ChatOptions, Message, Role, THOUGHT_MARKS, TOOL_SYNTAXES, ToolCall, ToolSyntax,
};
pub use embed::{EmbedInput, EmbedRequest, Embedder, Embeddings};
pub use error_code::ErrorCode;
pub use generate::{
    ContextIndex, GenerateOptions, GenerateRequest, GeneratedToken, Generation, Grammar, LikelyToken,
    LoadError, Model, ModelError, ModelInfo, ModelRouter, Piece, Priority, Prompt, Sampling, Speeds,
    StopReason, TokenDetails, TokenId, TokenObserver, Tokenizer, Usage, routed,
};
pub use kv_precision::KvPrecision;
pub use project::{Layer, ProjectCacheUse, ProjectPlace};
pub use provider::Provider;
pub use special::{Restorer, defuse, special_tokens};
pub use stop_strings::StopStrings;
