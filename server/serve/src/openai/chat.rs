//! `/v1/chat/completions`: answers messages, with functions and with answers of a given form.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{ChatOptions, Grammar, Model, StopReason, ToolSyntax};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chat_writer::{Answer, ChatWriter, call_json};
use super::messages::{self, MessageField};
use super::{StreamOptions, finish_reason, id, mark, now, usage_json};
use crate::answer_reader::{AnswerReader, Part};
use crate::body;
use crate::error::ApiError;
use crate::logprobs;
use crate::models::Role;
use crate::sampling::{SamplingFields, Stops, stop_strings, token_limit};
use crate::secrets;
use crate::server::{Server, Shared, parts};
use crate::stream::{Framing, streamed};
use crate::tools::{ToolChoice, Tools};

/// Most of the likeliest tokens that are reported at each place.
const MOST_LIKELIEST: usize = 20;

/// Tokens of an answer if the request does not say.
pub(crate) const DEFAULT_TOKENS: usize = 1024;

#[derive(Deserialize)]
pub(crate) struct ChatRequest {
    model: Option<String>,
    messages: Vec<MessageField>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    #[serde(flatten)]
    sampling: SamplingFields,
    stop: Option<Stops>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Value>>,
    #[serde(default)]
    tool_choice: Value,
    #[serde(default)]
    response_format: Value,
    n: Option<u32>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
}

/// What a conversation asks of its answer, whatever the interface.
pub(crate) struct Demands {
    pub(crate) tools: Option<Tools>,
    pub(crate) choice: ToolChoice,
    /// The JSON Schema of the answer.
    pub(crate) schema: Option<String>,
}

impl Demands {
    /// The functions that are offered.
    pub(crate) fn function_names(&self) -> Vec<String> {
        self.tools.as_ref().map(Tools::names).unwrap_or_default()
    }
}

/// The model of a conversation, and how it writes calls of functions, if some are offered.
pub(crate) async fn chat_model(
    server: &Server,
    name: Option<&str>,
    demands: &Demands,
    options: &mut ChatOptions,
) -> Result<(String, Arc<dyn Model>, Option<ToolSyntax>), ApiError> {
    let served = server.models.find(name, Role::Chat)?;
    let model = served.get().await?;
    let chat = model.chat().map_err(|reason| {
        ApiError::bad_request(format!(
            "{reason} `fimble serve --chat NAME` serves another one for conversations."
        ))
    })?;
    server.models.check_sources(&*model, &[])?;
    let mut syntax = None;
    if let Some(tools) = demands.tools.as_ref().filter(|_| demands.choice != ToolChoice::None) {
        // It is known of an open model only, and asking for the context opens one.
        tokio::task::block_in_place(|| chat.context_length());
        let known = chat.tool_syntax().ok_or_else(|| {
            ApiError::bad_request(format!("The model {} cannot be offered functions (tools).", chat.name()))
        })?;
        options.tools = Some(match &demands.choice {
            // A server is told what to call by what it may call.
            ToolChoice::Named(name) => tools.only(name),
            _ => tools.json.clone(),
        });
        options.grammar = match &demands.choice {
            ToolChoice::Required => Some(tools.grammar(None, known)?),
            ToolChoice::Named(name) => Some(tools.grammar(Some(name), known)?),
            ToolChoice::Auto | ToolChoice::None => None,
        };
        syntax = Some(known);
    }
    if let Some(schema) = &demands.schema {
        if options.tools.is_some() {
            return Err(ApiError::bad_request(
                "response_format and tools cannot be used together. Set tool_choice to \"none\" for an answer of a form.",
            ));
        }
        options.grammar = Some(Grammar::JsonSchema(schema.clone()));
    }
    Ok((served.name().to_owned(), Arc::clone(&model), syntax))
}

/// Reads `response_format`.
fn schema(format: &Value) -> Result<Option<String>, ApiError> {
    match (format["type"].as_str(), format) {
        (_, Value::Null) | (Some("text"), _) => Ok(None),
        (Some("json_object"), _) => Ok(Some(any_object())),
        (Some("json_schema"), _) => match &format["json_schema"]["schema"] {
            schema @ (Value::Object(_) | Value::Bool(_)) => Ok(Some(schema.to_string())),
            _ => Err(ApiError::bad_request("response_format has no schema: write it as json_schema.schema.")),
        },
        _ => {
            Err(ApiError::bad_request("response_format must have the type text, json_object or json_schema."))
        }
    }
}

/// The schema of any JSON object.
pub(crate) fn any_object() -> String {
    json!({"type": "object"}).to_string()
}

pub(crate) async fn complete(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: ChatRequest = body::json(body).await?;
    if request.n.is_some_and(|n| n != 1) {
        return Err(ApiError::bad_request("Only n = 1 is supported."));
    }
    let n_likeliest = match (request.logprobs, request.top_logprobs) {
        (Some(true), wanted) => {
            Some(logprobs::n_likeliest("top_logprobs", wanted.unwrap_or_default(), MOST_LIKELIEST)?)
        }
        (_, None | Some(0)) => None,
        (_, Some(_)) => return Err(ApiError::bad_request("top_logprobs needs logprobs to be true.")),
    };
    let demands = Demands {
        tools: Tools::read(request.tools)?,
        choice: ToolChoice::read(&request.tool_choice)?,
        schema: schema(&request.response_format)?,
    };
    let mut options = ChatOptions {
        max_new_tokens: token_limit(request.max_completion_tokens.or(request.max_tokens), DEFAULT_TOKENS),
        sampling: request.sampling.sampling()?,
        stop_strings: stop_strings(request.stop)?,
        n_likeliest,
        ..ChatOptions::default()
    };
    let (name, model, syntax) = chat_model(&server, request.model.as_deref(), &demands, &mut options).await?;
    let messages = messages::read(request.messages, &|text| secrets::visible(&*model, text).into_owned())?;
    let run = server.runs.converse(model, messages, options, log.clone())?.begun().await?;
    let answer = Answer { id: id("chatcmpl"), created: now(), model: name };
    let reader = AnswerReader::new(syntax, demands.function_names());
    if request.stream == Some(true) {
        let with_usage = request.stream_options.unwrap_or_default().include_usage == Some(true);
        return Ok(streamed(run, Framing::Events, ChatWriter::new(answer, reader, with_usage), log));
    }
    let finished = run.finish().await?;
    let said = Said::read(&finished.text, reader);
    let mut response = body::json_response(&json!({
        "id": answer.id, "object": "chat.completion", "created": answer.created, "model": answer.model,
        "choices": [{"index": 0, "message": said.message(), "logprobs": logprobs::of_chat(&finished.tokens),
            "finish_reason": said.finish_reason(&finished.stop)}],
        "usage": usage_json(&finished.usage),
    }));
    mark(&mut response, &finished.model, finished.is_remote);
    Ok(response)
}

/// A whole answer.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) thought: String,
    pub(crate) calls: Vec<fimble_model::ToolCall>,
}

impl Said {
    /// Takes an answer apart.
    pub(crate) fn read(text: &str, mut reader: AnswerReader) -> Self {
        let mut said = Self::default();
        let mut parts = reader.push(text);
        parts.extend(reader.finish());
        for part in parts {
            match part {
                Part::Text(text) => said.text.push_str(&text),
                Part::Thought(text) => said.thought.push_str(&text),
                Part::Call(call) => said.calls.push(call),
            }
        }
        said
    }

    fn message(&self) -> Value {
        let content = if self.text.is_empty() && !self.calls.is_empty() {
            Value::Null
        } else {
            self.text.as_str().into()
        };
        let mut message = json!({"role": "assistant", "content": content});
        if !self.thought.is_empty() {
            message["reasoning_content"] = self.thought.as_str().into();
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.iter().map(call_json).collect();
        }
        message
    }

    fn finish_reason(&self, stop: &StopReason) -> &'static str {
        if self.calls.is_empty() { finish_reason(stop) } else { "tool_calls" }
    }
}
