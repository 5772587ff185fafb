//! The way of a worker's report to the loop. Invariant: a worker knows the type of what it reports and nothing of the loop.

use std::sync::Arc;

/// Sends reports of one type. Sending never waits; after the loop has ended a report is dropped.
pub(crate) struct Reporter<T>(Arc<dyn Fn(T) + Send + Sync>);

impl<T> Reporter<T> {
    /// A reporter that hands each report to a function.
    pub(crate) fn new(send: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    /// Sends a report.
    pub(crate) fn send(&self, report: T) {
        (self.0)(report);
    }
}

impl<T> Clone for Reporter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
