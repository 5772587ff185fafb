//! Answers in pieces. Invariant: what one piece of the model became is written before the next one is waited for; a stream that is
//! dropped ends the work behind it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Frame;
use serde_json::Value;

use crate::request_log::RequestLog;
use crate::run::{Event, Run};

/// How documents are written one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// A document a line.
    Lines,
}

impl Framing {
    fn write(self, document: &str, into: &mut Vec<u8>) {
        match self {
            Self::Events => {
                into.extend_from_slice(b"data: ");
                into.extend_from_slice(document.as_bytes());
                into.extend_from_slice(b"\n\n");
            }
            Self::Lines => {
                into.extend_from_slice(document.as_bytes());
                into.push(b'\n');
            }
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        })
    }
}

/// Turns the events of a run into documents.
pub(crate) trait Writer: Send + Unpin + 'static {
    /// The documents in front of the answer.
    fn begin(&mut self) -> Vec<Value> {
        Vec::new()
    }

    /// The documents of an event. Those of the last one end the answer.
    fn documents(&mut self, event: Event) -> Vec<Value>;

    /// Whether the answer is complete, so that the work can end.
    fn has_enough(&self) -> bool {
        false
    }

    /// A text behind the last document, in the same frame.
    fn end(&self) -> Option<&'static str> {
        None
    }
}

/// The response of a run whose documents are sent as they come.
pub(crate) fn streamed(run: Run, framing: Framing, writer: impl Writer, log: RequestLog) -> Response {
    let body = DocumentStream { run: Some(run), framing, writer, has_begun: false, _log: log };
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, framing.content_type());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

struct DocumentStream<W> {
    /// None once it ended.
    run: Option<Run>,
    framing: Framing,
    writer: W,
    has_begun: bool,
    /// The line of the request is written when the stream ends.
    _log: RequestLog,
}

impl<W: Writer> DocumentStream<W> {
    fn frame(&self, documents: &[Value]) -> Option<Bytes> {
        let mut bytes = Vec::new();
        for document in documents {
            self.framing.write(&document.to_string(), &mut bytes);
        }
        (!bytes.is_empty()).then(|| bytes.into())
    }
}

impl<W: Writer> HttpBody for DocumentStream<W> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if !std::mem::replace(&mut this.has_begun, true) {
            let documents = this.writer.begin();
            if let Some(bytes) = this.frame(&documents) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
        loop {
            let Some(run) = &mut this.run else { return Poll::Ready(None) };
            let event = match run.poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => event,
            };
            let is_done = matches!(event, Event::Done(_));
            let documents = this.writer.documents(event);
            if this.writer.has_enough() {
                run.stop();
            }
            let mut bytes = this.frame(&documents).map(|bytes| bytes.to_vec()).unwrap_or_default();
            if is_done {
                this.run = None;
                if let Some(end) = this.writer.end() {
                    this.framing.write(end, &mut bytes);
                }
            }
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
            }
        }
    }
}
