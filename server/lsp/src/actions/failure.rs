//! Why an action is not done. Invariant: the user gets whole sentences, and no number; a client that reads the protocol's code
//! gets that, with the kind, the cause and the remedy as data.

use fimble_actions::Refusal;
use fimble_model::{ErrorCode, LoadError, ModelError};
use tower_lsp_server::jsonrpc::{self, Error};

use crate::protocol::client_facts::ClientFacts;
use crate::protocol::error_data::error_data;

/// `RequestCancelled` of the protocol.
const CANCELLED: i64 = -32800;

/// `ContentModified` of the protocol.
const MODIFIED: i64 = -32801;

/// `RequestFailed` of the protocol.
const FAILED: i64 = -32803;

/// There is no model for the action.
const NO_MODEL: i64 = -32001;

/// No model can be asked now. The same may be done later.
const UNAVAILABLE: i64 = -32004;

/// Why an action is not done: a code of the protocol, and the message for the user.
#[derive(Debug)]
pub(crate) struct ActionFailure {
    code: i64,
    error: LoadError,
}

impl ActionFailure {
    fn new(code: i64, kind: ErrorCode, cause: impl Into<String>, remedy: &str) -> Self {
        Self { code, error: LoadError { code: kind, cause: cause.into(), remedy: remedy.to_owned() } }
    }

    /// It did not work out. Without a remedy if that is empty.
    pub(crate) fn failed(kind: ErrorCode, cause: impl Into<String>, remedy: &str) -> Self {
        Self::new(FAILED, kind, cause, remedy)
    }

    /// Nothing came of the answer of a model, or there is nothing to ask a model about.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::Cancelled => return Self::cancelled(),
            Refusal::Model(error) => code_of(error),
            _ => FAILED,
        };
        Self { code, error: refusal.error() }
    }

    /// There is no model for it.
    pub(crate) fn no_model(kind: ErrorCode, cause: impl Into<String>, remedy: &str) -> Self {
        Self::new(NO_MODEL, kind, cause, remedy)
    }

    /// The model for it could not be loaded.
    pub(crate) fn not_loaded(error: &LoadError) -> Self {
        let cause = format!("The model could not be loaded: {}", error.cause);
        Self::no_model(error.code, cause, &error.remedy)
    }

    /// The model that would answer completes lines only.
    pub(crate) fn too_small(name: &str) -> Self {
        Self::no_model(
            ErrorCode::NoModel,
            format!("The model {name} completes lines and is too small to write several at once"),
            "`fimble model get` fetches a larger one.",
        )
    }

    /// An error of the model. The code of the protocol says whether it may work later.
    pub(crate) fn of_model(error: &ModelError) -> Self {
        Self::new(code_of(error), error.code(), error.to_string(), "")
    }

    pub(crate) fn modified() -> Self {
        let cause = "The document changed while the action ran; nothing was changed";
        Self::new(MODIFIED, ErrorCode::DocumentChanged, cause, "Try again.")
    }

    /// It was cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::new(CANCELLED, ErrorCode::Cancelled, "The action was cancelled", "")
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.code == CANCELLED
    }

    /// Whether the client ended the action itself: the protocol has a code for that, which clients do not show.
    pub(crate) fn is_protocol_error(&self, client: &ClientFacts) -> bool {
        self.is_cancelled() || client.reads_action_errors
    }

    /// The message for the user.
    pub(crate) fn sentences(&self) -> String {
        self.error.sentences()
    }

    /// The same as data.
    pub(crate) fn error(&self) -> &LoadError {
        &self.error
    }

    /// The error of an answer.
    pub(crate) fn into_error(self) -> Error {
        Error {
            code: jsonrpc::ErrorCode::ServerError(self.code),
            message: self.sentences().into(),
            data: Some(error_data(&self.error)),
        }
    }
}

fn code_of(error: &ModelError) -> i64 {
    if matches!(error, ModelError::Unavailable(_)) { UNAVAILABLE } else { FAILED }
}
