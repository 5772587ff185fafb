//! `/v1/models`: the names of all models, and whether there is one of a name.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::now;
use crate::body::json_response;
use crate::error::ApiError;
use crate::server::Shared;

fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": now(), "owned_by": "fimble"})
}

pub(crate) async fn list(State(server): Shared) -> Response {
    let models: Vec<Value> = server.models.names().iter().map(|name| model(name)).collect();
    json_response(&json!({"object": "list", "data": models}))
}

pub(crate) async fn one(State(server): Shared, Path(name): Path<String>) -> Result<Response, ApiError> {
    server.models.find_any(Some(&name))?;
    Ok(json_response(&model(&name)))
}
