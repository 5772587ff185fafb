//! Model files without a runtime. Contents: the wire format of ONNX, edits of ONNX graphs ([`edit`]), and the import of GGUF
//! files. Invariant: nothing here loads ONNX Runtime or opens a socket, and no input makes it panic or allocate more than the
//! input's own size.

mod build;
pub mod edit;
mod error;
pub mod gguf;
pub mod import;
pub mod tokenizer;
mod wire;

pub use build::identity_model;
pub use edit::LOGITS_TO_KEEP;
