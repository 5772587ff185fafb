//! The output of the transport, watched. The transport ignores a failed write; a client that no longer reads has left, so a failed
//! write ends the session here. Invariant: bytes pass unchanged.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::event::{Event, EventSender};

/// An output that ends the session when it breaks.
pub(crate) struct WatchedOutput<W> {
    // Boxed, so that it may be pinned without a demand on `W`.
    inner: Pin<Box<W>>,
    events: EventSender,
    /// Whether bytes wait for the client to read.
    is_stuck: Arc<AtomicBool>,
}

impl<W: AsyncWrite> WatchedOutput<W> {
    pub(crate) fn new(inner: W, events: EventSender) -> Self {
        Self { inner: Box::pin(inner), events, is_stuck: Arc::default() }
    }

    /// Whether bytes wait for the client to read, now and later.
    pub(crate) fn is_stuck(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_stuck)
    }

    fn watched<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.is_stuck.store(outcome.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Err(error)) = &outcome {
            tracing::warn!(%error, "the client does not read any more");
            self.events.send(Event::Exit);
        }
        outcome
    }
}

impl<W: AsyncWrite> AsyncWrite for WatchedOutput<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.inner.as_mut().poll_write(context, bytes);
        self.watched(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = self.inner.as_mut().poll_flush(context);
        self.watched(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_shutdown(context)
    }
}
