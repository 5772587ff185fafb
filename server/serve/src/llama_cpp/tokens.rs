//! `/tokenize` and `/detokenize`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{Model, TokenId, routed};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::{self, json_response};
use crate::error::ApiError;
use crate::models::Role;
use crate::server::{Server, Shared, parts};

#[derive(Deserialize)]
struct TokenizeRequest {
    #[serde(default)]
    content: String,
    add_special: Option<bool>,
    parse_special: Option<bool>,
    with_pieces: Option<bool>,
}

#[derive(Deserialize)]
struct DetokenizeRequest {
    #[serde(default)]
    tokens: Vec<TokenId>,
}

async fn model(server: &Server) -> Result<Arc<dyn Model>, ApiError> {
    let model = server.models.find(None, Role::Completion)?.get().await?;
    Ok(routed(&model, &[]))
}

fn no_tokenizer(model: &dyn Model) -> ApiError {
    ApiError::bad_request(format!(
        "The tokens of the model {} are not known: it is behind a model server.",
        model.info().name
    ))
}

pub(crate) async fn tokenize(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let request: TokenizeRequest = body::json(parts(request).1).await?;
    let model = model(&server).await?;
    let tokenizer = model.tokenizer().ok_or_else(|| no_tokenizer(&*model))?;
    let mut tokens = tokenizer.tokenize(&request.content, request.parse_special.unwrap_or(true))?;
    if request.add_special == Some(true)
        && let Some(bos) = model.info().bos
    {
        tokens.insert(0, bos);
    }
    let tokens: Vec<Value> = match request.with_pieces {
        Some(true) => {
            let piece = |id: &TokenId| {
                let bytes = tokenizer.bytes_of(&[*id]);
                // A part of a character is written as its bytes.
                let piece =
                    String::from_utf8(bytes).map_or_else(|error| json!(error.as_bytes()), Value::from);
                json!({"id": id, "piece": piece})
            };
            tokens.iter().map(piece).collect()
        }
        _ => tokens.into_iter().map(Value::from).collect(),
    };
    Ok(json_response(&json!({"tokens": tokens})))
}

pub(crate) async fn detokenize(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let request: DetokenizeRequest = body::json(parts(request).1).await?;
    let model = model(&server).await?;
    let tokenizer = model.tokenizer().ok_or_else(|| no_tokenizer(&*model))?;
    let bytes = tokenizer.bytes_of(&request.tokens);
    Ok(json_response(&json!({"content": String::from_utf8_lossy(&bytes)})))
}
