//! `/api/generate`: fills the gap in front of `suffix`, answers a prompt, or, with `raw` or a model that only completes, continues it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{ChatOptions, GenerateOptions, Grammar, Message, Model, Role as Author};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Options, add_end, now, schema};
use crate::body;
use crate::complete;
use crate::error::{ApiError, Interface};
use crate::gap::Gap;
use crate::infill;
use crate::models::Role;
use crate::openai::chat::DEFAULT_TOKENS;
use crate::openai::completions::OnePrompt;
use crate::openai::mark;
use crate::run::{Event, Run};
use crate::sampling::{stop_strings, token_limit};
use crate::secrets::visible;
use crate::server::{Shared, parts};
use crate::stream::{Framing, Writer, streamed};

#[derive(Deserialize)]
struct GenerateBody {
    model: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    suffix: Option<String>,
    system: Option<String>,
    raw: Option<bool>,
    stream: Option<bool>,
    images: Option<Vec<Value>>,
    #[serde(default)]
    format: Value,
    options: Option<Options>,
}

pub(crate) async fn generate(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: GenerateBody = body::json(body).await?;
    if request.images.is_some_and(|images| !images.is_empty()) {
        return Err(ApiError::bad_request("The model reads text only"));
    }
    let fields = request.options.unwrap_or_default();
    let options = GenerateOptions {
        max_new_tokens: token_limit(fields.num_predict, DEFAULT_TOKENS),
        sampling: fields.sampling.sampling()?,
        stop_strings: stop_strings(fields.stop)?,
        grammar: schema(&request.format)?.map(Grammar::JsonSchema),
        ..GenerateOptions::default()
    };
    let text = request.prompt.unwrap_or_default();
    let suffix = request.suffix.filter(|suffix| !suffix.is_empty());
    let role = if suffix.is_some() || request.raw == Some(true) { Role::Completion } else { Role::Chat };
    let served = server.models.find(request.model.as_deref(), role)?;
    let whole = served.get().await?;
    server.models.check_sources(&*whole, &[])?;
    let name = served.name().to_owned();
    if text.is_empty() && suffix.is_none() {
        // A client loads a model so.
        return Ok(body::json_response(
            &json!({"model": name, "created_at": now(), "response": "", "done": true,
            "done_reason": "load"}),
        ));
    }
    let run = if role == Role::Chat && whole.chat().is_ok() {
        let mut messages = Vec::new();
        if let Some(system) = request.system.filter(|system| !system.is_empty()) {
            messages.push(Message::new(Author::System, visible(&*whole, &system)));
        }
        messages.push(Message::new(Author::User, visible(&*whole, &text)));
        let options = ChatOptions {
            max_new_tokens: options.max_new_tokens,
            sampling: options.sampling,
            stop_strings: options.stop_strings,
            grammar: options.grammar,
            ..ChatOptions::default()
        };
        server.runs.converse(Arc::clone(&whole), messages, options, log.clone())?.begun().await?
    } else {
        let prompt = OnePrompt::Text(text);
        let plan = |model: &dyn Model| match (&suffix, &prompt) {
            (Some(behind), OnePrompt::Text(before)) => {
                let gap = Gap { before: before.clone(), behind: behind.clone(), ..Gap::default() };
                infill::prompt(model, &gap, options.clone())
            }
            (_, prompt) => Ok((prompt.prompt(model), options.clone())),
        };
        complete::complete(&server, &whole, &[], &log, &plan).await?.1
    };
    if request.stream != Some(false) {
        return Ok(streamed(run, Framing::Lines, GenerateWriter { name }, log));
    }
    whole_answer(run, &name).await
}

async fn whole_answer(run: Run, name: &str) -> Result<Response, ApiError> {
    let finished = run.finish().await?;
    let mut document = document(name, &finished.text);
    add_end(&mut document, &finished);
    let mut response = body::json_response(&document);
    mark(&mut response, &finished.model, finished.is_remote);
    Ok(response)
}

fn document(name: &str, text: &str) -> Value {
    json!({"model": name, "created_at": now(), "response": text, "done": false})
}

struct GenerateWriter {
    name: String,
}

impl Writer for GenerateWriter {
    fn documents(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Piece { text, .. } => vec![document(&self.name, &text)],
            Event::Done(Ok(finished)) => {
                let mut last = document(&self.name, "");
                add_end(&mut last, &finished);
                vec![last]
            }
            Event::Done(Err(error)) => vec![ApiError::from(error).body(Interface::Ollama)],
        }
    }
}
