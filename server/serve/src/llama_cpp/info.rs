//! `/health` and `/props`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::body::json_response;
use crate::error::ApiError;
use crate::models::Role;
use crate::server::Shared;

pub(crate) async fn health(State(server): Shared) -> Result<Response, ApiError> {
    match server.models.find(None, Role::Completion)?.ready() {
        Some(_) => Ok(json_response(&json!({"status": "ok"}))),
        None => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable_error",
            "The model is not loaded yet. The first request loads it.",
        )),
    }
}

pub(crate) async fn props(State(server): Shared) -> Result<Response, ApiError> {
    let served = server.models.find(None, Role::Completion)?;
    let model = served.get().await?;
    let info = model.info();
    let bos = info.bos.and_then(|bos| Some(model.tokenizer()?.bytes_of(&[bos]))).unwrap_or_default();
    Ok(json_response(&json!({
        "default_generation_settings": {"n_ctx": info.context_length, "params": {"n_predict": -1, "temperature": 0.0}},
        "total_slots": 1,
        "model_alias": served.name(),
        "model_path": info.name,
        "modalities": {"vision": false, "audio": false},
        "bos_token": String::from_utf8_lossy(&bos),
        "build_info": concat!("fimble ", env!("CARGO_PKG_VERSION")),
    })))
}
