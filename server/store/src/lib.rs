//! Files on disk: the ONNX Runtime library, and folders of models. Invariant: whatever appears under its final
//! name is whole (it is prepared in a staging folder and renamed into place), and nothing here opens a socket; what has
//! to be fetched is fetched by the user's own package client, with the user's index, proxy and certificates.

mod archive;
pub mod bundle;
mod bundled;
pub mod catalogue;
mod client;
mod digest;
pub mod disk;
mod error;
pub mod found;
pub mod get;
mod gguf;
mod manifest;
mod model_folder;
pub mod models;
mod paths;
mod pins;
mod platform;
mod progress;
pub mod runtime;
mod source;
mod staging;

pub use bundled::{BUNDLED_MODEL_NAME, BundledModel, bundled_model};
pub use digest::sha256_of;
pub use error::{SourceFailure, StoreError};
pub use gguf::GgufHeader;
pub use manifest::Provenance;
pub use models::{ActiveModel, ModelEntry, ModelStore, Rewrite, Verification};
pub use paths::Home;
pub use progress::Progress;
pub use runtime::{FoundRuntime, InstalledRuntime, Origin, RuntimeStore};
