//! `/api/chat`: answers messages, with functions and with answers of a given form.

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{ChatOptions, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Options, add_end, now, schema};
use crate::answer_reader::{AnswerReader, Part};
use crate::body;
use crate::error::{ApiError, Interface};
use crate::openai::chat::{DEFAULT_TOKENS, Demands, Said, chat_model};
use crate::openai::mark;
use crate::openai::messages::{self, MessageField};
use crate::run::Event;
use crate::sampling::{stop_strings, token_limit};
use crate::secrets;
use crate::server::{Shared, parts};
use crate::stream::{Framing, Writer, streamed};
use crate::tools::{ToolChoice, Tools};

#[derive(Deserialize)]
struct ChatRequest {
    model: Option<String>,
    #[serde(default)]
    messages: Vec<MessageField>,
    tools: Option<Vec<Value>>,
    stream: Option<bool>,
    #[serde(default)]
    format: Value,
    options: Option<Options>,
}

pub(crate) async fn chat(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: ChatRequest = body::json(body).await?;
    let demands = Demands {
        tools: Tools::read(request.tools)?,
        choice: ToolChoice::Auto,
        schema: schema(&request.format)?,
    };
    let options = request.options.unwrap_or_default();
    let mut chat_options = ChatOptions {
        max_new_tokens: token_limit(options.num_predict, DEFAULT_TOKENS),
        sampling: options.sampling.sampling()?,
        stop_strings: stop_strings(options.stop)?,
        ..ChatOptions::default()
    };
    let (name, model, syntax) =
        chat_model(&server, request.model.as_deref(), &demands, &mut chat_options).await?;
    let messages = messages::read(request.messages, &|text| secrets::visible(&*model, text).into_owned())?;
    let run = server.runs.converse(model, messages, chat_options, log.clone())?.begun().await?;
    let reader = AnswerReader::new(syntax, demands.function_names());
    if request.stream != Some(false) {
        return Ok(streamed(run, Framing::Lines, ChatWriter { name, reader }, log));
    }
    let finished = run.finish().await?;
    let said = Said::read(&finished.text, reader);
    let mut message = json!({"role": "assistant", "content": said.text});
    if !said.thought.is_empty() {
        message["thinking"] = said.thought.into();
    }
    if !said.calls.is_empty() {
        message["tool_calls"] = said.calls.iter().map(call_json).collect();
    }
    let mut document = json!({"model": name, "created_at": now(), "message": message});
    add_end(&mut document, &finished);
    let mut response = body::json_response(&document);
    mark(&mut response, &finished.model, finished.is_remote);
    Ok(response)
}

fn call_json(call: &ToolCall) -> Value {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({"function": {"name": call.name, "arguments": arguments}})
}

struct ChatWriter {
    name: String,
    reader: AnswerReader,
}

impl ChatWriter {
    fn document(&self, message: &Value) -> Value {
        json!({"model": self.name, "created_at": now(), "message": message, "done": false})
    }

    fn parts(&self, parts: Vec<Part>) -> Vec<Value> {
        let message = |part| match part {
            Part::Text(text) => json!({"role": "assistant", "content": text}),
            Part::Thought(text) => json!({"role": "assistant", "content": "", "thinking": text}),
            Part::Call(call) => json!({"role": "assistant", "content": "", "tool_calls": [call_json(&call)]}),
        };
        parts.into_iter().map(|part| self.document(&message(part))).collect()
    }
}

impl Writer for ChatWriter {
    fn documents(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Piece { text, .. } => {
                let parts = self.reader.push(&text);
                self.parts(parts)
            }
            Event::Done(Ok(finished)) => {
                let parts = self.reader.finish();
                let mut documents = self.parts(parts);
                let mut last = self.document(&json!({"role": "assistant", "content": ""}));
                add_end(&mut last, &finished);
                documents.push(last);
                documents
            }
            Event::Done(Err(error)) => vec![ApiError::from(error).body(Interface::Ollama)],
        }
    }
}
