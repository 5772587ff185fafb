//! The interface for embeddings: texts go in, a vector of numbers for each comes out. Invariant: all vectors of a model have the same
//! length; an answer that was not cancelled has one vector for each input, in their order.

use serde::{Deserialize, Serialize};

use crate::{CancelToken, ModelError, TokenId};

/// What a vector is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmbedInput {
    /// A text. Names of special tokens in it are text.
    Text(String),
    /// Tokens of the model. A model behind a server takes none.
    Tokens(Vec<TokenId>),
}

/// A request for vectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedRequest {
    /// The inputs. None is empty.
    pub inputs: Vec<EmbedInput>,
    /// Whether the end of an input that does not fit the context is left out. Otherwise such an input is an error.
    pub truncates: bool,
    /// The files that the inputs are from, as [`crate::Prompt::sources`].
    pub sources: Vec<String>,
}

/// The vectors of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    /// One for each input, each with a length of 1 unless the model says otherwise.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were read; 0 if a server does not say.
    pub prompt_tokens: usize,
    /// Name of the model that answered. Behind a chain of models it need not be the first one.
    pub model: String,
    /// Whether the inputs left this machine.
    pub is_remote: bool,
}

/// A model that turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// Turns texts into vectors. Blocks until done; `cancel` is checked between parts of the inputs. A cancelled request is no error: it
    /// has the vectors that there are.
    ///
    /// # Errors
    /// An input does not fit the context, or the engine or the server failed; the model stays usable.
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError>;
}
