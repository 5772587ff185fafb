//! Why an ONNX file cannot be read or edited. Invariant: each reason is a part of a sentence for people, without a path.

/// Why a file cannot be edited. It may still be a good model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The content is no ONNX model, or only a part of one.
    #[error("it is no ONNX file or a damaged one: {0}")]
    Damaged(String),
    /// The model is of a kind that the edit does not know.
    #[error("{0}")]
    Unsupported(String),
}
