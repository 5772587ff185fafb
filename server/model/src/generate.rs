//! What a model is asked and what it answers. Must hold: a prompt names special tokens by id, and text pieces are
//! never parsed for them, so that a file which contains `<|endoftext|>` cannot end or steer a prompt.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::Chat;
use crate::fim::FimTemplate;
use crate::{Calibration, CancelToken, ErrorCode, Layer, ProjectPlace};

/// Index of a token in the model's vocabulary.
pub type TokenId = u32;

/// One piece of a [`Prompt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A special token, by id.
    Token(TokenId),
    /// Text, tokenised on its own with special-token parsing off.
    Text(String),
}

/// A prompt, before tokenisation: stable pieces first, so that consecutive prompts share a long prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The pieces in order.
    pub pieces: Vec<Piece>,
    /// Token healing: when true, the word that the last text piece ends in (its last token at least) is taken back and the
    /// generation is constrained to begin with its text (which is not returned). It mends prompts that end inside a token.
    pub heal: bool,
    /// The files that the text is from, by their whole paths with forward slashes: what the user keeps on this machine is told
    /// by them. They stand in no prompt.
    pub sources: Vec<String>,
}

impl Prompt {
    /// Appends a special token.
    pub fn push_token(&mut self, id: TokenId) {
        self.pieces.push(Piece::Token(id));
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

/// How the next token is chosen from the model's distribution.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
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
    /// Where in the project this is, for models that look into what they remember of it; none leaves it out.
    pub project: Option<ProjectPlace>,
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
        }
    }
}

/// Who waits for a request. A higher priority makes lower work yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Nobody waits: warm-up and look-ahead. Ends when other work comes.
    Idle,
    /// Somebody waits for an answer that takes its time, such as that of a conversation. Pauses while interactive work
    /// runs, and goes on after it.
    Background,
    /// Somebody looks at the cursor.
    #[default]
    Interactive,
}

/// One request to a [`Model`].
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// What the model reads.
    pub prompt: Prompt,
    /// How it answers.
    pub options: GenerateOptions,
    /// Who waits for it.
    pub priority: Priority,
}

/// Sees each new piece of text as soon as it is complete UTF-8, and may end the generation. It runs on the model's
/// thread: it must be quick and must not block.
pub type Observer = Box<dyn FnMut(&str) -> ControlFlow<()> + Send>;

/// An [`Observer`] of a completion, which also sees the tokens that were produced so far, those of text that is not shown yet
/// included; empty if the model does not say.
pub type TokenObserver = Box<dyn FnMut(&str, &[GeneratedToken]) -> ControlFlow<()> + Send>;

/// Why a generation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    Unsure,
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
            Self::Unsure => f.write_str("the confidence bar is out of reach"),
            Self::Finished => f.write_str("end of the answer"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// One generated token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratedToken {
    /// Its id.
    pub id: TokenId,
    /// Natural logarithm of the probability that the model and its memory of the project gave it, before temperature and
    /// filters; among the tokens that healing allowed, where it had to begin with forced text. At most 0.
    pub logprob: f32,
    /// Length of [`Generation::text`] in bytes once this token was added. A token that ends inside a character counts
    /// up to the last whole one.
    pub text_end: usize,
}

/// What one generation cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of them, taken from the prefix cache.
    pub reused_tokens: usize,
    /// Of them, evaluated now.
    pub prefilled_tokens: usize,
    /// Tokens produced (an end token included).
    pub decoded_tokens: usize,
    /// Tokens that were guessed and evaluated together with the one before them.
    pub drafted_tokens: usize,
    /// Of them, those that were what the model chose, so that no pass of their own was needed.
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

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The new text, without healed text, stop strings and end tokens. Always whole characters.
    pub text: String,
    /// The tokens of [`Generation::text`] in order, without an end token.
    pub tokens: Vec<GeneratedToken>,
    /// Why it ended.
    pub stop: StopReason,
    /// What it cost.
    pub usage: Usage,
}

impl Generation {
    /// How likely a line is what was meant, 0 to 1: the probability of the text up to the end of the line that holds `end`, a
    /// byte offset, as a geometric mean over its lines with text. 1 if the model tells no probabilities.
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

/// What a model is; fixed once it is loaded, except for the provider, which can fail and be replaced.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Its name: "bundled", a folder's name, or a server's model name.
    pub name: String,
    /// What computes it, for people: "CPU, 2 threads", with the reason where something else was expected.
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
    /// How likely what it writes is what was meant.
    pub calibration: Calibration,
    /// How long loading took.
    pub load_time: Duration,
}

/// How fast a model is on this machine, as measured on its last work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speeds {
    /// Tokens of a prompt that are read in a second, if long parts of prompts were read lately.
    pub prefill: Option<f64>,
    /// Tokens that are produced in a second, if some were.
    pub decode: Option<f64>,
}

/// A loaded model. One generation runs at a time; concurrent calls wait their turn, a higher [`Priority`] first.
pub trait Model: Send + Sync {
    /// What it is.
    fn info(&self) -> &ModelInfo;

    /// What went otherwise than the settings say, with what to do, in whole sentences for people. It can grow while the
    /// model is used; each is to be told once.
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

    /// How fast it is; it follows what else the machine does. Nothing is known before the first work, or ever, of models
    /// that do not tell.
    fn speeds(&self) -> Speeds {
        Speeds::default()
    }

    /// Whether what it is asked leaves this machine.
    fn is_remote(&self) -> bool {
        false
    }

    /// Whether what it is asked leaves this process, for a server of this machine or of another. Secrets are taken out of a
    /// prompt for it.
    fn leaves_process(&self) -> bool {
        false
    }

    /// Whether text of this file must not be given to it. Who writes a prompt for it leaves such text out; a prompt that holds
    /// some all the same is answered with [`ModelError::Withheld`].
    fn is_withheld(&self, _source: &str) -> bool {
        false
    }

    /// Where this model is a choice among several: the one to plan for and to ask now about text of these files (see
    /// [`Prompt::sources`]); of no files, whoever answers where nothing stands against it. None means this model itself.
    /// Never waits. After [`ModelError::Unavailable`] it names another one, if there is one.
    fn member_for(&self, _sources: &[String]) -> Option<Arc<dyn Model>> {
        None
    }

    /// Number of tokens of a text, special tokens in it not recognised; a guess that is rather too high where the
    /// tokenizer is not at hand.
    fn count_tokens(&self, text: &str) -> usize;

    /// Remembers a text of the project under its path in the workspace, in the place of what was remembered under it; a file
    /// that is open stays what it is until it is forgotten. Returns at once; it takes effect when the model has nothing else
    /// to do. Models without such a memory ignore it.
    fn remember(&self, _source: Arc<str>, _layer: Layer, _text: Arc<str>) {}

    /// Forgets a text of the project.
    fn forget(&self, _source: &str) {}

    /// Writes up to `n_lines` different lines for one prompt, the likeliest first, each to its end; greedily, whatever the
    /// options say of sampling. Meant for a prompt that was just generated from, which is cached. Models that write one line
    /// only give none, and [`Model::varies`] says so.
    ///
    /// # Errors
    /// As [`Model::generate`].
    fn write_lines(
        &self,
        _request: GenerateRequest,
        _n_lines: usize,
        _cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        Ok(Vec::new())
    }

    /// Whether [`Model::write_lines`] writes any.
    fn varies(&self) -> bool {
        false
    }

    /// Generates. Blocks until done; `cancel` is asked between chunks of the prompt and between tokens, and what was
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

/// Why a generation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The user keeps text of these files on this machine, and the model is on another one. Another model may answer.
    Withheld(String),
    /// The model cannot be asked at present, such as a server that is down; the text is for people. Nothing of an answer was
    /// shown to the observer: another model may answer.
    Unavailable(String),
}

impl ModelError {
    /// The kind of error.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::PromptTooLong { .. } => ErrorCode::PromptTooLong,
            Self::Engine(_) => ErrorCode::ModelFailed,
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
            Self::Withheld(reason) | Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ModelError {}

/// Why something could not be done for the user, such as loading a model: the kind, the cause, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The kind, for programs.
    pub code: ErrorCode,
    /// What is wrong, naming the file.
    pub cause: String,
    /// What the user can do. Empty if there is nothing, or if the cause says it.
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
