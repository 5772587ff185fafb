//! `/api/embed`: the vectors of texts; and `/api/embeddings`, the older path for one text.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::body;
use crate::embed::{self, Wanted};
use crate::error::ApiError;
use crate::models::Role;
use crate::openai::completions::{OnePrompt, PromptField};
use crate::openai::mark;
use crate::server::{Shared, parts};

#[derive(Deserialize)]
struct EmbedBody {
    model: Option<String>,
    input: Option<PromptField>,
    truncate: Option<bool>,
    dimensions: Option<i64>,
}

#[derive(Deserialize)]
struct EmbeddingsBody {
    model: Option<String>,
    #[serde(default)]
    prompt: String,
}

pub(crate) async fn embed(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: EmbedBody = body::json(body).await?;
    let began = Instant::now();
    let inputs: Vec<OnePrompt> = request.input.map(PromptField::all).unwrap_or_default();
    if inputs.iter().all(OnePrompt::is_empty) {
        // A client loads a model so.
        let served = server.models.find(request.model.as_deref(), Role::Embedding)?;
        served.get().await?;
        return Ok(body::json_response(&json!({"model": served.name(), "embeddings": []})));
    }
    let wanted = Wanted {
        model: request.model,
        inputs,
        truncates: request.truncate.unwrap_or(true),
        dimensions: request.dimensions.filter(|dimensions| *dimensions != 0),
    };
    let (name, embeddings) = embed::embed(&server, wanted, log).await?;
    let elapsed = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut response = body::json_response(&json!({
        "model": name, "embeddings": embeddings.vectors, "total_duration": elapsed, "load_duration": 0,
        "prompt_eval_count": embeddings.prompt_tokens,
    }));
    mark(&mut response, &embeddings.model, embeddings.is_remote);
    Ok(response)
}

pub(crate) async fn embed_one(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: EmbeddingsBody = body::json(body).await?;
    let inputs = vec![OnePrompt::Text(request.prompt)];
    let wanted = Wanted { model: request.model, inputs, truncates: true, dimensions: None };
    let (_, mut embeddings) = embed::embed(&server, wanted, log).await?;
    let vector = embeddings.vectors.pop().unwrap_or_default();
    let mut response = body::json_response(&json!({"embedding": vector}));
    mark(&mut response, &embeddings.model, embeddings.is_remote);
    Ok(response)
}
