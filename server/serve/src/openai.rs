//! The interface of OpenAI: `/v1/models`, `/v1/completions`, `/v1/chat/completions`, `/v1/embeddings`.

pub(crate) mod chat;
mod chat_writer;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod messages;
pub(crate) mod models;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;
use axum::response::Response;
use fimble_model::{StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client wants to know about a stream.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// A name that no other answer of this process has.
pub(crate) fn id(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{kind}-{:x}{:06x}", now(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn finish_reason(stop: &StopReason) -> &'static str {
    match stop {
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        _ => "stop",
    }
}

fn usage_json(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.decoded_tokens,
        "total_tokens": usage.prompt_tokens + usage.decoded_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
    })
}

/// Says which model answered, and whether it is on another machine.
pub(crate) fn mark(response: &mut Response, model: &str, is_remote: bool) {
    if let Ok(model) = HeaderValue::from_str(model) {
        response.headers_mut().insert("x-fimble-model", model);
    }
    let place = if is_remote { "true" } else { "false" };
    response.headers_mut().insert("x-fimble-remote", HeaderValue::from_static(place));
}
