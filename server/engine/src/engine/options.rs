//! How a model is run, and what of that it cannot do. Invariant: an option that does not fit the model stops nothing; there is
//! a sentence about it that says what is done instead.

use fimble_model::{Calibration, KvPrecision, ProjectCacheUse, Provider};

use crate::speculate::Speculation;

/// How a model is run.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineOptions {
    /// The execution provider. One that is missing or fails is replaced by the CPU.
    pub provider: Provider,
    /// Threads that compute; by default the physical cores, at most 8.
    pub threads: Option<usize>,
    /// Sequences whose keys and values are kept, at least 1.
    pub kv_slots: usize,
    /// Most memory for keys and values in bytes; by default half of that of the weights, and at least 24 MiB. The sequence
    /// being worked on is kept even if it alone needs more.
    pub kv_bytes: Option<usize>,
    /// In how many bits keys and values are kept. Where a model cannot do that, or not well, the exact cache is used.
    pub kv_precision: KvPrecision,
    /// What [`crate::Engine::cache_trial`] gave when the model was loaded before.
    pub cache_trial: Option<String>,
    /// Longest sequence of prompt and new tokens; the model's own context by default, and never more than that.
    pub max_context: Option<usize>,
    /// Tokens of a prompt that are evaluated at once. More is faster, fewer can be cancelled sooner.
    pub prefill_chunk: usize,
    /// Name of the ONNX file to load, with or without its folder, where a model has several. By default the one that a
    /// processor computes fastest.
    pub onnx_file: Option<String>,
    /// Whether to draft tokens that were read before, and to verify several in one pass. Affects time only, up to the
    /// rounding of the model's numbers.
    pub speculation: Speculation,
    /// Whether the project around the cursor is mixed into what the model finds likely.
    pub project_cache: ProjectCacheUse,
    /// Most memory for that, in bytes.
    pub project_cache_bytes: usize,
    /// Whether the model writes several lines well, if that was measured; none decides by its size.
    pub writes_code: Option<bool>,
    /// How likely what it writes is what was meant.
    pub calibration: Calibration,
    /// Names of the code actions that the model was measured to do badly: see [`fimble_model::Chat::does_well`].
    pub weak_actions: Vec<String>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            provider: Provider::Auto,
            threads: None,
            kv_slots: 4,
            kv_bytes: None,
            kv_precision: KvPrecision::default(),
            cache_trial: None,
            max_context: None,
            prefill_chunk: 64,
            onnx_file: None,
            speculation: Speculation::default(),
            project_cache: ProjectCacheUse::default(),
            project_cache_bytes: 32 << 20,
            writes_code: None,
            calibration: Calibration::default(),
            weak_actions: Vec::new(),
        }
    }
}

/// The options that do not fit the model, in sentences for people.
pub(super) fn unfit(options: &EngineOptions, own_context: usize, kv_bytes_per_token: usize) -> Vec<String> {
    /// The usual needs of a completion.
    const USUAL_TOKENS: usize = 1024;
    let mut sentences = Vec::new();
    if let Some(wanted) = options.max_context.filter(|wanted| *wanted > own_context) {
        sentences.push(format!(
            "A context of {wanted} tokens is wanted, and the model reads {own_context}. {own_context} are used; ask for no \
             more, or choose another model."
        ));
    }
    let tokens = options.max_context.unwrap_or(own_context).min(own_context).min(USUAL_TOKENS);
    let needed = tokens * kv_bytes_per_token;
    if let Some(allowed) = options.kv_bytes.filter(|allowed| *allowed < needed) {
        let megabytes = |bytes: usize| bytes.div_ceil(1 << 20);
        sentences.push(format!(
            "A cache of {} MB is allowed, and one sequence of {tokens} tokens takes {} MB with this model. One sequence at a \
             time is kept, over the limit where it has to be; set `experimental.kvMegabytes` to {} or more, or leave it out.",
            allowed >> 20,
            megabytes(needed),
            megabytes(needed * options.kv_slots.max(1)),
        ));
    }
    sentences
}

/// A cache in proportion to its model: a machine with enough memory for the weights has some more for it.
pub(super) fn default_kv_bytes(weight_bytes: u64) -> usize {
    usize::try_from(weight_bytes / 2).unwrap_or(usize::MAX).max(24 << 20)
}
