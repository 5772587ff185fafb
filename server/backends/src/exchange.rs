//! One request and its answer over one connection. Invariant: a cancelled request closes the connection within a tick; every wait has a
//! timeout; the size of an answer is bounded; redirects are not followed.

mod request;

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use http::header::CONTENT_TYPE;
use serde_json::Value;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvResponseResult};

use crate::address::Endpoint;
use crate::connector::{Connection, connect};
use crate::error::ServerError;
use crate::guard::Guard;
use crate::timeouts::Timeouts;
use request::Prepared;

/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 64 << 10;
/// Bytes that the body of an answer may have.
const MAX_BODY: usize = 32 << 20;
const BLOCK: usize = 16 << 10;

/// A server, and the rules for connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) guard: Guard,
    /// Whether it is on another machine, once that is known. If the name resolves to the other kind later, nothing is sent.
    pub(crate) is_remote: Option<bool>,
}

/// An answer whose body was not read yet.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// Without parameters, lower case; empty if the server does not say.
    pub(crate) content_type: String,
    body: Option<Call<RecvBody>>,
    wire: Wire<'a>,
    n_read: usize,
}

/// The connection with the bytes that were read and not parsed yet.
struct Wire<'a> {
    connection: Connection,
    input: Vec<u8>,
    is_at_end: bool,
    endpoint: &'a Endpoint,
    stop: &'a dyn Fn() -> bool,
    timeouts: Timeouts,
}

impl Target {
    /// Sends a request and waits for the head of the answer. A body makes it a POST.
    pub(crate) fn ask<'a>(
        &'a self,
        path: &str,
        body: Option<&Value>,
        timeouts: Timeouts,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Answer<'a>, ServerError> {
        let endpoint = &self.endpoint;
        let key = self.guard.key(endpoint)?;
        let call = self.prepare(path, body.map(|body| body.to_string()), key)?;
        if stop() {
            return Err(ServerError::stopped());
        }
        let connection = connect(&self.guard, endpoint, timeouts.connect)?;
        if self.is_remote.is_some_and(|expected| expected != connection.is_remote) {
            return Err(ServerError::forbidden(
                format!(
                    "the name of {endpoint} now resolves to another machine than before, and nothing was sent"
                ),
                "Restart the editor if that was meant",
            ));
        }
        let mut wire = Wire { connection, input: Vec::new(), is_at_end: false, endpoint, stop, timeouts };
        let Prepared { head, body, call } = call;
        wire.send(&head)?;
        wire.send(&body)?;
        wire.receive_head(call)
    }
}

impl<'a> Wire<'a> {
    fn send(&mut self, mut bytes: &[u8]) -> Result<(), ServerError> {
        let deadline = Instant::now() + self.timeouts.first_byte;
        while !bytes.is_empty() {
            match self.connection.stream.write(bytes) {
                Ok(0) => return Err(self.lost("closed the connection")),
                Ok(n) => bytes = &bytes[n..],
                Err(error) => self.tolerate(
                    &error,
                    deadline,
                    self.timeouts.first_byte,
                    "no sign of reading the request",
                )?,
            }
        }
        loop {
            match self.connection.stream.flush() {
                Ok(()) => return Ok(()),
                Err(error) => self.tolerate(
                    &error,
                    deadline,
                    self.timeouts.first_byte,
                    "no sign of reading the request",
                )?,
            }
        }
    }

    /// Waits for more bytes. False at the end of the connection.
    fn fill(&mut self, timeout: Duration, waited_for: &str) -> Result<bool, ServerError> {
        let deadline = Instant::now() + timeout;
        let mut block = [0; BLOCK];
        while !self.is_at_end {
            if (self.stop)() {
                return Err(ServerError::stopped());
            }
            match self.connection.stream.read(&mut block) {
                Ok(0) => self.is_at_end = true,
                Ok(n) => {
                    self.input.extend_from_slice(&block[..n]);
                    return Ok(true);
                }
                // The end of a TLS connection without `close_notify`. The length of the body says whether it is complete.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.is_at_end = true,
                Err(error) => self.tolerate(&error, deadline, timeout, waited_for)?,
            }
        }
        Ok(false)
    }

    /// Accepts a tick without bytes before the deadline. Everything else is an error.
    fn tolerate(
        &self,
        error: &io::Error,
        deadline: Instant,
        timeout: Duration,
        waited_for: &str,
    ) -> Result<(), ServerError> {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
            ErrorKind::InvalidData => {
                return Err(ServerError::forbidden(
                    format!("no encrypted connection to {} can be made ({error})", self.endpoint),
                    "See whether its name and its certificate are right, and whether it speaks https",
                ));
            }
            _ => return Err(self.lost(&format!("broke the connection ({error})"))),
        }
        if (self.stop)() {
            return Err(ServerError::stopped());
        }
        if Instant::now() >= deadline {
            return Err(ServerError::timeout(self.endpoint, timeout.as_secs().max(1), waited_for));
        }
        Ok(())
    }

    fn lost(&self, what: &str) -> ServerError {
        ServerError::broken(self.endpoint, what)
    }

    fn receive_head(mut self, mut call: Call<RecvResponse>) -> Result<Answer<'a>, ServerError> {
        let response = loop {
            if !self.input.is_empty() {
                let (used, response) = call
                    .try_response(&self.input, false)
                    .map_err(|error| self.lost(&format!("does not speak HTTP ({error})")))?;
                self.input.drain(..used);
                if let Some(response) = response {
                    break response;
                }
                if used > 0 {
                    continue;
                }
                if self.input.len() > MAX_HEAD {
                    return Err(self.lost("does not end the headers of its answer"));
                }
            }
            if !self.fill(self.timeouts.first_byte, "no answer")? {
                return Err(self.lost("closed the connection without an answer"));
            }
        };
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let body = match call.proceed() {
            Some(RecvResponseResult::RecvBody(body)) => Some(body),
            _ => None,
        };
        let status = response.status().as_u16();
        Ok(Answer { status, content_type, body, wire: self, n_read: 0 })
    }
}

impl Answer<'_> {
    /// Appends the next bytes of the body. False at its end.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>) -> Result<bool, ServerError> {
        let Self { body, wire, n_read, .. } = self;
        let Some(body) = body else { return Ok(false) };
        let mut block = [0; BLOCK];
        loop {
            let (used, n) = body
                .read(&wire.input, &mut block)
                .map_err(|error| wire.lost(&format!("sent a body that cannot be read ({error})")))?;
            wire.input.drain(..used);
            if n > 0 {
                *n_read += n;
                if *n_read > MAX_BODY {
                    return Err(wire.lost("does not stop sending"));
                }
                into.extend_from_slice(&block[..n]);
                return Ok(true);
            }
            if used > 0 {
                continue;
            }
            let is_closed_at_end = wire.is_at_end;
            if body.can_proceed()
                && (is_closed_at_end || body.body_mode() != ureq_proto::BodyMode::CloseDelimited)
            {
                return Ok(false);
            }
            if is_closed_at_end {
                return Err(wire.lost("broke off in the middle of its answer"));
            }
            wire.fill(wire.timeouts.idle, "nothing more")?;
        }
    }
}
