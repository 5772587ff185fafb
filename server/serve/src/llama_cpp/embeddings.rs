//! `/embedding`: the vectors of texts.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body;
use crate::embed::{self, Wanted};
use crate::error::ApiError;
use crate::openai::completions::PromptField;
use crate::openai::mark;
use crate::server::{Shared, parts};

/// The norm of vectors with a length of 1.
const EUCLIDEAN: i64 = 2;

#[derive(Deserialize)]
struct EmbeddingRequest {
    #[serde(alias = "input")]
    content: PromptField,
    embd_normalize: Option<i64>,
}

pub(crate) async fn embed(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: EmbeddingRequest = body::json(body).await?;
    if request.embd_normalize.is_some_and(|norm| norm != EUCLIDEAN) {
        return Err(ApiError::bad_request("embd_normalize must be 2: the vectors have a length of 1."));
    }
    let wanted = Wanted { model: None, inputs: request.content.all(), truncates: false, dimensions: None };
    let (_, embeddings) = embed::embed(&server, wanted, log).await?;
    // One vector for the whole input, where a model without pooling has one for each token.
    let entry = |(index, vector): (usize, &Vec<f32>)| json!({"index": index, "embedding": [vector]});
    let entries: Vec<Value> = embeddings.vectors.iter().enumerate().map(entry).collect();
    let mut response = body::json_response(&Value::from(entries));
    mark(&mut response, &embeddings.model, embeddings.is_remote);
    Ok(response)
}
