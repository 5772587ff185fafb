//! The messages between a window and the engine process. Invariant: the first message of each side can be read by every version;
//! each request has a number that its connection uses once, and exactly one last answer.

use fimble_model::{
    ChatAnswer, ChatOptions, EmbedRequest, Embeddings, GenerateRequest, GeneratedToken, Generation, Layer,
    LoadError, Message, ModelError, ModelInfo, Prompt, Speeds, TokenId,
};
use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// The number of a request.
pub(crate) type CallId = u64;
/// The number of a model that a window has opened.
pub(crate) type ModelId = u32;

/// The first message of a window. Its fields never change their meaning.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) identity: Identity,
    /// Whether it is a window, which the engine process runs for.
    pub(crate) is_window: bool,
}

/// The answer to it. Its fields never change their meaning.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) identity: Identity,
    /// The engine process.
    pub(crate) process: u32,
}

/// A message of a window.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToEngine {
    /// Loads a model, or takes part in one that is loaded. `spec` is what the loader of the engine process reads.
    Open { call: CallId, spec: String, workspace: Option<String> },
    /// The window uses a model no more.
    Close { model: ModelId },
    /// Counts the tokens of a text.
    Count { call: CallId, model: ModelId, text: String },
    /// Cuts a text into tokens; with `special`, the names of special tokens in it are those tokens.
    Tokenize { call: CallId, model: ModelId, text: String, special: bool },
    /// The bytes that tokens stand for.
    BytesOf { call: CallId, model: ModelId, tokens: Vec<TokenId> },
    /// Makes a prompt of a text with the names of special tokens.
    PromptOf { call: CallId, model: ModelId, text: String },
    /// Generates; with a number of lines, alternatives.
    Generate { call: CallId, model: ModelId, request: GenerateRequest, n_lines: Option<usize> },
    /// Answers a conversation.
    Respond { call: CallId, model: ModelId, messages: Vec<Message>, options: ChatOptions },
    /// Turns texts into vectors.
    Embed { call: CallId, model: ModelId, request: EmbedRequest },
    /// Reads a conversation ahead.
    ReadAhead { call: CallId, model: ModelId, messages: Vec<Message> },
    /// What the observer of a request said of the last piece.
    Verdict { call: CallId, ends: bool },
    /// Cancels a request, which is answered nevertheless.
    Cancel { call: CallId },
    /// Adds or replaces a document of the project.
    Upsert { model: ModelId, source: String, layer: Layer, text: String },
    /// Removes it.
    Remove { model: ModelId, source: String },
    /// Asks whether the engine process answers.
    Ping { call: CallId },
    /// Asks what it does.
    Report { call: CallId },
}

/// A message of the engine process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWindow {
    /// A piece of an answer, with the tokens that are new since the piece before. A verdict is the answer to it.
    Piece { call: CallId, text: String, tokens: Vec<GeneratedToken> },
    /// The last answer to a request.
    Last { call: CallId, answer: Answer },
}

/// The last answer to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Opened(Result<Box<OpenedModel>, LoadError>),
    Counted(usize),
    Tokenized(Result<Vec<TokenId>, ModelError>),
    Bytes(Vec<u8>),
    Prompt(Prompt),
    Generated(Result<Vec<Generation>, ModelError>, Box<ModelState>),
    Answered(Result<ChatAnswer, ModelError>, Box<ModelState>),
    Embedded(Result<Embeddings, ModelError>, Box<ModelState>),
    Done,
    Report(HostReport),
}

/// A model that a window has opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpenedModel {
    pub(crate) model: ModelId,
    pub(crate) info: ModelInfo,
    pub(crate) state: ModelState,
    pub(crate) supports_alternatives: bool,
    pub(crate) has_context_index: bool,
    pub(crate) has_tokenizer: bool,
    /// The names of the code actions that it does badly, or why it answers no messages.
    pub(crate) chat: Result<ChatFacts, String>,
    /// Whether it turns texts into vectors, or why not.
    pub(crate) embeds: Result<(), String>,
}

/// What a window has to know of a model that answers messages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChatFacts {
    pub(crate) name: String,
    pub(crate) context_length: usize,
    /// The code actions that it does badly.
    pub(crate) weak_actions: Vec<String>,
    /// How it writes calls of functions: the index in the known ways.
    pub(crate) tool_syntax: Option<usize>,
}

/// What changes of a model while it is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelState {
    pub(crate) provider: String,
    pub(crate) notices: Vec<String>,
    pub(crate) speeds: Speeds,
}

/// What an engine process does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostReport {
    pub(crate) n_windows: usize,
    pub(crate) models: Vec<String>,
}
