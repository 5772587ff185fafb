//! `/infill` and `/completion`. Source: the documentation of llama.cpp's server, and the requests of llama.vim and llama.vscode.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use fimble_model::{GenerateOptions, GeneratedToken, Grammar, Model, StopReason};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::limits::{Limits, Progress};
use crate::body;
use crate::complete;
use crate::error::{ApiError, Interface};
use crate::gap::Gap;
use crate::infill;
use crate::logprobs;
use crate::models::Role;
use crate::openai::completions::PromptField;
use crate::openai::mark;
use crate::request_log::RequestLog;
use crate::run::{Event, Finished, Run};
use crate::sampling::{SamplingFields, Stops, stop_strings, token_limit};
use crate::server::{Shared, parts};
use crate::stream::{Framing, Writer, streamed};

/// Tokens of an answer if the request does not say.
const DEFAULT_TOKENS: usize = 256;

/// Most tokens of an answer. llama.cpp's default has no end but that of the context.
const MAX_TOKENS: usize = 4096;

/// Most of the likeliest tokens that are reported at each place.
const MOST_LIKELIEST: usize = 100;

/// The fields that both have.
#[derive(Deserialize)]
struct Common {
    n_predict: Option<i64>,
    /// The same in the words of OpenAI, which llama.cpp takes, too.
    max_tokens: Option<i64>,
    #[serde(flatten)]
    sampling: SamplingFields,
    stop: Option<Stops>,
    stream: Option<bool>,
    n_indent: Option<i64>,
    t_max_predict_ms: Option<i64>,
    response_fields: Option<Vec<String>>,
    grammar: Option<String>,
    n_probs: Option<i64>,
    post_sampling_probs: Option<bool>,
    #[serde(default)]
    json_schema: Value,
}

#[derive(Deserialize)]
struct CompletionRequest {
    prompt: Option<PromptField>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct InfillRequest {
    #[serde(default)]
    input_prefix: String,
    #[serde(default)]
    input_suffix: String,
    #[serde(default)]
    input_extra: Option<Vec<Extra>>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(flatten)]
    common: Common,
}

/// A part of another file.
#[derive(Deserialize)]
struct Extra {
    #[serde(default)]
    filename: String,
    #[serde(default)]
    text: String,
}

impl Common {
    fn max_new_tokens(&self) -> usize {
        token_limit(self.n_predict.or(self.max_tokens), DEFAULT_TOKENS).min(MAX_TOKENS)
    }

    fn options(&self) -> Result<GenerateOptions, ApiError> {
        if self.grammar.as_ref().is_some_and(|grammar| !grammar.is_empty()) {
            return Err(ApiError::bad_request("grammar (GBNF) is not supported. Use json_schema."));
        }
        if self.post_sampling_probs == Some(true) {
            return Err(ApiError::bad_request("post_sampling_probs is not supported. Leave it out."));
        }
        let n_likeliest = match self.n_probs {
            None | Some(0) => None,
            Some(wanted) => Some(logprobs::n_likeliest("n_probs", wanted, MOST_LIKELIEST)?),
        };
        let grammar = match &self.json_schema {
            Value::Null => None,
            schema => Some(Grammar::JsonSchema(schema.to_string())),
        };
        Ok(GenerateOptions {
            max_new_tokens: self.max_new_tokens(),
            sampling: self.sampling.sampling()?,
            stop_strings: stop_strings(self.stop.clone())?,
            grammar,
            n_likeliest,
            ..GenerateOptions::default()
        })
    }
}

pub(crate) async fn infill(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: InfillRequest = body::json(body).await?;
    let whole = server.models.find(None, Role::Completion)?.get().await?;
    let others = request.input_extra.unwrap_or_default();
    let gap = Gap {
        before: format!("{}{}", request.input_prefix, request.prompt.unwrap_or_default()),
        behind: request.input_suffix,
        path: String::new(),
        others: others.into_iter().map(|extra| (extra.filename, extra.text)).collect(),
    };
    let options = request.common.options()?;
    let plan = |model: &dyn Model| infill::prompt(model, &gap, options.clone());
    let (model, run) = complete::complete(&server, &whole, &gap.sources(), &log, &plan).await?;
    answer(&*model, run, request.common, log).await
}

pub(crate) async fn complete(State(server): Shared, request: Request) -> Result<Response, ApiError> {
    let (log, body) = parts(request);
    let request: CompletionRequest = body::json(body).await?;
    let whole = server.models.find(None, Role::Completion)?.get().await?;
    let prompt = request.prompt.ok_or_else(|| ApiError::bad_request("prompt is missing."))?.one()?;
    let options = request.common.options()?;
    let plan = |model: &dyn Model| Ok((prompt.prompt(model), options.clone()));
    let (model, run) = complete::complete(&server, &whole, &[], &log, &plan).await?;
    answer(&*model, run, request.common, log).await
}

async fn answer(model: &dyn Model, run: Run, common: Common, log: RequestLog) -> Result<Response, ApiError> {
    let limits = Limits::new(common.t_max_predict_ms, common.n_indent);
    let settings = json!({"n_ctx": model.info().context_length, "n_predict": common.max_new_tokens()});
    if common.stream == Some(true) {
        let writer = CompletionWriter { progress: limits.begin(), settings, has_ended: false };
        let mut response = streamed(run, Framing::Events, writer, log);
        mark(&mut response, &model.info().name, model.is_remote());
        return Ok(response);
    }
    let finished = within(run, limits).await?;
    let text = limits.cut(&finished.text);
    let mut whole = finished_json(text, settings, &finished);
    let is_told = |token: &&GeneratedToken| token.text_end <= text.len();
    let tokens: Vec<GeneratedToken> = finished.tokens.iter().take_while(is_told).cloned().collect();
    add_probabilities(&mut whole, &tokens);
    if let Some(wanted) = common.response_fields.filter(|wanted| !wanted.is_empty()) {
        whole = fields(&whole, &wanted);
    }
    let mut response = body::json_response(&whole);
    mark(&mut response, &finished.model, finished.is_remote);
    Ok(response)
}

/// Waits until a run ends, or reaches a limit and is ended. Returns its end.
async fn within(mut run: Run, limits: Limits) -> Result<Box<Finished>, ApiError> {
    let mut progress = limits.begin();
    loop {
        match run.next().await {
            // The text that ended it is the answer; the run ends a token later and says what it cost.
            Event::Piece { text, .. } => {
                if progress.push(&text).is_break() {
                    run.stop();
                }
            }
            Event::Done(Ok(finished)) => return Ok(finished),
            Event::Done(Err(error)) => return Err(error.into()),
        }
    }
}

/// The last document of an answer. llama.vscode reads a field of `generation_settings` without asking whether they are there.
fn finished_json(text: &str, settings: Value, finished: &Finished) -> Value {
    let usage = &finished.usage;
    let (stop_type, word) = match &finished.stop {
        StopReason::MaxTokens | StopReason::ContextFull => ("limit", ""),
        StopReason::StopString(word) => ("word", word.as_str()),
        _ => ("eos", ""),
    };
    json!({
        "index": 0, "id_slot": 0, "content": text, "tokens": [], "stop": true, "model": finished.model,
        "tokens_predicted": usage.decoded_tokens, "tokens_evaluated": usage.prompt_tokens,
        "tokens_cached": usage.reused_tokens, "truncated": false, "stop_type": stop_type, "stopping_word": word,
        "has_new_line": text.contains('\n'), "generation_settings": settings,
        "timings": {
            "cache_n": usage.reused_tokens,
            "prompt_n": usage.prefilled_tokens, "prompt_ms": milliseconds(usage.prefill),
            "prompt_per_token_ms": per_token(usage.prefilled_tokens, usage.prefill),
            "prompt_per_second": per_second(usage.prefilled_tokens, usage.prefill),
            "predicted_n": usage.decoded_tokens, "predicted_ms": milliseconds(usage.decode),
            "predicted_per_token_ms": per_token(usage.decoded_tokens, usage.decode),
            "predicted_per_second": per_second(usage.decoded_tokens, usage.decode),
        },
    })
}

/// Adds what is reported of the tokens of a document.
fn add_probabilities(document: &mut Value, tokens: &[GeneratedToken]) {
    let listed = logprobs::listed(tokens);
    if !listed.is_empty() {
        document["completion_probabilities"] = listed.into();
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
fn per_second(n_tokens: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { n_tokens as f64 / time.as_secs_f64() }
}

#[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
fn per_token(n_tokens: usize, time: Duration) -> f64 {
    if n_tokens == 0 { 0.0 } else { milliseconds(time) / n_tokens as f64 }
}

/// Those of the fields that a client wants; `a/b` is the field `b` of the field `a`.
fn fields(whole: &Value, wanted: &[String]) -> Value {
    let field = |path: &String| {
        let found = path.split('/').try_fold(whole, |value, name| value.get(name))?;
        Some((path.clone(), found.clone()))
    };
    Value::Object(wanted.iter().filter_map(field).collect::<Map<String, Value>>())
}

struct CompletionWriter {
    progress: Progress,
    settings: Value,
    has_ended: bool,
}

impl Writer for CompletionWriter {
    fn documents(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Piece { .. } if self.has_ended => Vec::new(),
            Event::Piece { text, tokens } => {
                self.has_ended = self.progress.push(&text).is_break();
                let mut piece =
                    json!({"index": 0, "content": text, "tokens": [], "stop": false, "id_slot": 0});
                add_probabilities(&mut piece, &tokens);
                vec![piece]
            }
            Event::Done(Ok(finished)) => vec![finished_json("", self.settings.take(), &finished)],
            Event::Done(Err(error)) => vec![ApiError::from(error).body(Interface::LlamaCpp)],
        }
    }

    fn has_enough(&self) -> bool {
        self.has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_chosen_by_their_paths() {
        let whole = json!({"content": "x", "timings": {"prompt_n": 3, "prompt_ms": 1.5}, "stop": true});
        let wanted = ["content", "timings/prompt_n", "timings/none", "none"].map(str::to_owned);
        assert_eq!(fields(&whole, &wanted), json!({"content": "x", "timings/prompt_n": 3}));
    }
}
