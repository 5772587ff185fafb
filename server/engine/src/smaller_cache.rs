//! Opening a model with the cache that the settings ask for. Invariant: a cache in 8 bits is used only if the model's predictions were
//! found to stay close with it, on the same files and the same runtime; otherwise the exact one is used, and a notice says why.

use fimble_model::fim::{FimParts, FimTemplate};
use fimble_model::{KvPrecision, LoadError, Piece, Prompt, Provider, TokenId};

use crate::cache_trial::{self, CacheTrial, Extremes};
use crate::element::{Element, Float};
use crate::evaluator::Evaluator;
use crate::evaluator_spec::EvaluatorSpec;
use crate::layout::data_files;
use crate::providers::{self, Chosen, Plan};
use crate::runtime;
use crate::session::essence;
use crate::tokenizer::TextTokenizer;

/// Code and prose of several languages, in which numbers of all sizes occur.
const TEXT: &str = include_str!("calibration_text.txt");
/// Predictions are compared after so many tokens each.
const COMPARED_EVERY: usize = 8;
/// How far the predictions may move on average: the divergence of Kullback and Leibler from the exact ones, in nats.
const MOST_DIVERGENCE: f64 = 0.05;

/// A model that was opened.
pub(crate) struct Opened {
    pub(crate) chosen: Chosen<Evaluator>,
    /// Whether its cache is in 8 bits.
    pub(crate) is_quantised: bool,
    /// Why it is the exact cache, if another one was asked for.
    pub(crate) notice: Option<String>,
    /// A trial that was made, for the next time.
    pub(crate) trial: Option<String>,
}

/// What is wanted of the cache.
#[derive(Clone, Copy)]
pub(crate) struct WantedCache<'a> {
    pub(crate) precision: KvPrecision,
    /// The trial of an earlier time.
    pub(crate) trial: Option<&'a str>,
}

/// Opens a model. Where a cache in 8 bits is wanted and there is no trial yet, one is made: texts are read, and the model is opened
/// twice, one after the other.
///
/// # Errors
/// The model cannot be opened with the exact cache either.
pub(crate) fn open(
    spec: &EvaluatorSpec,
    tokenizer: &TextTokenizer,
    plan: Plan,
    wanted: WantedCache<'_>,
) -> Result<Opened, LoadError> {
    let choose = |plan: Plan, open: &mut dyn FnMut(Provider) -> Result<Evaluator, LoadError>| {
        providers::choose(plan, open, &mut Evaluator::measure)
    };
    let exactly = |chosen, notice| Opened { chosen, is_quantised: false, notice, trial: None };
    let quantised = |chosen, trial| Opened { chosen, is_quantised: true, notice: None, trial };
    let open_exact = &mut |provider| spec.open(provider);
    if wanted.precision != KvPrecision::Int8 {
        let chosen = choose(plan, open_exact)?;
        let is_missed = wanted.precision == KvPrecision::Fp16 && !is_half(&chosen.ready);
        return Ok(exactly(chosen, is_missed.then(no_half)));
    }
    let subject = subject(spec);
    let stored =
        wanted.trial.zip(subject.as_deref()).and_then(|(text, subject)| CacheTrial::parse(text, subject));
    if let Some(CacheTrial { failure: None, scales, .. }) = &stored
        && plan.tries.is_empty()
        && let Ok(chosen) = choose(plan.clone(), &mut |_| spec.open_quantised(scales))
    {
        return Ok(quantised(chosen, None));
    }
    let Chosen { provider, ready: mut exact, reasons, notice } = choose(plan, open_exact)?;
    let chosen = |ready| Chosen { provider, ready, reasons, notice };
    if provider != Provider::Cpu {
        let cause = format!("{provider} computes, and only the CPU reads such a cache here");
        return Ok(exactly(chosen(exact), Some(refusal(&cause))));
    }
    if let Some(CacheTrial { failure: Some(cause), .. }) = &stored {
        return Ok(exactly(chosen(exact), Some(refusal(cause))));
    }
    let reference = match ExactReference::new(spec, tokenizer, &mut exact) {
        Ok(reference) => reference,
        Err(cause) => return Ok(exactly(chosen(exact), Some(refusal(&cause)))),
    };
    // Both at once would need the memory of two models.
    drop(exact);
    let mut trial =
        CacheTrial { subject: subject.clone().unwrap_or_default(), failure: None, scales: reference.scales };
    let opened = compare(spec, &trial, &reference.tokens, &reference.rows);
    trial.failure = opened.as_ref().err().cloned();
    // What a model in memory is cannot be told the next time.
    let text = subject.map(|_| trial.to_text());
    match opened {
        Ok(ready) => Ok(quantised(chosen(ready), text)),
        Err(cause) => {
            let chosen = chosen(spec.open(Provider::Cpu)?);
            Ok(Opened { trial: text, ..exactly(chosen, Some(refusal(&cause))) })
        }
    }
}

/// What the exact cache gives: the scales, and predictions to compare with.
struct ExactReference {
    scales: std::collections::BTreeMap<String, Vec<f32>>,
    /// A prompt, and the exact predictions along it.
    tokens: Vec<TokenId>,
    rows: Vec<Vec<f32>>,
}

impl ExactReference {
    fn new(spec: &EvaluatorSpec, tokenizer: &TextTokenizer, exact: &mut Evaluator) -> Result<Self, String> {
        let layers = spec.layer_caches()?;
        let [plain, prompt, tokens] = texts(tokenizer, exact.max_tokens())?;
        let mut extremes = Extremes::default();
        for tokens in [plain, prompt] {
            let (slot, _) = exact.read_text(&tokens, exact.chunk())?;
            extremes.add(exact, slot, &layers)?;
        }
        let (_, rows) = exact.read_text(&tokens, COMPARED_EVERY)?;
        Ok(Self { scales: extremes.into_scales(), tokens, rows })
    }
}

/// Opens the model with a cache in 8 bits and compares its predictions with the exact ones.
fn compare(
    spec: &EvaluatorSpec,
    trial: &CacheTrial,
    tokens: &[TokenId],
    exact: &[Vec<f32>],
) -> Result<Evaluator, String> {
    let cannot =
        |reason: &str| format!("ONNX Runtime cannot compute this model with it ({})", essence(reason));
    let mut evaluator = spec.open_quantised(&trial.scales).map_err(|error| cannot(&error.cause))?;
    let (slot, rows) = evaluator.read_text(tokens, COMPARED_EVERY).map_err(|reason| cannot(&reason))?;
    evaluator.clear(slot);
    let divergence = cache_trial::divergence(exact, &rows);
    tracing::info!(divergence, "a KV cache in 8 bits was tried out");
    if divergence <= MOST_DIVERGENCE {
        return Ok(evaluator);
    }
    Err(format!(
        "the predictions of this model move by {divergence:.2} nats with it, and at most {MOST_DIVERGENCE} are allowed"
    ))
}

/// The tokens of a plain text and of two prompts, which have the control tokens of prompts.
fn texts(tokenizer: &TextTokenizer, most: usize) -> Result<[Vec<TokenId>; 3], String> {
    let line_at = |eighths: usize| {
        let start = TEXT.len() * eighths / 8;
        let end = TEXT.bytes().skip(start).position(|byte| byte == b'\n');
        end.map_or(TEXT.len(), |end| start + end + 1)
    };
    let [four, five, six, seven] = [4, 5, 6, 7].map(line_at);
    let mut plain: Vec<_> = tokenizer.bos().into_iter().collect();
    plain.extend(tokenizer.encode(&TEXT[..four])?);
    let template = FimTemplate::detect(tokenizer);
    let prompt = |prefix: &str, suffix: &str| -> Result<Vec<TokenId>, String> {
        let prompt = match &template {
            Ok(template) => template.render(&FimParts {
                path: "",
                language: "",
                repository: "",
                snippets: &[],
                prefix,
                line: "",
                suffix,
            }),
            Err(_) => Prompt { pieces: vec![Piece::Text(format!("{prefix}{suffix}"))], ..Prompt::default() },
        };
        Ok(tokenizer.encode_prompt(&prompt)?.tokens)
    };
    let prompts = [prompt(&TEXT[four..five], &TEXT[five..six])?, prompt(&TEXT[six..seven], &TEXT[seven..])?];
    let [first, second] = prompts;
    let mut texts = [plain, first, second];
    for text in &mut texts {
        text.truncate(most);
    }
    Ok(texts)
}

fn is_half(evaluator: &Evaluator) -> bool {
    evaluator.cache_specs().iter().all(|spec| spec.element == Element::Float(Float::F16))
}

/// The files of the model and the runtime, of which a trial is true; none for a model in memory.
fn subject(spec: &EvaluatorSpec) -> Option<String> {
    let files = data_files(&spec.source, &spec.file);
    let states: Option<Vec<_>> =
        std::iter::once(&spec.file).chain(&files).map(|file| spec.source.state_of(file)).collect();
    let version = &runtime::loaded()?.version;
    Some(format!("{} with ONNX Runtime {version}", states?.join(", ")))
}

fn refusal(cause: &str) -> String {
    format!(
        "The KV cache is not kept in 8 bits: {cause}. The exact cache is used; set `experimental.kvCache` to \"auto\", or choose \
         another model."
    )
}

/// The notice where a cache in 16 bits is asked for and the model has another one. ONNX Runtime 1.31 takes such a cache for a model that
/// computes in 32 bits only by converting all of it in each pass: a layer with 2,048 positions took 0.66 ms instead of 0.35, and
/// 0.20 with 8 bits.
fn no_half() -> String {
    "The KV cache is not kept in 16 bits: only models that compute in 16 bits have such a cache. The exact cache is used; set \
     `experimental.kvCache` to \"int8\" for a smaller one, or to \"auto\"."
        .to_owned()
}
