//! Requests to each kind of server, and their answers. Invariant: no I/O; each kind of interface has one file; what an answer lacks is
//! absent, and never assumed.

mod embeddings;
mod llama_cpp;
mod ollama;
mod openai;
mod tools;

use fimble_model::fim::TextTemplate;
use fimble_model::{ChatOptions, GenerateOptions, LikelyToken, Message, Prompt, Sampling, TokenId, defuse};
use serde_json::{Map, Value, json};

use crate::spec::Kind;
pub(crate) use embeddings::{embed, vectors};
pub(crate) use tools::{CallPart, Calls, SYNTAX, refusal};

/// Stop strings that vLLM and OpenAI's own interface take.
const MAX_STOPS: usize = 4;

/// How code around a cursor is written for a server.
#[derive(Clone, Debug)]
pub(crate) enum Writing {
    /// In parts, which the server arranges for its model.
    Parts(TextTemplate),
    /// As one text with the model's special tokens.
    Template(TextTemplate),
    /// As one text without any.
    Plain,
}

impl Writing {
    pub(crate) fn template(&self) -> Option<&TextTemplate> {
        match self {
            Self::Parts(template) | Self::Template(template) => Some(template),
            Self::Plain => None,
        }
    }

    /// The prompt as one text.
    fn text(&self, prompt: &Prompt) -> String {
        match self {
            Self::Parts(template) => {
                let parts = template.parts(prompt);
                format!("{}{}", parts.prefix, parts.line)
            }
            Self::Template(template) => template.text(prompt),
            Self::Plain => {
                let texts = prompt.pieces.iter().filter_map(|piece| match piece {
                    fimble_model::Piece::Text(text) => Some(text.as_str()),
                    fimble_model::Piece::Token(_) => None,
                });
                defuse(&texts.collect::<String>()).into_owned()
            }
        }
    }
}

/// A request: a path of the interface, and the body.
pub(crate) type Question = (&'static str, Value);

/// One piece of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Delta {
    /// The new text.
    pub(crate) text: String,
    /// Whether this piece is reasoning that the server separates from the text.
    pub(crate) is_thought: bool,
    /// The new tokens, if the server sends them.
    pub(crate) tokens: Vec<TokenSent>,
    /// Parts of calls of functions.
    pub(crate) calls: Vec<CallPart>,
    /// Why the answer ends here, if it does.
    pub(crate) end: Option<End>,
    /// Name of the model that answers, if the server sends it.
    pub(crate) model: Option<String>,
    /// Tokens of the prompt, and how many of them were cached.
    pub(crate) prompt_tokens: Option<(usize, usize)>,
}

/// A token as a server reports it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TokenSent {
    pub(crate) text: String,
    pub(crate) logprob: f32,
    /// The likeliest tokens at its place, if the server sends them.
    pub(crate) likeliest: Vec<LikelyToken>,
}

/// Why a server ended an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The model ended it.
    Said,
    /// The limit of tokens.
    Limit,
}

/// A request for a completion. It has as many stop strings as the server accepts, the first ones.
pub(crate) fn complete(
    kind: Kind,
    model: &str,
    writing: &Writing,
    prompt: &Prompt,
    options: &GenerateOptions,
) -> Question {
    let mut stops = options.stop_strings.as_slice();
    if matches!(kind, Kind::Vllm | Kind::OpenAi) {
        stops = &stops[..stops.len().min(MAX_STOPS)];
    }
    match kind {
        Kind::Ollama => ollama::complete(model, writing, prompt, options, stops),
        Kind::LlamaCpp => llama_cpp::complete(writing, prompt, options, stops),
        Kind::Mlx | Kind::Vllm | Kind::OpenAi => {
            openai::complete(kind, model, &writing.text(prompt), options, stops)
        }
    }
}

/// A request to answer a conversation, with `has_switches` without reasoning.
pub(crate) fn chat(
    kind: Kind,
    model: &str,
    messages: &[Message],
    options: &ChatOptions,
    has_switches: bool,
) -> Question {
    match kind {
        Kind::Ollama => ollama::chat(model, messages, options, has_switches),
        Kind::LlamaCpp | Kind::Mlx | Kind::Vllm | Kind::OpenAi => {
            openai::chat(kind, model, messages, options, has_switches)
        }
    }
}

/// Reads a piece of a completion.
pub(crate) fn completion_delta(kind: Kind, document: &Value) -> Delta {
    match kind {
        Kind::Ollama => ollama::delta(document, "/response"),
        Kind::LlamaCpp => llama_cpp::delta(document),
        Kind::Mlx | Kind::Vllm | Kind::OpenAi => openai::delta(document, "/text"),
    }
}

/// Reads a piece of an answer to a conversation.
pub(crate) fn chat_delta(kind: Kind, document: &Value) -> Delta {
    match kind {
        Kind::Ollama => ollama::delta(document, "/message/content"),
        Kind::LlamaCpp | Kind::Mlx | Kind::Vllm | Kind::OpenAi => openai::delta(document, "/delta/content"),
    }
}

/// Makes mlx-lm answer a request apart from others, which it does if there is a seed. Requests that it answers together are checked
/// twice a second only: a cancelled one would continue for so long, and the next one would wait.
pub(crate) fn ask_alone(body: &mut Value) {
    if let Value::Object(body) = body {
        body.entry("seed").or_insert(json!(0));
    }
}

/// The same request to mlx-lm for the first token alone, as the tokenizer writes it.
pub(crate) fn first_token(body: &Value) -> Value {
    let mut one = body.clone();
    one["stream"] = json!(false);
    one["max_tokens"] = json!(1);
    one["logprobs"] = json!(true);
    one["top_logprobs"] = json!(1);
    one
}

/// Whether a space at the beginning of what follows this prompt would matter. Behind a blank, a dot or an opening bracket models
/// hardly write one, and none is missed there.
pub(crate) fn may_begin_with_space(prompt: &Prompt) -> bool {
    let Some(fimble_model::Piece::Text(text)) = prompt.pieces.last() else { return true };
    let line = text.rsplit('\n').next().unwrap_or_default();
    line.trim().is_empty() || !line.ends_with([' ', '\t', '.', '(', '['])
}

/// Whether the first token of that answer begins with a space, in the writing of any tokenizer.
pub(crate) fn begins_with_space(answer: &Value) -> bool {
    let token = answer.pointer("/choices/0/logprobs/content/0/token").and_then(Value::as_str);
    token.is_some_and(|token| token.starts_with([' ', 'Ġ', '▁']))
}

/// The stop strings of a completion: those of the request, and the special tokens after which a server would continue.
pub(crate) fn stop_strings(writing: &Writing, options: &GenerateOptions) -> Vec<String> {
    let mut stops = options.stop_strings.clone();
    if let Writing::Template(template) = writing {
        stops.extend(template.stop_texts().map(str::to_owned));
    }
    stops
}

/// Temperature and what goes with it, under the names that all of them share.
fn sampling_json(sampling: &Sampling) -> Map<String, Value> {
    let mut fields = Map::new();
    match sampling {
        Sampling::Greedy => {
            fields.insert("temperature".to_owned(), json!(0));
        }
        Sampling::Random { temperature, top_k, top_p, seed } => {
            fields.insert("temperature".to_owned(), json!(temperature));
            fields.insert("seed".to_owned(), json!(seed & 0x7fff_ffff));
            if let Some(top_p) = top_p {
                fields.insert("top_p".to_owned(), json!(top_p));
            }
            if let Some(top_k) = top_k {
                fields.insert("top_k".to_owned(), json!(top_k));
            }
        }
    }
    fields
}

fn extend(body: &mut Value, fields: Map<String, Value>) {
    if let Value::Object(body) = body {
        body.extend(fields);
    }
}

fn has_text_at(document: &Value, pointer: &str) -> bool {
    document.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

fn text_at(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn count_at(document: &Value, pointer: &str) -> Option<usize> {
    document.pointer(pointer)?.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// Tokens as `[{"token", "logprob", "top_logprobs"}]`, the form of llama.cpp, Ollama and chats.
fn listed_tokens(list: &Value) -> Vec<TokenSent> {
    let token = |item: &Value| {
        Some(TokenSent {
            text: item.get("token")?.as_str()?.to_owned(),
            logprob: logprob(item.get("logprob")?)?,
            likeliest: items(&item["top_logprobs"]).iter().filter_map(likely).collect(),
        })
    };
    items(list).iter().filter_map(token).collect()
}

fn likely(item: &Value) -> Option<LikelyToken> {
    let token = item.get("token")?.as_str()?;
    // A token that ends inside a character has its bytes beside its text.
    let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes: Option<Vec<u8>> = item["bytes"].as_array().and_then(|bytes| bytes.iter().map(byte).collect());
    let bytes = bytes.filter(|bytes| !bytes.is_empty()).unwrap_or_else(|| token.as_bytes().to_vec());
    let id = item["id"].as_u64().and_then(|id| TokenId::try_from(id).ok()).unwrap_or_default();
    Some(LikelyToken { id, bytes, logprob: logprob(item.get("logprob")?)? })
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more")]
fn logprob(value: &Value) -> Option<f32> {
    value.as_f64().map(|logprob| (logprob as f32).min(0.0))
}
