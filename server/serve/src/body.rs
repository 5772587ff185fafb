//! Bodies of requests. Invariant: no more than a bounded number of bytes and of seconds is taken for one.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ApiError, JSON};

/// Most bytes of a request: several times the context of the largest models.
const MAX_BYTES: usize = 8 << 20;

/// Reads the body of a request, which was received, as JSON. Unknown fields are ignored.
///
/// # Errors
/// It is not what it should be: with the place of the fault.
pub(crate) async fn json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let bytes = body.collect().await.map_err(|_| broken_off())?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        let reason = match error.classify() {
            // The text of such an error can hold a value of the request.
            serde_json::error::Category::Data => "a field has another type than it must have",
            _ => "it is no JSON",
        };
        ApiError::bad_request(format!("The body of the request cannot be read: {reason} ({at})."))
    })
}

fn broken_off() -> ApiError {
    ApiError::bad_request("The body of the request broke off.")
}

/// Receives the body of a request.
///
/// # Errors
/// It is too large, or comes too slowly.
pub(crate) async fn receive(body: Body, timeout: Duration) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("The body of the request is larger than {} MB.", MAX_BYTES >> 20);
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message)
    };
    if hyper::body::Body::size_hint(&body).lower() > MAX_BYTES as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(timeout, Limited::new(body, MAX_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(broken_off()),
        Err(_) => {
            let message = format!("The body of the request did not arrive within {} s.", timeout.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", message))
        }
    }
}

/// An answer.
pub(crate) fn json_response(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
