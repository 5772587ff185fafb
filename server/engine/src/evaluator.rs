//! Evaluating tokens: one session with its prefix cache. Invariant: after any call, successful or not, every slot's tokens
//! are those in its tensors; whether past and present may share memory was tried out on the model itself.

use std::time::{Duration, Instant};

use fimble_model::{LoadError, TokenId};

use crate::cache_memory::CacheMemory;
use crate::files::ModelSource;
use crate::graph::{CacheSpec, Graph, Role};
use crate::kv_cache::KvCache;
use crate::memory::HeldSession;
use crate::model_runner::{ModelRunner, read_rows};
use crate::providers::Trial;
use crate::speculate::{Speculation, SpeculationStats};

/// Logits of one run take at most this many bytes: a model with a large vocabulary that computes them for every position
/// would otherwise need more memory for them than for itself.
const MOST_LOGITS_BYTES: usize = 32 << 20;

/// For how many of the evaluated tokens logits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// For the last one.
    Last,
    /// For all.
    All,
    /// For none: more of the prompt follows.
    Nothing,
}

/// Limits of an evaluator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) kv_slots: usize,
    pub(crate) kv_bytes: usize,
    pub(crate) max_tokens: usize,
    pub(crate) prefill_chunk: usize,
    pub(crate) speculation: Speculation,
}

/// Opens the evaluator that replaces one whose run failed, for this reason.
pub(crate) type Fallback = Box<dyn FnOnce(&str) -> Result<Evaluator, String> + Send>;

/// A session with its cache.
pub(crate) struct Evaluator {
    runner: ModelRunner,
    cache: KvCache,
    chunk: usize,
    max_tokens: usize,
    vocabulary: usize,
    /// Logits of the last call, row after row.
    logits: Vec<f32>,
    /// The slot of the work under way, emptied if that fails.
    current: Option<usize>,
    speculation_stats: SpeculationStats,
    fallback: Option<Fallback>,
    /// Where the cache is.
    memory: CacheMemory,
}

impl Evaluator {
    /// Prepares a session. Runs it on a few tokens, to see that it works and whether past and present may share memory.
    pub(crate) fn new(
        session: HeldSession,
        graph: Graph,
        source: &ModelSource,
        file: &str,
        limits: Limits,
        memory: CacheMemory,
    ) -> Result<Self, LoadError> {
        let fault = |reason: String| {
            source.fault(
                file,
                &format!("the model cannot be run ({reason})"),
                "Choose another export of the model, or another of its ONNX files",
            )
        };
        let mut runner = ModelRunner::new(session, graph).map_err(fault)?;
        let reference = runner.try_out(false, &CacheMemory::Host).map_err(fault)?;
        let width = reference.first().map_or(0, Vec::len);
        if width == 0 {
            return Err(fault("it computes no logits".to_owned()));
        }
        let mut works = |shared, memory: &CacheMemory| {
            runner.try_out(shared, memory).is_ok_and(|logits| agree(&reference, &logits, tolerance(memory)))
        };
        // In the memory of a device even a cache that is made anew in every step is better off than in another one.
        let (shared, memory) = if works(true, &memory) {
            (true, memory)
        } else if memory.is_device() && works(false, &memory) {
            (false, memory)
        } else {
            (memory.is_device() && works(true, &CacheMemory::Host), CacheMemory::Host)
        };
        tracing::debug!(shared, in_device = memory.is_device(), vocabulary = width, "model tried out");
        let per_position = width * runner.graph().logits_float.size();
        let computes_all = !runner.graph().has(Role::LogitsToKeep) && !runner.graph().last_logits_only;
        let chunk = if runner.graph().one_token {
            1
        } else if computes_all {
            limits.prefill_chunk.min((MOST_LOGITS_BYTES / per_position).max(16))
        } else {
            limits.prefill_chunk
        };
        // Draft tokens can be verified only by a graph that computes logits for every token of a pass.
        let verifies = !runner.graph().one_token && !runner.graph().last_logits_only;
        let speculation = if verifies { limits.speculation } else { Speculation::Never };
        let specs = runner.graph().caches.clone();
        Ok(Self {
            cache: KvCache::new(
                specs,
                shared,
                memory.clone(),
                limits.kv_slots,
                limits.max_tokens,
                limits.kv_bytes,
            ),
            chunk: chunk.max(1),
            max_tokens: limits.max_tokens,
            vocabulary: width,
            logits: Vec::new(),
            current: None,
            speculation_stats: SpeculationStats::new(speculation),
            fallback: None,
            memory,
            runner,
        })
    }

    /// Bytes of a slot's tensors that are in ordinary memory.
    #[cfg(test)]
    pub(crate) fn n_host_bytes(&self, slot: usize) -> usize {
        use crate::cache_memory::CacheTensor;
        let n_bytes = |tensor: &CacheTensor| match tensor {
            CacheTensor::Host(tensor) => tensor.bytes().len(),
            CacheTensor::Device(_) => 0,
        };
        self.cache.slot(slot).tensors().iter().map(n_bytes).sum()
    }

    /// Lets so many runs pass, and none after them.
    #[cfg(test)]
    pub(crate) fn fail_after(&mut self, n_runs: usize) {
        self.runner.fail_after(n_runs);
    }

    /// Sets the fallback. It replaces this evaluator in the first run that fails, and in all further ones.
    pub(crate) fn set_fallback(&mut self, fallback: Fallback) {
        self.fallback = Some(fallback);
    }

    /// Memory of one token of the cache in bytes.
    pub(crate) fn kv_bytes_per_token(&self) -> usize {
        self.cache.bytes_per_token()
    }

    /// Width of the logits.
    pub(crate) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Longest sequence.
    pub(crate) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// How many tokens to hand over at once.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Whether past and present are the same memory.
    pub(crate) fn shares_memory(&self) -> bool {
        self.cache.is_shared()
    }

    /// Whether the cache is in the memory of a device.
    pub(crate) fn is_in_device(&self) -> bool {
        self.memory.is_device()
    }

    /// Chooses a slot for a prompt. Returns the slot and how many of the prompt's tokens it already holds.
    pub(crate) fn take(&mut self, prompt: &[TokenId]) -> Result<(usize, usize), String> {
        let mut taken = self.cache.take(prompt);
        if let Err(reason) = &taken
            && let Some(fallback) = self.fallback.take()
        {
            *self = fallback(reason)?;
            taken = self.cache.take(prompt);
        }
        let slot = taken?;
        self.current = Some(slot);
        Ok((slot, self.cache.slot(slot).len()))
    }

    /// Tokens that a slot holds.
    pub(crate) fn n_cached(&self, slot: usize) -> usize {
        self.cache.slot(slot).len()
    }

    /// Empties a slot.
    pub(crate) fn clear(&mut self, slot: usize) {
        self.cache.clear(slot);
    }

    /// Empties the slot of work that ended in a panic.
    pub(crate) fn clear_current(&mut self) {
        if let Some(slot) = self.current.take() {
            self.cache.clear(slot);
        }
    }

    /// Evaluates tokens after those of a slot, which then holds them too. At most [`Evaluator::chunk`] tokens. Returns
    /// the logits, row after row; what was not wanted may be missing. A failure empties the slot.
    pub(crate) fn evaluate(
        &mut self,
        slot: usize,
        tokens: &[TokenId],
        wanted: Wanted,
    ) -> Result<&[f32], String> {
        let mut done = self.try_evaluate(slot, tokens, wanted);
        if let Err(reason) = &done
            && let Some(fallback) = self.fallback.take()
        {
            done =
                self.fall_back(slot, fallback, reason).and_then(|()| self.try_evaluate(slot, tokens, wanted));
        }
        match done {
            Ok(()) => Ok(&self.logits),
            Err(reason) => {
                self.cache.clear(slot);
                Err(reason)
            }
        }
    }

    /// Replaces the session: the fallback evaluates the tokens of the slot, so that the running work continues. The other slots are lost
    /// with the session that failed.
    fn fall_back(&mut self, slot: usize, fallback: Fallback, reason: &str) -> Result<(), String> {
        let held = self.cache.slot(slot).tokens().to_vec();
        *self = Self { current: self.current, ..fallback(reason)? };
        for part in held.chunks(self.chunk) {
            self.try_evaluate(slot, part, Wanted::Nothing)?;
        }
        Ok(())
    }

    /// Times a chunk and a few tokens after it, about what a keystroke costs. Leaves the cache empty.
    pub(crate) fn measure(&mut self) -> Result<Trial, String> {
        const N_STEPS: usize = 8;
        let chunk = vec![0; self.chunk.min(self.max_tokens.saturating_sub(N_STEPS)).max(1)];
        let (slot, _) = self.take(&chunk)?;
        let mut trial = Trial { elapsed: Duration::MAX, logits: Vec::new() };
        // The first round pays for kernels and memory that the second finds ready.
        for _ in 0..2 {
            self.clear(slot);
            let started = Instant::now();
            self.evaluate(slot, &chunk, Wanted::Last)?;
            for _ in 0..N_STEPS.min(self.max_tokens - chunk.len()) {
                self.evaluate(slot, &[1], Wanted::Last)?;
            }
            trial = Trial { elapsed: started.elapsed(), logits: self.logits.clone() };
        }
        self.clear(slot);
        Ok(trial)
    }

    /// Reads a text from its beginning. Returns its slot, and the logits after each part of so many tokens.
    pub(crate) fn read_text(
        &mut self,
        tokens: &[TokenId],
        part: usize,
    ) -> Result<(usize, Vec<Vec<f32>>), String> {
        let slot = self.take(tokens)?.0;
        self.clear(slot);
        let parts = tokens.chunks(part.clamp(1, self.chunk));
        let rows = parts.map(|part| Ok(self.evaluate(slot, part, Wanted::Last)?.to_vec()));
        Ok((slot, rows.collect::<Result<_, String>>()?))
    }

    /// The tensors of the cache, in their order.
    pub(crate) fn cache_specs(&self) -> &[CacheSpec] {
        self.cache.specs()
    }

    /// The numbers that a slot holds in one of its tensors, row after row. None where they are quantised.
    pub(crate) fn cached_numbers(&self, slot: usize, tensor: usize) -> Result<Option<Vec<f32>>, String> {
        self.cache.numbers(slot, tensor)
    }

    /// The logits of the last evaluation.
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Cuts a slot back to its first tokens; a failure empties it.
    pub(crate) fn cut_back(&mut self, slot: usize, n_tokens: usize) -> Result<(), String> {
        self.cache.cut_back(slot, n_tokens)
    }

    /// Statistics of passes and draft tokens.
    pub(crate) fn speculation_stats(&mut self) -> &mut SpeculationStats {
        &mut self.speculation_stats
    }

    fn try_evaluate(&mut self, slot: usize, tokens: &[TokenId], wanted: Wanted) -> Result<(), String> {
        let past = self.cache.slot(slot).len();
        self.cache.reserve(slot, past + tokens.len())?;
        let shared = self.cache.is_shared();
        let (logits, presents) = self.runner.step(
            self.cache.slot(slot).tensors(),
            past,
            tokens,
            (shared, &self.memory),
            wanted == Wanted::All,
        )?;
        self.cache.append(slot, tokens, presents);
        self.logits.clear();
        match wanted {
            Wanted::Nothing => {}
            Wanted::Last => read_rows(&logits, self.runner.graph().logits_float, 1, &mut self.logits),
            Wanted::All => {
                read_rows(&logits, self.runner.graph().logits_float, tokens.len(), &mut self.logits)
            }
        }
        Ok(())
    }
}

/// How far logits may be apart, relative to the largest: the kernels of devices add in fewer bits.
fn tolerance(memory: &CacheMemory) -> f32 {
    if memory.is_device() { 1e-2 } else { 1e-3 }
}

/// Whether two runs of the same tokens gave the same logits, up to the rounding of another order of additions.
fn agree(left: &[Vec<f32>], right: &[Vec<f32>], tolerance: f32) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            let largest = left.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let tolerance = tolerance * largest + f32::EPSILON;
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| (left - right).abs() <= tolerance)
        })
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn rounding_agrees_and_a_different_token_does_not() {
        let reference = vec![vec![1.0, -4.0, 0.5]];
        assert!(agree(&reference, &[vec![1.0001, -4.0, 0.5001]], 1e-3));
        assert!(!agree(&reference, &[vec![1.1, -4.0, 0.5]], 1e-3));
        assert!(!agree(&reference, &[vec![f32::NAN, -4.0, 0.5]], 1e-3));
        assert!(!agree(&reference, &[], 1e-3));
    }
}
