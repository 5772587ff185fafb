//! How long each step of a request may take. Must hold: every wait has an end, and who types waits least.

use std::time::Duration;

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Until somebody answers the connection.
    pub(crate) connect: Duration,
    /// Until the answer begins.
    pub(crate) first: Duration,
    /// From one piece to the next.
    pub(crate) next: Duration,
}

impl Patience {
    /// Somebody looks at the cursor: later than this it is no help any more.
    pub(crate) const TYPING: Self =
        Self { connect: Duration::from_secs(1), first: Duration::from_secs(8), next: Duration::from_secs(8) };
    /// Answers about itself come at once, or the server is of no use while somebody types.
    pub(crate) const ASKING: Self =
        Self { connect: Duration::from_secs(1), first: Duration::from_secs(5), next: Duration::from_secs(5) };
    /// Somebody waits for an answer in whole sentences; the server may have to load the model first.
    pub(crate) const TALKING: Self = Self {
        connect: Duration::from_secs(5),
        first: Duration::from_secs(180),
        next: Duration::from_secs(60),
    };
}
