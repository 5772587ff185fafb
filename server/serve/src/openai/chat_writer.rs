//! The pieces of an answer to messages as server-sent events.

use fimble_model::{GeneratedToken, ToolCall};
use serde_json::{Value, json};

use super::{finish_reason, id, usage_json};
use crate::answer_reader::{AnswerReader, Part};
use crate::error::{ApiError, Interface};
use crate::logprobs;
use crate::run::Event;
use crate::stream::Writer;

/// The fields that all pieces of an answer share.
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
}

/// The call of a function as clients get it.
pub(super) fn call_json(call: &ToolCall) -> Value {
    json!({"id": id("call"), "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

pub(super) struct ChatWriter {
    answer: Answer,
    reader: AnswerReader,
    with_usage: bool,
    n_calls: usize,
    /// Tokens that no piece has reported yet.
    tokens: Vec<GeneratedToken>,
}

impl ChatWriter {
    pub(super) fn new(answer: Answer, reader: AnswerReader, with_usage: bool) -> Self {
        Self { answer, reader, with_usage, n_calls: 0, tokens: Vec::new() }
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.answer.id, "object": "chat.completion.chunk", "created": self.answer.created,
            "model": self.answer.model, "choices": choices})
    }

    fn delta(&mut self, delta: &Value, finish: Option<&str>) -> Value {
        let logprobs = logprobs::of_chat(&std::mem::take(&mut self.tokens));
        self.chunk(json!([{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]))
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Value> {
        let mut documents = Vec::new();
        for part in parts {
            let delta = match part {
                Part::Text(text) => json!({"content": text}),
                Part::Thought(text) => json!({"reasoning_content": text}),
                Part::Call(call) => {
                    let mut call = call_json(&call);
                    call["index"] = self.n_calls.into();
                    self.n_calls += 1;
                    json!({"tool_calls": [call]})
                }
            };
            documents.push(self.delta(&delta, None));
        }
        documents
    }
}

impl Writer for ChatWriter {
    fn begin(&mut self) -> Vec<Value> {
        vec![self.delta(&json!({"role": "assistant", "content": ""}), None)]
    }

    fn documents(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Piece { text, tokens } => {
                self.tokens.extend(tokens);
                let parts = self.reader.push(&text);
                self.parts(parts)
            }
            Event::Done(Ok(finished)) => {
                let parts = self.reader.finish();
                let mut documents = self.parts(parts);
                let reason = match self.reader.has_called() {
                    true => "tool_calls",
                    false => finish_reason(&finished.stop),
                };
                documents.push(self.delta(&json!({}), Some(reason)));
                if self.with_usage {
                    let mut last = self.chunk(json!([]));
                    last["usage"] = usage_json(&finished.usage);
                    last["fimble"] = json!({"model": finished.model, "remote": finished.is_remote});
                    documents.push(last);
                }
                documents
            }
            Event::Done(Err(error)) => vec![ApiError::from(error).body(Interface::OpenAi)],
        }
    }

    fn end(&self) -> Option<&'static str> {
        Some("[DONE]")
    }
}
