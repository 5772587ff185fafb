//! What Ollama's clients ask before they use a model.

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::Model;
use serde::Deserialize;
use serde_json::{Value, json};

use super::now;
use crate::body::{self, json_response};
use crate::error::ApiError;
use crate::infill;
use crate::models::Role;
use crate::server::{Server, Shared, parts};

pub(crate) async fn version() -> Response {
    json_response(&json!({"version": env!("CARGO_PKG_VERSION")}))
}

pub(crate) async fn tags(State(server): Shared) -> Response {
    let models: Vec<Value> = server.models.names().iter().map(|name| entry(&server, name)).collect();
    json_response(&json!({"models": models}))
}

pub(crate) async fn running_models(State(server): Shared) -> Response {
    let is_ready =
        |name: &&String| server.models.find_any(Some(name)).is_ok_and(|(model, _)| model.ready().is_some());
    let names = server.models.names();
    let models: Vec<Value> = names.iter().filter(is_ready).map(|name| entry(&server, name)).collect();
    json_response(&json!({"models": models}))
}

/// A model that is not loaded yet has no size.
fn entry(server: &Server, name: &str) -> Value {
    let model = server.models.find_any(Some(name)).ok().and_then(|(model, _)| model.ready());
    let bytes = model.map_or(0, |model| model.info().weight_bytes);
    json!({"name": name, "model": name, "modified_at": now(), "size": bytes, "digest": "", "details": details()})
}

fn details() -> Value {
    json!({"parent_model": "", "format": "onnx", "family": "", "families": [], "parameter_size": "",
        "quantization_level": ""})
}

#[derive(Deserialize)]
struct ShowRequest {
    model: Option<String>,
    name: Option<String>,
}

pub(crate) async fn show(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let request: ShowRequest = body::json(parts(request).1).await?;
    let name = request.model.or(request.name);
    let (served, role) = server.models.find_any(name.as_deref())?;
    let model = served.get().await?;
    let info = model.info();
    Ok(json_response(&json!({
        "modelfile": "", "parameters": "", "template": "", "details": details(),
        "model_info": {"general.architecture": "fimble", "fimble.context_length": info.context_length},
        "capabilities": capabilities(&*model, role), "modified_at": now(),
    })))
}

fn capabilities(model: &dyn Model, role: Role) -> Vec<&'static str> {
    if role == Role::Embedding {
        return vec!["embedding"];
    }
    let mut found = vec!["completion"];
    if infill::can_fill(model).is_some() {
        found.push("insert");
    }
    if model.chat().is_ok_and(|chat| chat.tool_syntax().is_some()) {
        found.push("tools");
    }
    found
}
