//! `/v1/embeddings`: the vectors of texts.

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::completions::PromptField;
use super::mark;
use crate::body;
use crate::embed::{self, Wanted};
use crate::error::ApiError;
use crate::server::{Shared, parts};

#[derive(Deserialize)]
struct EmbeddingsRequest {
    model: Option<String>,
    input: PromptField,
    encoding_format: Option<String>,
    dimensions: Option<i64>,
}

pub(crate) async fn embed(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: EmbeddingsRequest = body::json(body).await?;
    let written = match request.encoding_format.as_deref() {
        None | Some("float") => |vector: &Vec<f32>| json!(vector),
        Some("base64") => |vector: &Vec<f32>| {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Value::from(STANDARD.encode(bytes))
        },
        Some(_) => return Err(ApiError::bad_request("encoding_format must be float or base64.")),
    };
    let wanted = Wanted {
        model: request.model,
        inputs: request.input.all(),
        truncates: false,
        dimensions: request.dimensions,
    };
    let (name, embeddings) = embed::embed(&server, wanted, log).await?;
    let entry = |(index, vector): (usize, &Vec<f32>)| json!({"object": "embedding", "index": index, "embedding": written(vector)});
    let data: Vec<Value> = embeddings.vectors.iter().enumerate().map(entry).collect();
    let n_tokens = embeddings.prompt_tokens;
    let mut response = body::json_response(&json!({
        "object": "list", "data": data, "model": name,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }));
    mark(&mut response, &embeddings.model, embeddings.is_remote);
    Ok(response)
}
