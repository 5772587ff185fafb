//! Running conversations of this process, by server. Invariant: a conversation counts as long as its guard lives.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::address::Endpoint;

/// One entry for each conversation: the server that it runs with.
static ACTIVE: Mutex<Vec<Endpoint>> = Mutex::new(Vec::new());

fn active() -> MutexGuard<'static, Vec<Endpoint>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running conversation.
pub(super) struct ActiveChatGuard<'a>(&'a Endpoint);

impl<'a> ActiveChatGuard<'a> {
    /// Counts a conversation that begins.
    pub(super) fn new(endpoint: &'a Endpoint) -> Self {
        active().push(endpoint.clone());
        Self(endpoint)
    }
}

impl Drop for ActiveChatGuard<'_> {
    fn drop(&mut self) {
        let mut active = active();
        if let Some(at) = active.iter().position(|endpoint| endpoint == self.0) {
            active.swap_remove(at);
        }
    }
}

/// Whether a conversation runs with this server. A server may have several names, so that the port decides: one too many is better here
/// than one too few.
pub(super) fn has_active_chat(endpoint: &Endpoint) -> bool {
    active().iter().any(|other| match (endpoint, other) {
        (Endpoint::Tcp { port, .. }, Endpoint::Tcp { port: other, .. }) => port == other,
        _ => endpoint == other,
    })
}
