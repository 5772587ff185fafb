//! What can go wrong between this process and a model server. Must hold: every error is two whole sentences for people, the
//! cause and the remedy, and holds neither code nor a key.

use std::fmt;

use fimble_model::{ErrorCode, LoadError};

/// What kind of failure it is; decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The settings or the rules of the connector forbid it; trying again changes nothing.
    Forbidden,
    /// The text is kept on this machine; another model may be asked.
    Withheld,
    /// Nobody listens, or the connection broke before an answer.
    Unreachable,
    /// No answer in time.
    Silent,
    /// What came is no answer of such a server, or broke off.
    Broken,
    /// The server answered that it cannot or will not.
    Declined,
    /// The server does not understand what it was asked; put in another way it may.
    Unaccepted,
    /// The request was cancelled: no failure at all.
    Stopped,
}

impl Fault {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Forbidden => ErrorCode::ServerForbidden,
            Self::Withheld => ErrorCode::TextWithheld,
            Self::Unreachable => ErrorCode::ServerUnreachable,
            Self::Silent => ErrorCode::ServerTimeout,
            Self::Broken => ErrorCode::ServerAnswerInvalid,
            Self::Declined => ErrorCode::ServerRefused,
            Self::Unaccepted => ErrorCode::RequestRejected,
            Self::Stopped => ErrorCode::Cancelled,
        }
    }
}

/// Why a server gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Its kind, which decides what is done about it.
    pub fault: Fault,
    /// Its kind, for programs.
    pub code: ErrorCode,
    /// What happened, naming the server.
    pub cause: String,
    /// What the user can do.
    pub remedy: String,
}

impl ServerError {
    pub(crate) fn new(fault: Fault, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { fault, code: fault.code(), cause: cause.into(), remedy: remedy.into() }
    }

    /// The same with a code that says more than that of its [`Fault`].
    pub(crate) fn with_code(self, code: ErrorCode) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn forbidden(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Fault::Forbidden, cause, remedy)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(Fault::Stopped, "the request was cancelled", "Nothing is to be done")
    }

    pub(crate) fn unreachable(server: &dyn fmt::Display, reason: impl fmt::Display) -> Self {
        Self::new(
            Fault::Unreachable,
            format!("the server at {server} cannot be reached ({reason})"),
            "Start it, or change the setting that names it",
        )
    }

    pub(crate) fn silent(server: &dyn fmt::Display, seconds: u64, what: &str) -> Self {
        Self::new(
            Fault::Silent,
            format!("the server at {server} sent {what} for {seconds} s"),
            "See whether it is busy or stuck, or choose a smaller model",
        )
    }

    pub(crate) fn broken(server: &dyn fmt::Display, what: impl fmt::Display) -> Self {
        Self::new(
            Fault::Broken,
            format!("the server at {server} {what}"),
            "See its log, and whether the setting names the right kind of server",
        )
    }

    /// Whether the same request may succeed at once.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        matches!(self.fault, Fault::Unreachable | Fault::Broken)
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
