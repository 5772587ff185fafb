//! Progress of long work. Invariant: no text of the user's files is ever part of it.

/// One report of progress. Reports come often; drawing less often is the receiver's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A new step begins; the bytes of the last one are done.
    Step {
        /// The step, for people, without a full stop: "checking the checksum".
        what: String,
    },
    /// How far the current step is.
    Bytes {
        /// Bytes done; may go back when a step starts over, and never exceeds `total`.
        done: u64,
        /// Bytes in all, above 0.
        total: u64,
    },
}

impl Progress {
    /// A step.
    pub fn step(what: impl Into<String>) -> Self {
        Self::Step { what: what.into() }
    }

    /// Bytes of a step, limited to what its receiver may rely on.
    pub fn bytes(done: u64, total: u64) -> Self {
        let total = total.max(1);
        Self::Bytes { done: done.min(total), total }
    }
}
