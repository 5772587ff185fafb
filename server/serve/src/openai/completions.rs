//! `/v1/completions`: continues a text, or fills the gap in front of `suffix`.

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{GenerateOptions, GeneratedToken, Model, Prompt};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{StreamOptions, finish_reason, id, mark, now, usage_json};
use crate::body;
use crate::complete;
use crate::error::{ApiError, Interface};
use crate::gap::Gap;
use crate::infill;
use crate::logprobs;
use crate::models::Role;
use crate::run::Event;
use crate::sampling::{SamplingFields, Stops, stop_strings, token_limit};
use crate::secrets::visible;
use crate::server::{Shared, parts};
use crate::stream::{Framing, Writer, streamed};

/// Most of the likeliest tokens that are reported at each place.
const MOST_LIKELIEST: usize = 5;

/// Tokens of an answer if the request does not say.
const DEFAULT_TOKENS: usize = 256;

#[derive(Deserialize)]
pub(crate) struct CompletionRequest {
    model: Option<String>,
    prompt: Option<PromptField>,
    suffix: Option<String>,
    max_tokens: Option<i64>,
    #[serde(flatten)]
    sampling: SamplingFields,
    stop: Option<Stops>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    logprobs: Option<Value>,
    echo: Option<bool>,
    n: Option<u32>,
    best_of: Option<u32>,
}

/// A prompt or several: texts, or tokens.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum PromptField {
    Text(String),
    Tokens(Vec<u32>),
    Texts(Vec<String>),
    ManyTokens(Vec<Vec<u32>>),
}

/// One prompt.
pub(crate) enum OnePrompt {
    Text(String),
    Tokens(Vec<u32>),
}

impl PromptField {
    /// The prompt, if it is one.
    pub(crate) fn one(self) -> Result<OnePrompt, ApiError> {
        <[OnePrompt; 1]>::try_from(self.all())
            .map(|[prompt]| prompt)
            .map_err(|_| ApiError::bad_request("One request takes one prompt. Send a request for each."))
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<OnePrompt> {
        match self {
            Self::Text(text) => vec![OnePrompt::Text(text)],
            Self::Tokens(tokens) => vec![OnePrompt::Tokens(tokens)],
            Self::Texts(texts) => texts.into_iter().map(OnePrompt::Text).collect(),
            Self::ManyTokens(lists) => lists.into_iter().map(OnePrompt::Tokens).collect(),
        }
    }
}

impl OnePrompt {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Tokens(tokens) => tokens.is_empty(),
        }
    }

    /// The gap that the whole prompt asks to fill in the form of Qwen, as Zed writes it for every model. Each model has a form of its
    /// own, with parts that this one lacks.
    fn gap(&self) -> Option<Gap> {
        let Self::Text(text) = self else { return None };
        let parts = text.strip_prefix("<|fim_prefix|>")?.strip_suffix("<|fim_middle|>")?;
        let (before, behind) = parts.split_once("<|fim_suffix|>")?;
        let has_more = [before, behind].iter().any(|part| part.contains("<|fim_"));
        (!has_more).then(|| Gap { before: before.to_owned(), behind: behind.to_owned(), ..Gap::default() })
    }

    /// As the model reads it: names of special tokens in a text are those tokens.
    pub(crate) fn prompt(&self, model: &dyn Model) -> Prompt {
        let mut prompt = Prompt::default();
        match self {
            Self::Tokens(tokens) => tokens.iter().for_each(|token| prompt.push_token(*token)),
            Self::Text(text) => {
                let text = visible(model, text);
                match model.tokenizer() {
                    Some(tokenizer) => prompt = tokenizer.prompt(&text),
                    None => prompt.push_text(&text),
                }
            }
        }
        prompt
    }
}

pub(crate) async fn complete(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: CompletionRequest = body::json(body).await?;
    if request.n.is_some_and(|n| n != 1) || request.best_of.is_some_and(|n| n != 1) {
        return Err(ApiError::bad_request("Only n = 1 and best_of = 1 are supported."));
    }
    let served = server.models.find(request.model.as_deref(), Role::Completion)?;
    let whole = served.get().await?;
    let n_likeliest = match request.logprobs {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(0),
        Some(number) => {
            Some(logprobs::n_likeliest("logprobs", number.as_i64().unwrap_or(-1), MOST_LIKELIEST)?)
        }
    };
    let options = GenerateOptions {
        max_new_tokens: token_limit(request.max_tokens, DEFAULT_TOKENS),
        sampling: request.sampling.sampling()?,
        stop_strings: stop_strings(request.stop)?,
        n_likeliest,
        ..GenerateOptions::default()
    };
    let prompt = request.prompt.unwrap_or(PromptField::Text(String::new())).one()?;
    let echoed = match (&prompt, request.echo) {
        (OnePrompt::Text(text), Some(true)) => text.clone(),
        _ => String::new(),
    };
    let suffix = request.suffix.filter(|suffix| !suffix.is_empty());
    let plan = |model: &dyn Model| match (&suffix, &prompt) {
        (None, prompt) => match prompt.gap() {
            Some(gap) if infill::can_fill(model).is_some() => infill::prompt(model, &gap, options.clone()),
            _ => Ok((prompt.prompt(model), options.clone())),
        },
        (Some(behind), OnePrompt::Text(before)) => {
            let gap = Gap { before: before.clone(), behind: behind.clone(), ..Gap::default() };
            infill::prompt(model, &gap, options.clone())
        }
        (Some(_), OnePrompt::Tokens(_)) => Err(ApiError::bad_request("suffix needs a prompt that is text.")),
    };
    let (model, run) = complete::complete(&server, &whole, &[], &log, &plan).await?;
    let answer = Answer { id: id("cmpl"), created: now(), model: served.name().to_owned() };
    if request.stream == Some(true) {
        let with_usage = request.stream_options.unwrap_or_default().include_usage == Some(true);
        let writer = CompletionWriter { answer, with_usage, logprobs: Logprobs::default(), echoed };
        let mut response = streamed(run, Framing::Events, writer, log);
        mark(&mut response, &model.info().name, model.is_remote());
        return Ok(response);
    }
    let finished = run.finish().await?;
    let logprobs = Logprobs::default().take(&finished.tokens);
    let text = format!("{echoed}{}", finished.text);
    let mut whole = answer.choice(&text, logprobs, Some(finish_reason(&finished.stop)));
    whole["usage"] = usage_json(&finished.usage);
    let mut response = body::json_response(&whole);
    mark(&mut response, &finished.model, finished.is_remote);
    Ok(response)
}

struct Answer {
    id: String,
    created: u64,
    model: String,
}

impl Answer {
    fn choice(&self, text: &str, logprobs: Option<Value>, finish: Option<&str>) -> Value {
        json!({
            "id": self.id, "object": "text_completion", "created": self.created, "model": self.model,
            "choices": [{"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish}],
        })
    }
}

/// Log-probabilities of the tokens, the chosen one and the likeliest ones at each place.
#[derive(Default)]
struct Logprobs {
    /// Where the next token begins in the text.
    offset: usize,
}

impl Logprobs {
    /// Those of the next tokens; none if nothing is reported of them.
    fn take(&mut self, tokens: &[GeneratedToken]) -> Option<Value> {
        let (mut names, mut chosen, mut top, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (token, details) in logprobs::detailed(tokens) {
            let name = logprobs::name(&details.bytes);
            let likeliest = details.likeliest.iter();
            let pairs = likeliest.map(|likely| (logprobs::name(&likely.bytes), likely.logprob));
            let mut place: Map<String, Value> =
                pairs.map(|(name, logprob)| (name, logprobs::finite(logprob).into())).collect();
            place.entry(name.clone()).or_insert(logprobs::finite(token.logprob).into());
            names.push(name);
            chosen.push(logprobs::finite(token.logprob));
            top.push(place);
            offsets.push(std::mem::replace(&mut self.offset, token.text_end));
        }
        let logprobs =
            json!({"tokens": names, "token_logprobs": chosen, "top_logprobs": top, "text_offset": offsets});
        (!names.is_empty()).then_some(logprobs)
    }
}

struct CompletionWriter {
    answer: Answer,
    with_usage: bool,
    logprobs: Logprobs,
    echoed: String,
}

impl Writer for CompletionWriter {
    fn begin(&mut self) -> Vec<Value> {
        match std::mem::take(&mut self.echoed) {
            text if text.is_empty() => Vec::new(),
            text => vec![self.answer.choice(&text, None, None)],
        }
    }

    fn documents(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Piece { text, tokens } => {
                let logprobs = self.logprobs.take(&tokens);
                vec![self.answer.choice(&text, logprobs, None)]
            }
            Event::Done(Ok(finished)) => {
                let mut documents = vec![self.answer.choice("", None, Some(finish_reason(&finished.stop)))];
                if self.with_usage {
                    let mut last = self.answer.choice("", None, None);
                    last["choices"] = json!([]);
                    last["usage"] = usage_json(&finished.usage);
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
