//! Connections. Invariant: a client that sends nothing, or reads nothing of its answer, is disconnected after a while; more than a bounded number at a time waits; no
//! connection can end the server.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use crate::listen::{Connection, Listener};
use crate::router::router;
use crate::server::Server;
use crate::timeouts::{TimedWrites, Timeouts};

/// Connections that are served at a time; further ones wait in the queue of the system.
const MAX_CONNECTIONS: usize = 1024;

/// Pause after the system refused a connection, for example because there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until `ended` is there. Open connections are closed then.
pub async fn serve(listener: Listener, server: Arc<Server>, ended: impl Future<Output = ()>) {
    tokio::spawn(Arc::clone(&server).load());
    let timeouts = server.timeouts;
    let router = router(server);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    let mut ended = std::pin::pin!(ended);
    loop {
        // What has ended is forgotten.
        while connections.try_join_next().is_some() {}
        let permit = tokio::select! {
            () = &mut ended => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = router.clone();
        connections.spawn(async move {
            let _permit = permit;
            match connection {
                Connection::Tcp(stream) => answer(TokioIo::new(stream), service, timeouts).await,
                #[cfg(unix)]
                Connection::Unix(stream) => answer(TokioIo::new(stream), service, timeouts).await,
            }
        });
    }
    connections.shutdown().await;
}

async fn answer<S>(stream: S, service: Router, timeouts: Timeouts)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(service);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .serve_connection(TimedWrites::new(stream, timeouts.write), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
