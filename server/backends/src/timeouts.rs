//! The timeouts of a request. Invariant: every wait has an end, and requests made while typing have the shortest ones.

use std::time::Duration;

/// Timeouts of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until the connection is open.
    pub(crate) connect: Duration,
    /// Until the first byte of the answer.
    pub(crate) first_byte: Duration,
    /// Between two pieces of the answer.
    pub(crate) idle: Duration,
}

impl Timeouts {
    /// A completion: a later one is of no use.
    pub(crate) const COMPLETION: Self = Self {
        connect: Duration::from_secs(1),
        first_byte: Duration::from_secs(8),
        idle: Duration::from_secs(8),
    };
    /// A question about the server itself: one that is slow to answer it is too slow for typing.
    pub(crate) const PROBE: Self = Self {
        connect: Duration::from_secs(1),
        first_byte: Duration::from_secs(5),
        idle: Duration::from_secs(5),
    };
    /// A conversation: the server may have to load the model first.
    pub(crate) const CHAT: Self = Self {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(180),
        idle: Duration::from_secs(60),
    };
}
