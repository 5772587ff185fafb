//! A model of the engine process, as a model of this window. Invariant: after the engine process has ended, every request is
//! answered with [`ModelError::Unavailable`], at once, so that another model answers it; a conversation of which a part was shown
//! is not answered by another model.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, ContextIndex, EmbedRequest, Embedder, Embeddings,
    GenerateRequest, Generation, Layer, Message, Model, ModelError, ModelInfo, Prompt, Speeds, TOOL_SYNTAXES,
    TokenId, TokenObserver, Tokenizer, ToolSyntax,
};

use crate::call::Outcome;
use crate::connection::Connection;
use crate::wire::{Answer, ChatFacts, ModelId, ModelState, OpenedModel, ToEngine};

/// Counts of tokens that are kept. The lines around the cursor are counted again with each key.
const MOST_COUNTS: usize = 4096;

/// A model of the engine process. Dropping it lets the engine process know.
pub struct SharedModel {
    connection: Arc<Connection>,
    model: ModelId,
    info: ModelInfo,
    /// Its description after its provider failed.
    changed_info: OnceLock<ModelInfo>,
    state: Mutex<ModelState>,
    supports_alternatives: bool,
    has_context_index: bool,
    has_tokenizer: bool,
    chat: Result<ChatFacts, String>,
    embeds: Result<(), String>,
    counts: Mutex<HashMap<u64, usize>>,
    hasher: RandomState,
}

impl SharedModel {
    pub(crate) fn new(connection: Arc<Connection>, opened: OpenedModel) -> Self {
        let OpenedModel {
            model,
            info,
            state,
            supports_alternatives,
            has_context_index,
            has_tokenizer,
            chat,
            embeds,
        } = opened;
        Self {
            connection,
            model,
            info,
            changed_info: OnceLock::new(),
            state: Mutex::new(state),
            supports_alternatives,
            has_context_index,
            has_tokenizer,
            chat,
            embeds,
            counts: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// The number of the engine process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.connection.process()
    }

    /// Whether the engine process has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.connection.is_broken()
    }

    fn state(&self) -> MutexGuard<'_, ModelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, state: ModelState) {
        if state.provider != self.info.provider {
            self.changed_info
                .get_or_init(|| ModelInfo { provider: state.provider.clone(), ..self.info.clone() });
        }
        *self.state() = state;
    }

    fn ended(&self) -> ModelError {
        ModelError::Unavailable(format!(
            "The engine process {} with the model {} has ended",
            self.process(),
            self.info.name
        ))
    }

    fn error_of(&self, outcome: &Outcome) -> ModelError {
        match outcome {
            Outcome::ObserverPanicked => ModelError::Engine("a panic of the observer".to_owned()),
            Outcome::Broken { .. } => self.ended(),
            Outcome::Answered(_) => ModelError::Engine("the engine process gave another answer".to_owned()),
        }
    }

    fn generations(
        &self,
        request: GenerateRequest,
        n_lines: Option<usize>,
        cancel: &CancelToken,
        observer: Option<TokenObserver>,
    ) -> Result<Vec<Generation>, ModelError> {
        let message = |call| ToEngine::Generate { call, model: self.model, request, n_lines };
        match self.connection.request(message, Some(cancel), observer) {
            Outcome::Answered(Answer::Generated(result, state)) => {
                self.update(*state);
                result
            }
            outcome => Err(self.error_of(&outcome)),
        }
    }
}

impl Drop for SharedModel {
    fn drop(&mut self) {
        self.connection.send(&ToEngine::Close { model: self.model });
    }
}

impl Model for SharedModel {
    fn info(&self) -> &ModelInfo {
        self.changed_info.get().unwrap_or(&self.info)
    }

    fn notices(&self) -> Vec<String> {
        self.state().notices.clone()
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        self.chat.as_ref().map(|_| self as &dyn Chat).map_err(Clone::clone)
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        self.embeds.as_ref().map(|()| self as &dyn Embedder).map_err(Clone::clone)
    }

    fn speeds(&self) -> Speeds {
        self.state().speeds
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        self.has_context_index.then_some(self as &dyn ContextIndex)
    }

    fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        self.has_tokenizer.then_some(self as &dyn Tokenizer)
    }

    fn count_tokens(&self, text: &str) -> usize {
        let hash = self.hasher.hash_one(text);
        let known = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        if let Some(known) = known {
            return known;
        }
        let message = |call| ToEngine::Count { call, model: self.model, text: text.to_owned() };
        let Outcome::Answered(Answer::Counted(n_tokens)) = self.connection.request(message, None, None)
        else {
            // The generation that follows says that the engine process has ended; until then every byte counts.
            return text.len();
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_COUNTS {
            counts.clear();
        }
        counts.insert(hash, n_tokens);
        n_tokens
    }

    fn generate_alternatives(
        &self,
        request: GenerateRequest,
        n_lines: usize,
        cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        self.generations(request, Some(n_lines), cancel, None)
    }

    fn supports_alternatives(&self) -> bool {
        self.supports_alternatives
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let mut generations = self.generations(request, None, cancel, Some(observer))?;
        generations.pop().ok_or_else(|| ModelError::Engine("the engine process gave no answer".to_owned()))
    }
}

impl Tokenizer for SharedModel {
    fn tokenize(&self, text: &str, special: bool) -> Result<Vec<TokenId>, ModelError> {
        let message = |call| ToEngine::Tokenize { call, model: self.model, text: text.to_owned(), special };
        match self.connection.request(message, None, None) {
            Outcome::Answered(Answer::Tokenized(tokens)) => tokens,
            outcome => Err(self.error_of(&outcome)),
        }
    }

    fn bytes_of(&self, tokens: &[TokenId]) -> Vec<u8> {
        let message = |call| ToEngine::BytesOf { call, model: self.model, tokens: tokens.to_vec() };
        match self.connection.request(message, None, None) {
            Outcome::Answered(Answer::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }

    fn prompt(&self, text: &str) -> Prompt {
        let message = |call| ToEngine::PromptOf { call, model: self.model, text: text.to_owned() };
        match self.connection.request(message, None, None) {
            Outcome::Answered(Answer::Prompt(prompt)) => prompt,
            // The generation that follows says that the engine process has ended.
            _ => {
                let mut prompt = Prompt::default();
                prompt.push_text(text);
                prompt
            }
        }
    }
}

impl Embedder for SharedModel {
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError> {
        let message = |call| ToEngine::Embed { call, model: self.model, request: request.clone() };
        match self.connection.request(message, Some(cancel), None) {
            Outcome::Answered(Answer::Embedded(result, state)) => {
                self.update(*state);
                result
            }
            outcome => Err(self.error_of(&outcome)),
        }
    }
}

impl ContextIndex for SharedModel {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        let (source, text) = (source.to_string(), text.to_string());
        self.connection.send(&ToEngine::Upsert { model: self.model, source, layer, text });
    }

    fn remove(&self, source: &str) {
        self.connection.send(&ToEngine::Remove { model: self.model, source: source.to_owned() });
    }
}

impl Chat for SharedModel {
    fn name(&self) -> &str {
        self.chat.as_ref().map_or(&self.info.name, |facts| &facts.name)
    }

    fn does_well(&self, action: &str) -> bool {
        self.chat.as_ref().is_ok_and(|facts| !facts.weak_actions.iter().any(|weak| weak == action))
    }

    fn tool_syntax(&self) -> Option<ToolSyntax> {
        self.chat.as_ref().ok()?.tool_syntax.and_then(|index| TOOL_SYNTAXES.get(index).copied())
    }

    fn read_ahead(&self, messages: &[Message], cancel: &CancelToken) {
        let message = |call| ToEngine::ReadAhead { call, model: self.model, messages: messages.to_vec() };
        // What did not work ahead is said when it is asked for.
        let _ = self.connection.request(message, Some(cancel), None);
    }

    fn context_length(&self) -> usize {
        self.chat.as_ref().map_or(self.info.context_length, |facts| facts.context_length)
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let message = |call| ToEngine::Respond {
            call,
            model: self.model,
            messages: messages.to_vec(),
            options: options.clone(),
        };
        match self.connection.request(message, Some(cancel), Some(observer)) {
            Outcome::Answered(Answer::Answered(result, state)) => {
                self.update(*state);
                result
            }
            // Another answer would be mixed with this one.
            Outcome::Broken { has_seen: true } => Err(ModelError::Engine(format!(
                "the engine process {} ended while the model answered; ask again",
                self.process()
            ))),
            outcome => Err(self.error_of(&outcome)),
        }
    }
}
