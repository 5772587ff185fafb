//! The engine as a model. Invariant: callers on any thread wait their turn and never see the
//! session.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use fimble_model::{
    CancelToken, Chat, ContextIndex, Embedder, GenerateRequest, Generation, Layer, Model, ModelError,
    ModelInfo, Prompt, Speeds, TokenId, TokenObserver, Tokenizer,
};

use crate::branches;
use crate::engine::Engine;
use crate::project_cache;

impl Model for Engine {
    fn info(&self) -> &ModelInfo {
        self.fallback_info.get().unwrap_or(&self.info)
    }

    fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn speeds(&self) -> Speeds {
        self.speed().speeds()
    }

    fn count_tokens(&self, text: &str) -> usize {
        // A failing tokenizer is reported by the generation that follows; until then every byte counts.
        self.tokenizer.encode(text).map_or(text.len(), |tokens| tokens.len())
    }

    fn supports_alternatives(&self) -> bool {
        true
    }

    fn generate_alternatives(
        &self,
        request: GenerateRequest,
        n_lines: usize,
        cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        self.run_short(request, cancel, move |evaluator, tokenizer, task| {
            branches::generate_alternatives(evaluator, tokenizer, task, n_lines)
        })
    }

    fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        Some(self)
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        self.project.as_ref().map(|_| self as &dyn ContextIndex)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let arrived = Instant::now();
        let prompt = self.tokenizer.encode_prompt(&request.prompt).map_err(ModelError::Engine)?;
        self.generate_from(prompt, request.options, request.priority, arrived, cancel, observer)
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        self.embedding().map(|_| self as &dyn Embedder)
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        (*self.chat).as_ref().map(|_| self as &dyn Chat).map_err(Clone::clone)
    }
}

impl Tokenizer for Engine {
    fn tokenize(&self, text: &str, special: bool) -> Result<Vec<TokenId>, ModelError> {
        let tokens = if special {
            let prompt = self.tokenizer.prompt_with_tokens(text);
            self.tokenizer.encode_whole(&prompt).map(|prompt| prompt.tokens)
        } else {
            self.tokenizer.encode(text)
        };
        tokens.map_err(ModelError::Engine)
    }

    fn bytes_of(&self, tokens: &[TokenId]) -> Vec<u8> {
        tokens.iter().flat_map(|id| self.tokenizer.bytes_or_name(*id)).copied().collect()
    }

    fn prompt(&self, text: &str) -> Prompt {
        self.tokenizer.prompt_with_tokens(text)
    }
}

impl ContextIndex for Engine {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        let Some(project) = self.project.clone() else { return };
        project.upsert(source, project_cache::layer(layer), text);
        self.worker.run_in_steps(move || project.step());
    }

    fn remove(&self, source: &str) {
        let Some(project) = self.project.clone() else { return };
        project.remove(source);
        self.worker.run_in_steps(move || project.step());
    }
}
