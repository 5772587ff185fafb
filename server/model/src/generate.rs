//! Requests to a model, and its answers. Invariant: a prompt names special tokens by id, and text pieces are
//! never parsed for them, so that a file which contains `<|endoftext|>` cannot end or steer a prompt.

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::embed::Embedder;
use crate::fim::FimTemplate;
use crate::{Calibration, CancelToken, ErrorCode, Layer, ProjectPlace};

/// Index of a token in the model's vocabulary.
pub type TokenId = u32;

/// One piece of a [`Prompt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// A special token, by id.
    Token(TokenId),
    /// Text, tokenised on its own with special-token parsing off.
    Text(String),
}

/// A prompt, before tokenisation: stable pieces first, so that consecutive prompts share a long prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The pieces in order.
    pub pieces: Vec<Piece>,
    /// Token healing: when true, the word that the last text piece ends in (its last token at least) is removed and the
    /// generation is constrained to begin with its text (which is not returned). For prompts that end inside a token.
    pub heal: bool,
    /// The files that the text is from, by their whole paths with forward slashes, for the exclusions of the user. No prompt has
    /// them.
    pub sources: Vec<String>,
}

impl Prompt {
    /// Appends a special token.
    pub fn push_token(&mut self, id: TokenId) {
        self.pieces.push(Piece::Token(id));
    }

    /// Puts the token that begins a text first, unless it is there.
    pub fn begin_with(&mut self, bos: Option<TokenId>) {
        if let Some(bos) = bos
            && self.pieces.first() != Some(&Piece::Token(bos))
        {
            self.pieces.insert(0, Piece::Token(bos));
        }
    }

    /// Appends text; empty text adds nothing, and text after text extends the last piece, so that equal prompts are
    /// equal piece by piece.
    pub fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text);
        } else {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }
}

/// The choice of the next token from the model's distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sampling {
    /// The most likely token; ties go to the lower id.
    Greedy,
    /// A random token. Filters apply in the order temperature, `top_k`, `top_p`.
    Random {
        /// Divides the logits; above 0.
        temperature: f32,
        /// Keep only the `k` most likely tokens.
        top_k: Option<usize>,
        /// Keep the smallest set of most likely tokens whose probabilities add up to this, in (0, 1].
        top_p: Option<f32>,
        /// Seed of the generator: equal requests with equal seeds give equal tokens.
        seed: u64,
    },
}

/// Limits and rules of one generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerateOptions {
    /// At most this many new tokens; 0 only fills the cache (warm-up).
    pub max_new_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens that end the generation, besides the model's own end tokens. None of them appears in the text.
    pub stop_tokens: Vec<TokenId>,
    /// Texts that end the generation. The text ends before the stop string.
    pub stop_strings: Vec<String>,
    /// Ends the generation once its [confidence](Generation::confidence) stays below this, from 0 to 1, whatever could
    /// follow and after whichever line it is cut off. 0 never ends it.
    pub least_confidence: f32,
    /// The most lines with text that are wanted; at least 1. They share what `least_confidence` asks for.
    pub most_lines: usize,
    /// The place in the project, for models with a project cache; none leaves the cache out.
    pub project: Option<ProjectPlace>,
    /// The form that the text must have. A model behind a connection that does not know it refuses the request.
    pub grammar: Option<Grammar>,
    /// Whether the marks of thoughts ([`crate::THOUGHT_MARKS`]) and of calls of functions ([`crate::TOOL_SYNTAXES`]) are part of the
    /// text. No other special token is.
    pub shows_marks: bool,
    /// How many of the likeliest tokens are reported at each place ([`GeneratedToken::details`]); 0 reports only the chosen one, none
    /// reports nothing. A model behind a connection reports what its server does.
    pub n_likeliest: Option<usize>,
}

/// The form that a generated text must have. Only tokens that lead to such a text are chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grammar {
    /// A JSON value that is valid for this JSON Schema.
    JsonSchema(String),
    /// A text of this context-free grammar, in the notation of Lark with the extensions of llguidance.
    Lark(String),
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 64,
            sampling: Sampling::Greedy,
            stop_tokens: Vec::new(),
            stop_strings: Vec::new(),
            least_confidence: 0.0,
            most_lines: usize::MAX,
            project: None,
            grammar: None,
            shows_marks: false,
            n_likeliest: None,
        }
    }
}

/// The priority of a request. Work of a lower priority is preempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Priority {
    /// Work ahead of time: warm-up and look-ahead. It ends when other work arrives.
    Idle,
    /// Work that takes long, such as the answer of a conversation. It pauses while interactive work runs, and continues after it.
    Background,
    /// A completion while typing.
    #[default]
    Interactive,
}

/// One request to a [`Model`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// The prompt.
    pub prompt: Prompt,
    /// How it answers.
    pub options: GenerateOptions,
    /// Its priority.
    pub priority: Priority,
}

/// Sees each new piece of text as soon as it is complete UTF-8, with the tokens that were produced so far, and may end the generation.
/// Tokens of text that is not shown yet are included; there are none if the model does not say. It runs on the model's thread: it must
/// be quick and must not block.
pub type TokenObserver = Box<dyn FnMut(&str, &[GeneratedToken]) -> ControlFlow<()> + Send>;

/// Why a generation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// The model produced this end token.
    EndToken(TokenId),
    /// This stop string appeared.
    StopString(String),
    /// The [`Observer`] ended it.
    Observer,
    /// `max_new_tokens` were produced.
    MaxTokens,
    /// The model's context is full.
    ContextFull,
    /// [`GenerateOptions::least_confidence`] was out of reach.
    LowConfidence,
    /// The model had said all, and does not say by which token.
    Finished,
    /// The [`CancelToken`] was cancelled. The text so far is returned.
    Cancelled,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndToken(id) => write!(f, "end token {id}"),
            Self::StopString(text) => write!(f, "stop string {text:?}"),
            Self::Observer => f.write_str("stop rule"),
            Self::MaxTokens => f.write_str("token limit"),
            Self::ContextFull => f.write_str("context full"),
            Self::LowConfidence => f.write_str("the confidence threshold is out of reach"),
            Self::Finished => f.write_str("end of the answer"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// One generated token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratedToken {
    /// Its id.
    pub id: TokenId,
    /// Natural logarithm of the probability that the model, mixed with its project cache, gave it, before temperature and
    /// filters; among the tokens that healing allowed, where it had to begin with forced text. At most 0.
    #[serde(with = "crate::float_bits")]
    pub logprob: f32,
    /// Length of [`Generation::text`] in bytes once this token was added. A token that ends inside a character counts
    /// up to the last whole one.
    pub text_end: usize,
    /// More about it, if [`GenerateOptions::n_likeliest`] asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<TokenDetails>>,
}

/// What a program that weighs tokens itself wants to know of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenDetails {
    /// The bytes of its text, special tokens by their names. They may end inside a character.
    pub bytes: Vec<u8>,
    /// The likeliest tokens at its place, the likeliest first.
    pub likeliest: Vec<LikelyToken>,
}

/// A token that the model found likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyToken {
    /// Its id; 0 if the model does not say.
    pub id: TokenId,
    /// The bytes of its text, special tokens by their names.
    pub bytes: Vec<u8>,
    /// As [`GeneratedToken::logprob`].
    #[serde(with = "crate::float_bits")]
    pub logprob: f32,
}

/// The cost of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of them, taken from the prefix cache.
    pub reused_tokens: usize,
    /// Of them, evaluated now.
    pub prefilled_tokens: usize,
    /// Tokens produced (an end token included).
    pub decoded_tokens: usize,
    /// Draft tokens: evaluated together with the token before them.
    pub drafted_tokens: usize,
    /// Of them, those that the model chose, so that they needed no pass of their own.
    pub accepted_tokens: usize,
    /// Waiting for the model to be free.
    pub queue: Duration,
    /// Turning the prompt into tokens.
    pub tokenize: Duration,
    /// Evaluating the prompt.
    pub prefill: Duration,
    /// Producing tokens.
    pub decode: Duration,
}

/// The answer of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The new text, without healed text, stop strings and end tokens. Always whole characters.
    pub text: String,
    /// The tokens of [`Generation::text`] in order, without an end token.
    pub tokens: Vec<GeneratedToken>,
    /// Why it ended.
    pub stop: StopReason,
    /// Its cost.
    pub usage: Usage,
}

impl Generation {
    /// The probability of a part of the text, 0 to 1: that of all tokens with bytes in it together. None if there are no
    /// probabilities.
    #[must_use]
    pub fn probability(&self, range: Range<usize>) -> Option<f32> {
        let mut start = 0;
        let is_inside = |token: &&GeneratedToken| {
            std::mem::replace(&mut start, token.text_end) < range.end && token.text_end > range.start
        };
        let sum: f32 = self.tokens.iter().filter(is_inside).map(|token| token.logprob).sum();
        (!self.tokens.is_empty()).then(|| if sum.is_nan() { 0.0 } else { sum.exp().clamp(0.0, 1.0) })
    }

    /// The probability that a line is right, 0 to 1: the probability of the text up to the end of the line that holds `end`, a
    /// byte offset, as a geometric mean over its lines with text. 1 if there are no probabilities.
    #[must_use]
    pub fn confidence(&self, end: usize) -> f32 {
        let line_end = self.text.bytes().skip(end).position(|byte| byte == b'\n');
        let end = line_end.map_or(self.text.len(), |n_bytes| end + n_bytes);
        let n_lines = self.text[..end].lines().filter(|line| !line.trim().is_empty()).count().max(1);
        let mut start = 0;
        let of_lines =
            self.tokens.iter().take_while(|token| std::mem::replace(&mut start, token.text_end) < end);
        let sum: f64 = of_lines.map(|token| f64::from(token.logprob)).sum();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a probability")]
        let mean = (sum / n_lines as f64).exp() as f32;
        if mean.is_nan() { 0.0 } else { mean.clamp(0.0, 1.0) }
    }
}

/// The description of a model; fixed once it is loaded, except for the provider, which can fail and be replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name: "bundled", a folder's name, or a server's model name.
    pub name: String,
    /// Its execution provider, for people: "CPU, 2 threads", with the reason where something else was expected.
    pub provider: String,
    /// Longest sequence of prompt and new tokens.
    pub context_length: usize,
    /// Number of entries of the vocabulary.
    pub vocabulary: usize,
    /// Its fill-in-the-middle template, or why none was recognised (then completion is plain left to right).
    pub fim: Result<FimTemplate, String>,
    /// Token to put first, if the tokenizer adds one.
    pub bos: Option<TokenId>,
    /// Memory of the weights in bytes, as far as known.
    pub weight_bytes: u64,
    /// Whether it writes several lines at once, code that a comment describes and doc comments well enough to be asked for
    /// them; small models that complete a line well do not.
    pub writes_code: bool,
    /// The probability that its text is right.
    pub calibration: Calibration,
    /// The time of loading.
    pub load_time: Duration,
}

/// How fast a model is on this machine, as measured on its last work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    /// Tokens of a prompt that are read in a second, if long parts of prompts were read lately.
    pub prefill: Option<f64>,
    /// Tokens that are produced in a second, if some were.
    pub decode: Option<f64>,
}

/// A loaded model. One generation runs at a time; concurrent calls wait their turn, a higher [`Priority`] first.
pub trait Model: Send + Sync {
    /// Its description.
    fn info(&self) -> &ModelInfo;

    /// Deviations from the settings, each with its remedy, in whole sentences for people. More can come while the model is used;
    /// each is shown once.
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// The model as one that answers messages.
    ///
    /// # Errors
    /// It was not made for that, or it does not say how messages are written for it: why not, in one sentence for people.
    fn chat(&self) -> Result<&dyn Chat, String> {
        Err(format!("The model {} completes code and cannot answer messages.", self.info().name))
    }

    /// The model as one that turns texts into vectors.
    ///
    /// # Errors
    /// It was not made for that: why not, in one sentence for people.
    fn embedder(&self) -> Result<&dyn Embedder, String> {
        Err(format!("The model {} gives no embeddings.", self.info().name))
    }

    /// How fast it is, as measured lately. Nothing is known before the first work, and never of models that do not measure.
    fn speeds(&self) -> Speeds {
        Speeds::default()
    }

    /// Whether prompts leave this machine.
    fn is_remote(&self) -> bool {
        false
    }

    /// Whether prompts leave this process, for a server of this machine or of another. Secrets are removed from such prompts.
    fn leaves_process(&self) -> bool {
        false
    }

    /// Whether text of this file must not be given to it. Prompts leave such text out; a prompt that has
    /// some is answered with [`ModelError::Withheld`].
    fn is_withheld(&self, _source: &str) -> bool {
        false
    }

    /// The model as one that chooses among several; none if it is a single one.
    fn router(&self) -> Option<&dyn ModelRouter> {
        None
    }

    /// Its tokenizer; none if that is not known.
    fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        None
    }

    /// Its memory of the project; none if it has none.
    fn context_index(&self) -> Option<&dyn ContextIndex> {
        None
    }

    /// Number of tokens of a text, special tokens in it not recognised; without a tokenizer, an estimate that is rather too
    /// high.
    fn count_tokens(&self, text: &str) -> usize;

    /// Generates up to `n_lines` different lines for one prompt, the likeliest first, each to its end; greedily, whatever the options say
    /// of sampling. Meant for a prompt that was just generated from, which is cached. Models without alternatives
    /// ([`Model::supports_alternatives`]) return none.
    ///
    /// # Errors
    /// As [`Model::generate`].
    fn generate_alternatives(
        &self,
        _request: GenerateRequest,
        _n_lines: usize,
        _cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        Ok(Vec::new())
    }

    /// Whether [`Model::generate_alternatives`] returns any.
    fn supports_alternatives(&self) -> bool {
        false
    }

    /// Generates. Blocks until done; `cancel` is checked between chunks of the prompt and between tokens, and what was
    /// evaluated until then stays cached. A cancelled request is no error: it returns what it has.
    ///
    /// # Errors
    /// The prompt does not fit the context, or the engine failed; the model stays usable.
    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError>;
}

/// The tokens of a model, for programs that handle tokens themselves.
pub trait Tokenizer: Send + Sync {
    /// The tokens of a text. With `special`, the names of special tokens in it are those tokens.
    ///
    /// # Errors
    /// The tokenizer failed.
    fn tokenize(&self, text: &str, special: bool) -> Result<Vec<TokenId>, ModelError>;

    /// The bytes that tokens stand for, special tokens by their names. Tokens that do not exist are left out.
    fn bytes_of(&self, tokens: &[TokenId]) -> Vec<u8>;

    /// The prompt that a text is in which the names of special tokens are those tokens.
    fn prompt(&self, text: &str) -> Prompt;
}

/// The choice among several models.
pub trait ModelRouter: Send + Sync {
    /// The model that is used now for text of these files (see [`Prompt::sources`]), or for any text if there are no files. Prompts
    /// are planned for it. None if no model can be used now: then the router itself is asked, which opens one or says why there is
    /// none. Never waits. After [`ModelError::Unavailable`] it is another one, if there is one.
    fn member_for(&self, sources: &[String]) -> Option<Arc<dyn Model>>;
}

/// The memory of the project that a model keeps: documents whose repetition becomes more likely.
pub trait ContextIndex: Send + Sync {
    /// Adds a document under its path in the workspace, or replaces it. The text of an open document counts until it is removed.
    /// Returns at once; the work is done when the model has nothing else to do.
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>);

    /// Removes a document.
    fn remove(&self, source: &str);
}

/// The model that answers for text of these files: the one that a router chooses, else this one.
#[must_use]
pub fn routed(model: &Arc<dyn Model>, sources: &[String]) -> Arc<dyn Model> {
    let member = model.router().and_then(|router| router.member_for(sources));
    member.unwrap_or_else(|| Arc::clone(model))
}

/// Why a generation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelError {
    /// The prompt has more tokens than the context holds.
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens that fit.
        limit: usize,
    },
    /// The engine failed; the text is for people.
    Engine(String),
    /// The form that was asked for cannot be used; the text is for people.
    Grammar(String),
    /// The user keeps text of these files on this machine, and the model is on another one. Another model may answer.
    Withheld(String),
    /// The model cannot be asked at present, such as a server that is down; the text is for people. Another model may answer: of a
    /// conversation nothing was shown to the observer, and of a completion nothing that was shown counts.
    Unavailable(String),
}

impl ModelError {
    /// The kind of error.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::PromptTooLong { .. } => ErrorCode::PromptTooLong,
            Self::Engine(_) => ErrorCode::ModelFailed,
            Self::Grammar(_) => ErrorCode::GrammarInvalid,
            Self::Withheld(_) => ErrorCode::TextWithheld,
            Self::Unavailable(_) => ErrorCode::NoModelAvailable,
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PromptTooLong { tokens, limit } => {
                write!(f, "the prompt has {tokens} tokens, the model reads {limit}")
            }
            Self::Engine(reason) => write!(f, "the model failed: {reason}"),
            Self::Grammar(reason) => write!(f, "the form of the answer cannot be used: {reason}"),
            Self::Withheld(reason) | Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ModelError {}

/// Why something could not be done for the user, such as loading a model: the kind, the cause, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadError {
    /// The code, for programs.
    pub code: ErrorCode,
    /// The cause, with the name of the file.
    pub cause: String,
    /// The remedy. Empty if there is none, or if the cause says it.
    pub remedy: String,
}

impl LoadError {
    /// Cause and remedy as whole sentences.
    #[must_use]
    pub fn sentences(&self) -> String {
        let text = self.to_string();
        if text.ends_with('.') { text } else { text + "." }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.remedy.is_empty() {
            return f.write_str(&self.cause);
        }
        write!(f, "{}. {}", self.cause, self.remedy)
    }
}

impl std::error::Error for LoadError {}
