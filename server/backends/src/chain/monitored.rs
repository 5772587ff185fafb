//! A member of a chain that reports its failures to the chain. Invariant: after a failure, the chain does not use it for a while.

use std::sync::{Arc, Weak};

use fimble_model::{
    CancelToken, Chat, ContextIndex, Embedder, GenerateRequest, Generation, Model, ModelError, ModelInfo,
    Speeds, TokenObserver, Tokenizer,
};

use super::Chain;

/// A member that reports its failures to its chain.
pub(super) struct MonitoredModel {
    pub(super) chain: Weak<Chain>,
    pub(super) index: usize,
    pub(super) model: Arc<dyn Model>,
}

impl MonitoredModel {
    fn monitored<T>(&self, outcome: Result<T, ModelError>) -> Result<T, ModelError> {
        if let (Err(ModelError::Unavailable(reason)), Some(chain)) = (&outcome, self.chain.upgrade()) {
            chain.failed(self.index, &self.model, reason);
        }
        outcome
    }
}

impl Model for MonitoredModel {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn notices(&self) -> Vec<String> {
        self.model.notices()
    }

    fn is_remote(&self) -> bool {
        self.model.is_remote()
    }

    fn leaves_process(&self) -> bool {
        self.model.leaves_process()
    }

    fn is_withheld(&self, source: &str) -> bool {
        self.model.is_withheld(source)
    }

    fn speeds(&self) -> Speeds {
        self.model.speeds()
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        self.model.chat()
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        self.model.embedder()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.model.count_tokens(text)
    }

    fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        self.model.tokenizer()
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        self.model.context_index()
    }

    fn supports_alternatives(&self) -> bool {
        self.model.supports_alternatives()
    }

    fn generate_alternatives(
        &self,
        request: GenerateRequest,
        n_lines: usize,
        cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        self.monitored(self.model.generate_alternatives(request, n_lines, cancel))
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        self.monitored(self.model.generate(request, cancel, observer))
    }
}
