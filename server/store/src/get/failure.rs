//! Why nothing was fetched from a source. Invariant: each failure has a cause and a remedy; an error of the disk ends the search,
//! any other lets the next source be tried.

use super::curl::Trouble;
use crate::{SourceFailure, StoreError};

#[derive(Debug)]
pub(super) enum Failure {
    /// This source is of no use, and why.
    Source(SourceFailure),
    /// The disk is of no use.
    Store(StoreError),
}

impl Failure {
    /// A source that is of no use. `detail` is what a client said, or figures; it may be empty.
    pub(super) fn source(what: &str, cause: impl Into<String>, detail: String, remedy: &str) -> Self {
        let (what, remedy) = (what.to_owned(), remedy.to_owned());
        Self::Source(SourceFailure { what, cause: cause.into(), detail, remedy })
    }

    /// The meaning of a status other than success. `what` names the file or repository.
    pub(super) fn from_status(status: u16, what: &str) -> Self {
        let (cause, remedy) = match status {
            401 => (
                "the hub requires a token for it, or there is no such repository",
                "check the name, and set HF_TOKEN to a token of your account",
            ),
            403 => (
                "it is gated",
                "ask for access on its page on the hub, then set HF_TOKEN to a token of that account",
            ),
            404 | 410 => ("the hub does not have it", "check the name"),
            429 => (
                "the hub accepts no more requests from this address for now",
                "wait some minutes, or set HF_TOKEN to a token of your account",
            ),
            500..=599 => ("the hub failed", "try again later"),
            _ => ("the hub gave an unexpected answer", "check HF_ENDPOINT and the proxy"),
        };
        Self::source(what, cause, status.to_string(), remedy)
    }

    /// The meaning of an error of the connection.
    pub(super) fn from_trouble(trouble: Trouble, what: &str) -> Self {
        match trouble {
            Trouble::Absent => {
                let remedy = "install curl, or get the file by any other way and run `fimble model add FILE`";
                Self::source(what, "curl was not found", String::new(), remedy)
            }
            Trouble::Unreachable(words) => {
                let remedy = "check the network, the proxy and HF_ENDPOINT";
                Self::source(what, "the hub cannot be reached", words, remedy)
            }
            Trouble::Cut(words) => {
                let remedy = "run the command again, it continues there";
                Self::source(what, "the connection was interrupted several times", words, remedy)
            }
            Trouble::Unusable(reason) => {
                Self::source(what, "the hub's answer cannot be used", reason, "check HF_ENDPOINT")
            }
            Trouble::Store(error) => Self::Store(error),
        }
    }

    /// A file of another length than was promised.
    pub(super) fn length(what: &str, expected: u64, got: u64) -> Self {
        let figures = format!("{got} bytes where {expected} were promised");
        let remedy = "try again later or name another revision";
        Self::source(what, "the file has another length and was not used", figures, remedy)
    }

    /// A file of another checksum than was promised.
    pub(super) fn checksum(what: &str, expected: &str, got: &str) -> Self {
        let figures = format!("SHA-256 {got} where {expected} was promised");
        Self::source(what, "the file has another checksum and was removed", figures, "run the command again")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
