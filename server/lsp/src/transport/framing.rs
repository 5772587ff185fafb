//! The base protocol: messages framed by a `Content-Length` header. Invariant: bytes that are no message are reported
//! and skipped up to the next header, so that one bad message does not end a connection.

use std::fmt;

/// Longest header block that is waited for, in bytes. Real ones have under 100.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Longest message that is accepted, in bytes. The largest document that is answered is far smaller.
const MAX_BODY_BYTES: usize = 512 * 1024 * 1024;
/// Size in bytes that a buffer may keep between messages.
pub(crate) const KEPT_BYTES: usize = 1024 * 1024;
/// Start of the header that every message has.
const CONTENT_LENGTH: &[u8] = b"Content-Length";

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The header block has no usable `Content-Length`.
    Header,
    /// The message is longer than any real one.
    TooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("a message without a usable Content-Length header"),
            Self::TooLong => write!(f, "a message of more than {MAX_BODY_BYTES} bytes"),
        }
    }
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out already.
    consumed: usize,
    /// Length of the message whose header was read.
    body: Option<usize>,
}

impl FrameDecoder {
    /// Adds bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
            // A large document leaves a large buffer behind; nothing else needs one.
            if self.buffer.capacity() > KEPT_BYTES && self.buffer.len() < KEPT_BYTES {
                self.buffer.shrink_to(KEPT_BYTES);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or none until more bytes come.
    pub fn next_frame(&mut self) -> Option<Result<&[u8], FrameError>> {
        let length = match self.body {
            Some(length) => length,
            None => match self.read_header()? {
                Ok(length) => length,
                Err(error) => return Some(Err(error)),
            },
        };
        self.body = Some(length);
        if self.buffer.len() - self.consumed < length {
            return None;
        }
        let start = self.consumed;
        self.consumed += length;
        self.body = None;
        Some(Ok(&self.buffer[start..start + length]))
    }

    fn read_header(&mut self) -> Option<Result<usize, FrameError>> {
        let pending = &self.buffer[self.consumed..];
        let Some(end) = find(pending, b"\r\n\r\n") else {
            if pending.len() > MAX_HEADER_BYTES {
                self.skip_to_next_header();
                return Some(Err(FrameError::Header));
            }
            return None;
        };
        match content_length(&pending[..end]) {
            Some(length) if length <= MAX_BODY_BYTES => {
                self.consumed += end + 4;
                Some(Ok(length))
            }
            other => {
                self.consumed += end + 4;
                Some(Err(if other.is_some() { FrameError::TooLong } else { FrameError::Header }))
            }
        }
    }

    /// After garbage, the next message starts at the next header, if it is there already.
    fn skip_to_next_header(&mut self) {
        let pending = &self.buffer[self.consumed..];
        // The first byte is passed over: a header that cannot be read must not be found again.
        let skip = find(&pending[1..], CONTENT_LENGTH).map_or(pending.len(), |at| at + 1);
        self.consumed += skip;
    }
}

/// The value of `Content-Length`. Garbage in front of it, on the same line or on lines above, is passed over.
fn content_length(header: &[u8]) -> Option<usize> {
    let header = std::str::from_utf8(&header[find_last(header, CONTENT_LENGTH)?..]).ok()?;
    let value = header.lines().next()?.split_once(':')?.1;
    value.trim().parse().ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window.eq_ignore_ascii_case(needle))
}

/// Appends a framed message.
pub fn append_frame(body: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    to.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_in_steps(bytes: &[u8], step: usize) -> Vec<Result<String, FrameError>> {
        let mut decoder = FrameDecoder::default();
        let mut found = Vec::new();
        for chunk in bytes.chunks(step) {
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame() {
                found.push(frame.map(|body| String::from_utf8_lossy(body).into_owned()));
            }
        }
        found
    }

    #[test]
    fn messages_come_out_whole_however_the_bytes_arrive() {
        let mut bytes = Vec::new();
        append_frame("{\"a\":\"ä😀\"}".as_bytes(), &mut bytes);
        append_frame(b"", &mut bytes);
        append_frame(b"{}", &mut bytes);
        let expected = vec![Ok("{\"a\":\"ä😀\"}".to_owned()), Ok(String::new()), Ok("{}".to_owned())];
        for step in 1..=bytes.len() {
            assert_eq!(decode_in_steps(&bytes, step), expected, "in steps of {step}");
        }
    }

    #[test]
    fn a_bad_header_is_reported_once_and_the_next_message_is_read() {
        for bad in
            ["Content-Length: many\r\n\r\n", "Accept: all\r\n\r\n", "Content-Length: 99999999999\r\n\r\n"]
        {
            let mut bytes = bad.as_bytes().to_vec();
            append_frame(b"{}", &mut bytes);
            let found = decode_in_steps(&bytes, 7);
            assert_eq!(found.len(), 2, "{bad:?}: {found:?}");
            assert!(found[0].is_err());
            assert_eq!(found[1], Ok("{}".to_owned()));
        }
    }

    #[test]
    fn other_headers_and_lower_case_are_accepted() {
        let bytes = b"content-type: x\r\ncontent-length: 2\r\nother: y\r\n\r\n{}";
        assert_eq!(decode_in_steps(bytes, 5), vec![Ok("{}".to_owned())]);
    }

    #[test]
    fn endless_garbage_is_not_kept() {
        let mut decoder = FrameDecoder::default();
        for _ in 0..1000 {
            decoder.push(&[b'x'; 1000]);
            while decoder.next_frame().is_some() {}
        }
        assert!(decoder.buffer.len() < 2 * MAX_HEADER_BYTES, "{} bytes kept", decoder.buffer.len());
    }
}
