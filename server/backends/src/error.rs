//! Errors between this process and a model server. Invariant: every error is two whole sentences for people, the cause and the remedy,
//! and holds neither code nor a key.

use std::fmt;

use fimble_model::{ErrorCode, LoadError};

/// The kind of a failure. It decides whether the request is repeated, or another model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerErrorKind {
    /// The settings or the rules of the connector forbid the request. It is not repeated.
    Forbidden,
    /// The text is kept on this machine. Another model may be asked.
    Withheld,
    /// There is no connection, or it broke before an answer.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The answer is not one of such a server, or it broke off.
    Broken,
    /// The server answered with an error.
    Declined,
    /// The server does not understand the request (status 400 or 422). It may understand another form of it.
    BadRequest,
    /// The request was cancelled.
    Stopped,
}

impl ServerErrorKind {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Forbidden => ErrorCode::ServerForbidden,
            Self::Withheld => ErrorCode::TextWithheld,
            Self::Unreachable => ErrorCode::ServerUnreachable,
            Self::Timeout => ErrorCode::ServerTimeout,
            Self::Broken => ErrorCode::ServerAnswerInvalid,
            Self::Declined => ErrorCode::ServerRefused,
            Self::BadRequest => ErrorCode::RequestRejected,
            Self::Stopped => ErrorCode::Cancelled,
        }
    }
}

/// A request to a server that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Its kind.
    pub kind: ServerErrorKind,
    /// Its code, for programs.
    pub code: ErrorCode,
    /// The cause, with the address of the server.
    pub cause: String,
    /// The remedy.
    pub remedy: String,
}

impl ServerError {
    pub(crate) fn new(kind: ServerErrorKind, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, code: kind.code(), cause: cause.into(), remedy: remedy.into() }
    }

    /// The same with a code that says more than that of its [`ServerErrorKind`].
    pub(crate) fn with_code(self, code: ErrorCode) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn forbidden(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ServerErrorKind::Forbidden, cause, remedy)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ServerErrorKind::Stopped, "the request was cancelled", "Nothing is to be done")
    }

    pub(crate) fn unreachable(server: &dyn fmt::Display, reason: impl fmt::Display) -> Self {
        Self::new(
            ServerErrorKind::Unreachable,
            format!("the server at {server} cannot be reached ({reason})"),
            "Start it, or change the setting that names it",
        )
    }

    pub(crate) fn timeout(server: &dyn fmt::Display, seconds: u64, what: &str) -> Self {
        Self::new(
            ServerErrorKind::Timeout,
            format!("the server at {server} sent {what} for {seconds} s"),
            "See whether it is busy or stuck, or choose a smaller model",
        )
    }

    pub(crate) fn broken(server: &dyn fmt::Display, what: impl fmt::Display) -> Self {
        Self::new(
            ServerErrorKind::Broken,
            format!("the server at {server} {what}"),
            "See its log, and whether the setting names the right kind of server",
        )
    }

    /// Whether the same request may succeed at once.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        matches!(self.kind, ServerErrorKind::Unreachable | ServerErrorKind::Broken)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.cause, self.remedy)
    }
}

impl std::error::Error for ServerError {}

impl From<ServerError> for LoadError {
    fn from(error: ServerError) -> Self {
        let ServerError { code, cause, remedy, .. } = error;
        Self { code, cause, remedy }
    }
}
