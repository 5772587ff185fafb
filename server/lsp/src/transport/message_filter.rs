//! The guard in front of the transport. The transport stops reading at the first message that it cannot decode, which
//! would end the connection; so every message is decoded here first, and one that is malformed is replaced by a request
//! that the ordering layer answers with the error code the protocol names. Text that is no Unicode is replaced instead, for
//! a change that is dropped would leave the server with another text than the client has. The end of the input becomes a notification
//! of its own, so that the loop learns of it in order.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tower_lsp_server::jsonrpc::{Request, Response};

use crate::options::MessageSink;
use crate::transport::framing::{FrameDecoder, KEPT_BYTES, append_frame};
use crate::transport::repair::repair;

/// Stands for a message that is no JSON.
pub(crate) const UNREADABLE: &str = "$fimble/unreadable";
/// Stands for a message that is JSON, but neither a request nor an answer.
pub(crate) const INVALID: &str = "$fimble/invalid";
/// Stands for the end of the input.
pub(crate) const CLOSED: &str = "$fimble/closed";

/// An input that yields decodable messages only.
pub(crate) struct MessageFilter<R> {
    inner: R,
    decoder: FrameDecoder,
    /// Bytes that the transport has yet to read, from `position` on.
    ready: Vec<u8>,
    position: usize,
    closed: bool,
    chunk: Box<[u8]>,
    /// Sees every good message.
    sink: Option<MessageSink>,
    /// Whether the client counts columns in bytes, once that is known.
    counts_bytes: Arc<AtomicBool>,
}

impl<R: AsyncRead + Unpin> MessageFilter<R> {
    pub(crate) fn new(inner: R, sink: Option<MessageSink>, counts_bytes: Arc<AtomicBool>) -> Self {
        let chunk = vec![0; 64 * 1024].into_boxed_slice();
        let decoder = FrameDecoder::default();
        Self { inner, decoder, ready: Vec::new(), position: 0, closed: false, chunk, sink, counts_bytes }
    }

    fn accept(&mut self, n_bytes: usize) {
        if n_bytes == 0 {
            self.closed = true;
            append_frame(&substitute(CLOSED, false), &mut self.ready);
            return;
        }
        self.decoder.push(&self.chunk[..n_bytes]);
        while let Some(frame) = self.decoder.next_frame() {
            match frame {
                Ok([]) => {}
                Ok(body) => match readable(body, self.counts_bytes.load(Ordering::SeqCst)) {
                    Ok(body) => {
                        if let Some(sink) = &self.sink {
                            sink(&body);
                        }
                        append_frame(&body, &mut self.ready);
                    }
                    Err(method) => append_frame(&substitute(method, true), &mut self.ready),
                },
                Err(error) => {
                    tracing::warn!(%error, "skipped");
                    append_frame(&substitute(UNREADABLE, true), &mut self.ready);
                }
            }
        }
    }
}

/// A message that the transport can decode: the one that came, or the same with other text in place of what is no Unicode;
/// else what stands for it.
fn readable(body: &[u8], counts_bytes: bool) -> Result<Cow<'_, [u8]>, &'static str> {
    let Some(error) = decoding_error(body) else { return Ok(Cow::Borrowed(body)) };
    if let Cow::Owned(repaired) = repair(body, counts_bytes)
        && decoding_error(&repaired).is_none()
    {
        tracing::warn!(bytes = body.len(), "a message contains text that is not Unicode; U+FFFD replaces it");
        return Ok(Cow::Owned(repaired));
    }
    // Only the kind of fault is logged: the error's text may quote the message.
    if error.is_data() {
        tracing::warn!(bytes = body.len(), "skipped a message that is neither a request nor an answer");
        Err(INVALID)
    } else {
        tracing::warn!(bytes = body.len(), "skipped a message that is not JSON");
        Err(UNREADABLE)
    }
}

/// Why the transport could not decode a message; none for a good one.
fn decoding_error(body: &[u8]) -> Option<serde_json::Error> {
    // The very types that the transport decodes into, so that both agree on what is good.
    let error = serde_json::from_slice::<Request>(body).err()?;
    serde_json::from_slice::<Response>(body).is_err().then_some(error)
}

fn substitute(method: &str, with_id: bool) -> Vec<u8> {
    let id = if with_id { r#","id":null"# } else { "" };
    format!(r#"{{"jsonrpc":"2.0","method":"{method}"{id}}}"#).into_bytes()
}

impl<R: AsyncRead + Unpin> AsyncRead for MessageFilter<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.position < this.ready.len() {
                let n_bytes = buffer.remaining().min(this.ready.len() - this.position);
                buffer.put_slice(&this.ready[this.position..this.position + n_bytes]);
                this.position += n_bytes;
                return Poll::Ready(Ok(()));
            }
            this.ready.clear();
            this.position = 0;
            if this.closed {
                return Poll::Ready(Ok(()));
            }
            let mut chunk = ReadBuf::new(&mut this.chunk);
            let n_bytes = match Pin::new(&mut this.inner).poll_read(context, &mut chunk) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => chunk.filled().len(),
                Poll::Ready(Err(error)) => {
                    tracing::warn!(%error, "the input failed; treated as its end");
                    0
                }
            };
            this.accept(n_bytes);
            // A large document leaves a large buffer behind; nothing else needs one.
            if this.ready.is_empty() && this.ready.capacity() > KEPT_BYTES {
                this.ready = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_messages_are_told_apart() {
        let cases: [(&str, Option<&str>); 12] = [
            (r#"{"jsonrpc":"2.0","method":"a","params":{"x":1},"id":1}"#, None),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"x":"\ud83d"}}"#, None),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"x":"\ud83d"}"#, Some(UNREADABLE)),
            (r#"{"jsonrpc":"2.0","method":"a"}"#, None),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, None),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","extra":1}}"#, None),
            (r#"{"jsonrpc":"2.0","method":"#, Some(UNREADABLE)),
            ("nonsense", Some(UNREADABLE)),
            (r#"{"method":"a","id":1}"#, Some(INVALID)),
            (r#"{"jsonrpc":"1.0","method":"a","id":1}"#, Some(INVALID)),
            (r#"[]"#, Some(INVALID)),
            (r#"{"jsonrpc":"2.0","method":"a","id":{}}"#, Some(INVALID)),
        ];
        for (body, expected) in cases {
            assert_eq!(readable(body.as_bytes(), false).err(), expected, "{body}");
        }
    }
}
