//! The seam between what wants a completion and what computes one.
//!
//! Lives here: the [`Model`] trait, what goes in ([`Prompt`], [`GenerateOptions`]), what comes out ([`Generation`]),
//! conversations ([`Chat`]) with the models that can lead one, what is remembered of a project ([`ProjectPlace`]),
//! cancellation, and the registry of fill-in-the-middle templates. Invariant: this crate imports nothing of ours and does
//! no I/O, so that every engine and every user of one can depend on it.

mod calibration;
mod cancel;
mod chat;
mod error_code;
pub mod fim;
mod generate;
mod project;
mod provider;
mod special;
mod stop_strings;

pub use calibration::Calibration;
pub use cancel::CancelToken;
pub use chat::{Chat, ChatAnswer, ChatOptions, Message, Role, THOUGHT_MARKS};
pub use error_code::ErrorCode;
pub use generate::{
    ContextIndex, GenerateOptions, GenerateRequest, GeneratedToken, Generation, LoadError, Model, ModelError,
    ModelInfo, ModelRouter, Observer, Piece, Priority, Prompt, Sampling, Speeds, StopReason, TokenId,
    TokenObserver, Usage, routed,
};
pub use project::{Layer, ProjectCacheUse, ProjectPlace};
pub use provider::Provider;
pub use special::{Restorer, defuse, special_tokens};
pub use stop_strings::StopStrings;
