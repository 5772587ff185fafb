//! The engine as a model that turns texts into vectors. Invariant: it runs at background priority, so that completions pass it; an
//! input is read as the model was trained, between the tokens that its tokenizer adds.

use fimble_model::{
    CancelToken, EmbedInput, EmbedRequest, Embedder, Embeddings, ModelError, Priority, TokenId,
};

use super::Engine;
use crate::evaluator::Evaluator;
use crate::layout::Pooling;
use crate::pool::{Reading, pool};

/// What makes a model one that turns texts into vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Embedding {
    pub(super) pooling: Pooling,
    /// The token behind each input, if the tokenizer adds one.
    pub(super) eos: Option<TokenId>,
}

impl Engine {
    /// How it turns texts into vectors.
    pub(super) fn embedding(&self) -> Result<Embedding, String> {
        self.embedding
            .ok_or_else(|| format!("The model {} continues texts and gives no embeddings.", self.info.name))
    }

    /// The error of a request to continue a text, if the model turns texts into vectors.
    pub(super) fn check_continues(&self) -> Result<(), ModelError> {
        match self.embedding {
            None => Ok(()),
            Some(_) => Err(ModelError::Unavailable(format!(
                "The model {} turns texts into vectors and does not continue them. Choose another one",
                self.info.name
            ))),
        }
    }

    fn tokens_of(
        &self,
        input: &EmbedInput,
        eos: Option<TokenId>,
        truncates: bool,
    ) -> Result<Vec<TokenId>, ModelError> {
        let limit = self.info.context_length;
        let (bos, mut tokens, eos) = match input {
            EmbedInput::Text(text) => (self.info.bos, self.tokenize(text)?, eos),
            EmbedInput::Tokens(tokens) => (None, tokens.clone(), None),
        };
        if truncates {
            let n_added = usize::from(bos.is_some()) + usize::from(eos.is_some());
            tokens.truncate(limit.saturating_sub(n_added));
        }
        let tokens: Vec<TokenId> = bos.into_iter().chain(tokens).chain(eos).collect();
        if tokens.len() > limit {
            return Err(ModelError::PromptTooLong { tokens: tokens.len(), limit });
        }
        match tokens.iter().find(|id| **id as usize >= self.info.vocabulary) {
            Some(id) => {
                Err(ModelError::Engine(format!("an input has the token {id}, which the model does not know")))
            }
            None if tokens.is_empty() => Err(ModelError::Engine("an input is empty".to_owned())),
            None => Ok(tokens),
        }
    }
}

impl Embedder for Engine {
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError> {
        let Embedding { pooling, eos } = self.embedding().map_err(ModelError::Unavailable)?;
        let inputs = request.inputs.iter().map(|input| self.tokens_of(input, eos, request.truncates));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let mut embeddings = Embeddings { model: self.info.name.clone(), ..Embeddings::default() };
        embeddings.prompt_tokens = inputs.iter().map(Vec::len).sum();
        let chunk = self.speed().chunk(Priority::Background, self.most_per_chunk);
        let cancel = cancel.clone();
        embeddings.vectors = self.worker.run(Priority::Background, move |evaluator, preemption| {
            let stopped = || cancel.is_cancelled() || preemption.is_due();
            let yield_to_others = |evaluator: &mut Evaluator| preemption.yield_to_others(evaluator);
            let reading = Reading { pooling, chunk, stopped: &stopped, yield_to_others: &yield_to_others };
            let vectors = inputs.iter().map_while(|tokens| pool(evaluator, tokens, &reading).transpose());
            vectors.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(embeddings)
    }
}
