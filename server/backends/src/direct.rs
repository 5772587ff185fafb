//! Requests in the words of a server of this machine, for comparisons. Invariant: nothing but loopback is
//! reachable; the socket is that of the connector.

use serde_json::Value;

use crate::address::Endpoint;
use crate::error::ServerError;
use crate::exchange::Target;
use crate::guard::Guard;
use crate::timeouts::Timeouts;

/// A server at a port of this machine.
#[derive(Clone, Debug)]
pub struct DirectServer {
    target: Target,
}

impl DirectServer {
    /// The server at a port of 127.0.0.1. Nothing is connected to yet.
    #[must_use]
    pub fn on_this_machine(port: u16) -> Self {
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port, tls: false, base: String::new() };
        Self { target: Target { endpoint, guard: Guard::own_machine_only(), is_remote: Some(false) } }
    }

    /// Sends one request and waits for one document in JSON. A body makes it a POST.
    ///
    /// # Errors
    /// There is no server, no answer came within three minutes, or the answer is an error or no JSON.
    pub fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value, ServerError> {
        self.target.document(path, body, Timeouts::CHAT, &|| false)
    }
}
