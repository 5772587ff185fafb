//! Which request goes where. Invariant: every request passes the rules of access before its body is read; every refusal has the form of its interface.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::error::{ApiError, Interface};
use crate::request_log::RequestLog;
use crate::server::{Server, Shared};
use crate::{body, llama_cpp, ollama, openai};

pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(ollama::running))
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{name}", get(openai::models::one))
        .route("/v1/completions", post(openai::completions::complete))
        .route("/v1/chat/completions", post(openai::chat::complete))
        .route("/v1/embeddings", post(openai::embeddings::embed))
        .route("/health", get(llama_cpp::info::health))
        .route("/v1/health", get(llama_cpp::info::health))
        .route("/props", get(llama_cpp::info::props))
        .route("/tokenize", post(llama_cpp::tokens::tokenize))
        .route("/detokenize", post(llama_cpp::tokens::detokenize))
        .route("/infill", post(llama_cpp::completion::infill))
        .route("/completion", post(llama_cpp::completion::complete))
        .route("/completions", post(llama_cpp::completion::complete))
        .route("/embedding", post(llama_cpp::embeddings::embed))
        .route("/embeddings", post(llama_cpp::embeddings::embed))
        .route("/api/version", get(ollama::info::version))
        .route("/api/tags", get(ollama::info::tags))
        .route("/api/ps", get(ollama::info::running_models))
        .route("/api/show", post(ollama::info::show))
        .route("/api/generate", post(ollama::generate::generate))
        .route("/api/chat", post(ollama::chat::chat))
        .route("/api/embed", post(ollama::embeddings::embed))
        .route("/api/embeddings", post(ollama::embeddings::embed_one))
        .fallback(|| async {
            ApiError::not_found("There is no such path. docs/serve.md lists the interfaces.")
        })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request_error",
                "This path takes another method.",
            )
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guard))
        .with_state(server)
}

/// The request with its whole body.
async fn received(request: Request, timeout: Duration) -> Result<Request, ApiError> {
    let (head, body) = request.into_parts();
    let body = body::receive(body, timeout).await?;
    Ok(Request::from_parts(head, Body::from(body)))
}

/// The rules of access, the form of refusals, and the line of the log.
async fn guard(State(server): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let interface = Interface::of(&path);
    let log = RequestLog::new(Arc::clone(&server.log), request.method().as_str(), &path);
    // Programs ask for it before they know a token.
    let is_open = matches!(path.as_str(), "/health" | "/v1/health" | "/");
    let checked = match server.access.check(request.uri(), request.headers(), is_open) {
        Ok(()) => received(request, server.timeouts.body).await,
        Err(error) => Err(error),
    };
    let response = match checked {
        Ok(mut request) => {
            request.extensions_mut().insert(log.clone());
            next.run(request).await
        }
        Err(error) => error.response(interface),
    };
    let response = match response.extensions().get::<ApiError>() {
        Some(error) => error.response(interface),
        None => response,
    };
    log.set_status(response.status().as_u16());
    response
}
