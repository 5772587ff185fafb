//! Refusals in the form of each interface. Invariant: each says what is wrong, and what to do where something can be done; none has
//! text of a prompt.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use fimble_model::{LoadError, ModelError};
use serde_json::{Value, json};

/// Which interface a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// `/v1/…`.
    OpenAi,
    /// `/infill`, `/completion` and what belongs to them.
    LlamaCpp,
    /// `/api/…`.
    Ollama,
}

impl Interface {
    /// By the path of a request.
    pub(crate) fn of(path: &str) -> Self {
        if path == "/v1" || path.starts_with("/v1/") {
            Self::OpenAi
        } else if path == "/api" || path.starts_with("/api/") {
            Self::Ollama
        } else {
            Self::LlamaCpp
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// The kind, as the interface of OpenAI calls it.
    kind: &'static str,
    /// The cause, for programs; empty if the kind says it.
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: "", message: message.into() }
    }

    /// What was sent cannot be used.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    /// The server did not manage it.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
    }

    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// The refusal in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body in the form of an interface.
    pub(crate) fn body(&self, interface: Interface) -> Value {
        let message = &self.message;
        match interface {
            Interface::OpenAi => {
                let code = if self.code.is_empty() { Value::Null } else { self.code.into() };
                json!({"error": {"message": message, "type": self.kind, "param": null, "code": code}})
            }
            Interface::LlamaCpp => {
                json!({"error": {"code": self.status.as_u16(), "message": message, "type": self.kind}})
            }
            Interface::Ollama => json!({"error": message}),
        }
    }

    /// The response in the form of an interface.
    pub(crate) fn response(&self, interface: Interface) -> Response {
        let mut response = Response::new(Body::from(self.body(interface).to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The content type of JSON.
pub(crate) const JSON: axum::http::HeaderValue = axum::http::HeaderValue::from_static("application/json");

/// The router gives it the form of its interface.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.response(Interface::OpenAi);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        let message = error.to_string();
        match error {
            ModelError::PromptTooLong { .. } => {
                Self::bad_request(format!("{message}. Shorten it.")).with_code("context_length_exceeded")
            }
            ModelError::Grammar(_) => Self::bad_request(message),
            ModelError::Withheld(_) => Self::new(StatusCode::FORBIDDEN, "permission_error", message),
            ModelError::Unavailable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message),
            ModelError::Engine(_) => Self::internal(message),
        }
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", error.sentences())
    }
}
