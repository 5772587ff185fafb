//! A request as bytes. Invariant: a key stands in no other place than its own header; the connection is for this one request.

use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, SendRequestResult};

use super::{BLOCK, Target};
use crate::error::ServerError;

/// A request as bytes, and what reads its answer.
pub(super) struct Prepared {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) call: Call<RecvResponse>,
}

impl Target {
    /// Writes a request. A body makes it a POST.
    pub(super) fn prepare(
        &self,
        path: &str,
        body: Option<String>,
        key: Option<String>,
    ) -> Result<Prepared, ServerError> {
        let endpoint = &self.endpoint;
        let failed = |error: &dyn std::fmt::Display| {
            ServerError::forbidden(
                format!("a request to {endpoint} cannot be written ({error})"),
                "Check the address in the settings",
            )
        };
        let authority = endpoint.authority().unwrap_or_else(|| "localhost".to_owned());
        let uri = format!("http://{authority}{}{path}", endpoint.base());
        let mut request = http::Request::builder()
            .method(if body.is_some() { "POST" } else { "GET" })
            .uri(uri)
            .header(CONNECTION, "close")
            .header(ACCEPT, "application/json, text/event-stream, application/x-ndjson");
        if let Some(body) = &body {
            request = request.header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, body.len());
        }
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(()).map_err(|error| failed(&error))?;
        let mut call = Call::new(request).map_err(|error| failed(&error))?.proceed();
        let mut head = Vec::new();
        let mut block = vec![0; BLOCK];
        while !call.can_proceed() {
            let n = call.write(&mut block).map_err(|error| failed(&error))?;
            head.extend_from_slice(&block[..n]);
        }
        let body = body.unwrap_or_default().into_bytes();
        let call = match call.proceed().map_err(|error| failed(&error))? {
            Some(SendRequestResult::RecvResponse(call)) => Some(call),
            Some(SendRequestResult::SendBody(mut sending)) => {
                sending.consume_direct_write(body.len()).map_err(|error| failed(&error))?;
                sending.proceed()
            }
            Some(SendRequestResult::Await100(_)) | None => None,
        };
        let call = call.ok_or_else(|| failed(&"it is incomplete"))?;
        Ok(Prepared { head, body, call })
    }
}
