//! One engine process for all windows of a user: the process that hosts models, and the models of a window that are in it.
//!
//! Contents: the place of the socket ([`EnginePlace`]), the version of a program ([`Identity`]), the window's side ([`Attachment`],
//! [`SharedModel`]) and the side of the engine process ([`host`]). Invariant: both sides are the same program of the same user, or
//! nothing but their versions is exchanged; a request is answered once, also if the other side ends.

mod attachment;
mod call;
mod connection;
mod frames;
pub mod host;
mod identity;
mod place;
mod shared_model;
mod short_hash;
mod socket;
mod wire;

pub use attachment::{AttachError, Attachment, EngineReport, Starter};
pub use identity::Identity;
pub use place::{EngineFiles, EnginePlace};
pub use shared_model::SharedModel;
