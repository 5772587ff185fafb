//! Why nothing was fetched from a source. Invariant: each is one sentence with the remedy; an error of the disk ends the search,
//! any other lets the next source be tried.

use super::curl::Trouble;
use crate::StoreError;

#[derive(Debug)]
pub(super) enum Failure {
    /// This source is of no use, and why.
    Source(String),
    /// The disk is of no use.
    Store(StoreError),
}

impl Failure {
    /// The meaning of a status other than success. `what` names the file or repository.
    pub(super) fn from_status(status: u16, what: &str) -> Self {
        Self::Source(match status {
            401 => format!(
                "the hub requires a token for {what} (401), or there is no such repository; check the name, and \
                 set HF_TOKEN to a token of your account"
            ),
            403 => format!(
                "{what} is gated (403); ask for access on its page on the hub, then set HF_TOKEN to a token of that account"
            ),
            404 | 410 => format!("the hub has no {what} ({status}); check the name"),
            429 => format!(
                "the hub accepts no more requests from this address for now (429), so {what} was not fetched; wait some minutes, or \
                 set HF_TOKEN to a token of your account"
            ),
            500..=599 => format!("the hub failed at {what} ({status}); try again later"),
            _ => format!("the hub answered {status} for {what}; check HF_ENDPOINT and the proxy"),
        })
    }

    /// The meaning of an error of the connection.
    pub(super) fn from_trouble(trouble: Trouble, what: &str) -> Self {
        Self::Source(match trouble {
            Trouble::Absent => format!(
                "curl was not found, so {what} was not fetched; install curl, or get the file by any other way and run \
                 `fimble model add FILE`"
            ),
            Trouble::Unreachable(words) => {
                format!(
                    "the hub cannot be reached for {what} ({words}); check the network, the proxy and HF_ENDPOINT"
                )
            }
            Trouble::Cut(words) => {
                format!(
                    "the connection for {what} was interrupted several times ({words}); run the command again, it continues there"
                )
            }
            Trouble::Unusable(reason) => {
                format!("{what} cannot be fetched from the hub: {reason}; check HF_ENDPOINT")
            }
            Trouble::Store(error) => return Self::Store(error),
        })
    }

    /// A file of another length than was promised.
    pub(super) fn length(what: &str, expected: u64, got: u64) -> Self {
        Self::Source(format!(
            "{what} has {got} bytes where {expected} were promised; it was not used; try again later or name another revision"
        ))
    }

    /// A file of another checksum than was promised.
    pub(super) fn checksum(what: &str, expected: &str, got: &str) -> Self {
        Self::Source(format!(
            "{what} has the SHA-256 {got} where {expected} was promised; it was not used and is removed; run the command again"
        ))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
