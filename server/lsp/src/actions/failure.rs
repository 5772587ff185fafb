//! Why an action is not done. Invariant: the user gets a whole sentence, and no number; a client that reads the protocol's code
//! gets that.

use fimble_model::ModelError;
use tower_lsp_server::jsonrpc::{Error, ErrorCode};

use crate::protocol::client_facts::ClientFacts;

/// The error code of an action for which no model can be asked now. The same may be done later.
const UNAVAILABLE: i64 = -32004;

/// Why an action is not done: a code of the protocol, and a sentence for the user.
#[derive(Debug)]
pub(crate) struct ActionFailure {
    pub(crate) code: i64,
    pub(crate) sentence: String,
}

impl ActionFailure {
    /// It did not work out.
    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self { code: -32803, sentence: sentence.into() }
    }

    /// There is no model for it.
    pub(crate) fn no_model(sentence: impl Into<String>) -> Self {
        Self { code: -32001, sentence: sentence.into() }
    }

    /// The model that would answer completes lines only.
    pub(crate) fn too_small(name: &str) -> Self {
        Self::no_model(format!(
            "The model {name} completes lines and is too small to write several at once. `fimble model get` fetches a larger one."
        ))
    }

    /// An error of the model. The code says whether it may work later.
    pub(crate) fn of_model(error: &ModelError, sentence: impl Into<String>) -> Self {
        let code = if matches!(error, ModelError::Unavailable(_)) { UNAVAILABLE } else { -32803 };
        Self { code, sentence: sentence.into() }
    }

    /// Whether the same may be done later.
    pub(crate) fn is_passing(&self) -> bool {
        self.code == UNAVAILABLE
    }

    pub(crate) fn modified() -> Self {
        let sentence = "The document changed while the action was under way; nothing was changed. Try again.";
        Self { code: -32801, sentence: sentence.to_owned() }
    }

    /// It was cancelled.
    pub(crate) fn cancelled() -> Self {
        Self { code: -32800, sentence: "The action was cancelled.".to_owned() }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.code == -32800
    }

    /// Whether the client ended the action itself: the protocol has a code for that, which clients do not show.
    pub(crate) fn is_protocol_error(&self, client: &ClientFacts) -> bool {
        self.is_cancelled() || client.reads_action_errors
    }

    /// The error of an answer.
    pub(crate) fn into_error(self) -> Error {
        Error { code: ErrorCode::ServerError(self.code), message: self.sentence.into(), data: None }
    }
}
