//! What the handlers of requests share. Invariant: nothing in it changes while the server runs, but which models are loaded and how
//! many requests run.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};

use crate::access::Access;
use crate::models::{Models, Role};
use crate::request_log::{LogSink, RequestLog};
use crate::run::Runs;
use crate::timeouts::Timeouts;

/// What the handlers of requests share.
pub struct Server {
    pub(crate) models: Models,
    pub(crate) runs: Runs,
    pub(crate) access: Access,
    pub(crate) log: LogSink,
    pub(crate) timeouts: Timeouts,
}

impl Server {
    /// A server of these models.
    #[must_use]
    pub fn new(models: Models, access: Access, log: LogSink) -> Self {
        Self { models, runs: Runs::default(), access, log, timeouts: Timeouts::default() }
    }

    /// With another time that a client may take for each step. For tests.
    #[must_use]
    pub fn with_timeouts(self, step: Duration) -> Self {
        Self { timeouts: Timeouts { head: step, body: step, write: step }, ..self }
    }
}

impl Server {
    /// Loads the model that completes before it is asked for. A failure is told now, and again to who asks.
    pub(crate) async fn load(self: Arc<Self>) {
        let loaded = match self.models.find(None, Role::Completion) {
            Ok(served) => served.get().await,
            Err(error) => Err(error),
        };
        if let Err(error) = loaded {
            (self.log)(&format!("The model cannot be loaded: {}", error.message()));
        }
    }
}

/// What a handler gets.
pub(crate) type Shared = State<Arc<Server>>;

/// A request, taken apart.
pub(crate) fn parts(request: Request) -> (RequestLog, Body) {
    let (mut head, body) = request.into_parts();
    let none: LogSink = Arc::new(|_: &str| {});
    let log = head.extensions.remove::<RequestLog>();
    (log.unwrap_or_else(|| RequestLog::new(none, "", "")), body)
}
