//! The interface of Ollama: `/api/tags`, `/api/show`, `/api/generate`, `/api/chat`, `/api/embed`.

pub(crate) mod chat;
pub(crate) mod embeddings;
pub(crate) mod generate;
pub(crate) mod info;

use fimble_model::{StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::ApiError;
use crate::openai::chat::any_object;
use crate::run::Finished;
use crate::sampling::{SamplingFields, Stops};

/// `options` of a request. What else Ollama knows is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
struct Options {
    num_predict: Option<i64>,
    #[serde(flatten)]
    sampling: SamplingFields,
    stop: Option<Stops>,
}

/// `/`: what clients ask for to see whether a server is there.
pub(crate) async fn running() -> &'static str {
    "Fimble is running"
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

/// Reads `format`.
fn schema(format: &Value) -> Result<Option<String>, ApiError> {
    match format {
        Value::Null => Ok(None),
        Value::String(word) if word.is_empty() => Ok(None),
        Value::String(word) if word == "json" => Ok(Some(any_object())),
        schema @ Value::Object(_) => Ok(Some(schema.to_string())),
        _ => Err(ApiError::bad_request("format must be \"json\" or a JSON Schema")),
    }
}

/// Adds the fields of the last document.
fn add_end(document: &mut Value, finished: &Finished) {
    let Usage { prompt_tokens, decoded_tokens, queue, tokenize, prefill, decode, .. } = finished.usage;
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let reason = match finished.stop {
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        _ => "stop",
    };
    let end = json!({
        "done": true, "done_reason": reason, "total_duration": nanoseconds(queue + tokenize + prefill + decode),
        "load_duration": 0, "prompt_eval_count": prompt_tokens, "prompt_eval_duration": nanoseconds(prefill),
        "eval_count": decoded_tokens, "eval_duration": nanoseconds(decode),
    });
    if let (Some(document), Value::Object(end)) = (document.as_object_mut(), end) {
        document.extend(end);
    }
}
