//! Conversations of this process that are under way, by their server. Must hold: each ends with its handle, however it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::address::Endpoint;

/// The servers that are spoken to, one entry for each conversation.
static UNDER_WAY: Mutex<Vec<Endpoint>> = Mutex::new(Vec::new());

fn under_way() -> MutexGuard<'static, Vec<Endpoint>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A conversation that is under way.
pub(super) struct Talk<'a>(&'a Endpoint);

/// Begins one.
pub(super) fn begin(endpoint: &Endpoint) -> Talk<'_> {
    under_way().push(endpoint.clone());
    Talk(endpoint)
}

/// Whether there is one with this server. It may have several names: one too many is better here than one too few.
pub(super) fn is_under_way(endpoint: &Endpoint) -> bool {
    under_way().iter().any(|other| match (endpoint, other) {
        (Endpoint::Tcp { port, .. }, Endpoint::Tcp { port: other, .. }) => port == other,
        _ => endpoint == other,
    })
}

impl Drop for Talk<'_> {
    fn drop(&mut self) {
        let mut under_way = under_way();
        if let Some(at) = under_way.iter().position(|endpoint| endpoint == self.0) {
            under_way.swap_remove(at);
        }
    }
}
