//! All that it takes to open a model on any provider, also again after one failed. Invariant: whatever provider, the same
//! file with the same limits is opened; a cache in 8 bits is made for all layers or for none.

use std::collections::BTreeMap;

use fimble_model::{LoadError, Provider};
use fimble_onnx::edit::{LayerCache, layer_caches, quantise_cache};

use crate::cache_memory::CacheMemory;
use crate::element::Element;
use crate::evaluator::{Evaluator, Limits};
use crate::files::ModelSource;
use crate::graph::{CacheSpec, Graph};
use crate::layout::ModelConfig;
use crate::memory::HeldSession;
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
        let session = session::open(&self.source, &self.file, self.threads, provider, None)?;
        let graph = self.read(&session)?;
        let memory = match &graph.caches[..] {
            [first, others @ ..] if others.iter().all(|cache| cache.element == first.element) => {
                CacheMemory::of(provider, first.element)
            }
            _ => CacheMemory::Host,
        };
        Evaluator::new(session, graph, &self.source, &self.file, self.limits, memory)
    }

    /// Opens the model on the CPU with its cache in 8 bits, and runs it on a few tokens. `scales` are those of each input of the cache.
    ///
    /// # Errors
    /// The runtime or the model cannot do that.
    pub(crate) fn open_quantised(&self, scales: &BTreeMap<String, Vec<f32>>) -> Result<Evaluator, LoadError> {
        let fault = |reason: String| self.source.fault(&self.file, &reason, "Keep the KV cache as it is");
        let content = self.source.read(&self.file)?;
        let edited = quantise_cache(&content, scales).map_err(|error| fault(error.to_string()))?;
        drop(content);
        let session = session::open(&self.source, &self.file, self.threads, Provider::Cpu, Some(&edited))?;
        drop(edited);
        let graph = self.read(&session)?;
        if let Some(other) = graph.caches.iter().find(|cache| cache.element != Element::Int8) {
            return Err(fault(format!("its cache {} belongs to an attention of another kind", other.past)));
        }
        // A number takes one byte. The runtime need not check how many scales there are.
        let fits = |cache: &CacheSpec| scales.get(&cache.past).map(Vec::len) == Some(cache.bytes_per_token());
        if !graph.caches.iter().all(fits) {
            return Err(fault("the number of scales is not that of its channels".to_owned()));
        }
        Evaluator::new(session, graph, &self.source, &self.file, self.limits, CacheMemory::Host)
    }

    /// The caches of its layers, if they can be stored in 8 bits.
    ///
    /// # Errors
    /// The reason why they cannot.
    pub(crate) fn layer_caches(&self) -> Result<Vec<LayerCache>, String> {
        let content = self.source.read(&self.file).map_err(|error| error.cause)?;
        layer_caches(&content).map_err(|error| error.to_string())
    }

    fn read(&self, session: &HeldSession) -> Result<Graph, LoadError> {
        Graph::read(session, &self.source, &self.file, &self.config)
    }
}
