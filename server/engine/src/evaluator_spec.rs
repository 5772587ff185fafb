//! All that it takes to open a model on any provider, also again after one failed. Invariant: whatever provider, the same
//! file with the same limits is opened.

use fimble_model::{LoadError, Provider};

use crate::cache_memory::CacheMemory;
use crate::evaluator::{Evaluator, Limits};
use crate::files::ModelSource;
use crate::graph::Graph;
use crate::layout::ModelConfig;
use crate::session;

/// A model that can be opened.
pub(crate) struct EvaluatorSpec {
    pub(crate) source: ModelSource,
    pub(crate) config: ModelConfig,
    /// The ONNX file.
    pub(crate) file: String,
    pub(crate) threads: usize,
    pub(crate) limits: Limits,
}

impl EvaluatorSpec {
    /// Opens the model and runs it on a few tokens.
    ///
    /// # Errors
    /// The provider cannot be loaded, or cannot run the model.
    pub(crate) fn open(&self, provider: Provider) -> Result<Evaluator, LoadError> {
        let session = session::open(&self.source, &self.file, self.threads, provider)?;
        let graph = Graph::read(&session, &self.source, &self.file, &self.config)?;
        let memory = match &graph.caches[..] {
            [first, others @ ..] if others.iter().all(|cache| cache.float == first.float) => {
                CacheMemory::of(provider, first.float)
            }
            _ => CacheMemory::Host,
        };
        Evaluator::new(session, graph, &self.source, &self.file, self.limits, memory)
    }
}
