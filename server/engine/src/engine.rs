//! A loaded model; its generations are step 7 of a keystroke. Invariant: loading either gives a model that has been run once, or one error that names the file at
//! fault; callers on any thread wait their turn and never see the session.

mod as_embedder;
mod as_model;
mod options;
mod standby;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::fim::FimTemplate;
use fimble_model::{
    CancelToken, ErrorCode, GenerateOptions, GenerateRequest, Generation, Grammar, LoadError, ModelError,
    ModelInfo, Priority, Provider, TokenId, TokenObserver,
};
use fimble_ngram::ProjectCache;

use crate::chat_template::ChatTemplate;
use crate::evaluator::{Evaluator, Limits};
use crate::evaluator_spec::EvaluatorSpec;
use crate::files::ModelSource;
use crate::generate::{self, Task};
use crate::grammar::{FormedText, Grammars};
use crate::layout::{ModelConfig, choose_onnx_file, weight_bytes};
use crate::memory;
use crate::panics::contain;
use crate::project_cache;
use crate::providers::{self, Chosen, System};
use crate::score;
use crate::smaller_cache::{self, Opened, WantedCache};
use crate::speed::SpeedMeter;
use crate::threads::default_threads;
use crate::tokenizer::{TextTokenizer, TokenizedPrompt};
use crate::worker::Worker;

use as_embedder::Embedding;
pub use options::EngineOptions;
use options::{default_kv_bytes, unfit};
use standby::Standby;

/// Weights of a model that was not measured, from which on it is taken to write several lines well; bytes.
const LEAST_FOR_CODE: u64 = 200 << 20;
/// Context of a model that does not say how long its own is.
const UNKNOWN_CONTEXT: usize = 2048;

/// The longest time that a generation waits until its own document is in the project cache: some hundred lines around the cursor.
const CATCH_UP: Duration = Duration::from_millis(10);

/// A model in this process.
pub struct Engine {
    info: ModelInfo,
    /// Its description after its provider failed.
    fallback_info: Arc<OnceLock<ModelInfo>>,
    notices: Arc<Mutex<Vec<String>>>,
    tokenizer: Arc<TextTokenizer>,
    end_tokens: Arc<[TokenId]>,
    /// Made when a form is first asked for.
    grammars: Arc<OnceLock<Result<Grammars, String>>>,
    /// What makes it one that turns texts into vectors; none for one that continues them.
    embedding: Option<Embedding>,
    /// How it is spoken to, or why it cannot be.
    pub(crate) chat: Arc<Result<ChatTemplate, String>>,
    /// Code actions that the model was measured to do badly.
    pub(crate) weak_actions: Vec<String>,
    speed: Arc<Mutex<SpeedMeter>>,
    most_per_chunk: usize,
    /// A new trial of a smaller cache.
    cache_trial: Option<String>,
    /// None where it is off.
    project: Option<Arc<ProjectCache>>,
    /// Most bytes of a project cache.
    project_bytes: usize,
    worker: Arc<Worker>,
    /// The last field: it is dropped last.
    _trim: Arc<memory::TrimAtEnd>,
}

impl Engine {
    /// Loads a model. [`crate::runtime::initialize`] must have succeeded before.
    ///
    /// # Errors
    /// The runtime is not loaded; a file is missing, truncated, or not what its name says; or the model is of a kind that
    /// cannot be served. The error names the file and what to do.
    pub fn load(source: ModelSource, options: EngineOptions) -> Result<Self, LoadError> {
        contain(|| Self::try_load(&source, &options)).unwrap_or_else(|reason| {
            Err(LoadError {
                code: ErrorCode::InternalError,
                cause: format!("loading the model {:?} ended in a panic: {reason}", source.name()),
                remedy: "Download or copy the model again, or choose another one".to_owned(),
            })
        })
    }

    fn try_load(source: &ModelSource, options: &EngineOptions) -> Result<Self, LoadError> {
        let started = Instant::now();
        let config = ModelConfig::read(source)?;
        let file = choose_onnx_file(source, &config, options.onnx_file.as_deref())?;
        let tokenizer = TextTokenizer::load(source, &config)?;
        let threads = options.threads.unwrap_or_else(default_threads).max(1);
        let own_context = config.context_length.filter(|length| *length > 0).unwrap_or(UNKNOWN_CONTEXT);
        let context_length = options.max_context.map_or(own_context, |most| most.clamp(1, own_context));
        let weight_bytes = weight_bytes(source, &file);
        let limits = Limits {
            kv_slots: options.kv_slots,
            kv_bytes: options.kv_bytes.unwrap_or(default_kv_bytes(weight_bytes)),
            max_tokens: context_length,
            prefill_chunk: options.prefill_chunk,
            speculation: options.speculation,
        };
        let spec = Arc::new(EvaluatorSpec { source: source.clone(), config, file, threads, limits });
        let EvaluatorSpec { config, file, .. } = &*spec;
        let plan = providers::plan(options.provider, System::here(), &providers::missing_here);
        let wanted = WantedCache { precision: options.kv_precision, trial: options.cache_trial.as_deref() };
        let Opened { chosen, is_quantised, notice: of_cache, trial } =
            smaller_cache::open(&spec, &tokenizer, plan, wanted)?;
        let Chosen { provider, ready: mut evaluator, reasons, notice } = chosen;
        let of_output = || evaluator.vocabulary();
        let vocabulary = config.pooling.map_or_else(of_output, |_| config.vocabulary.unwrap_or_default());
        if tokenizer.bytes().n_ids() > vocabulary {
            return Err(source.fault(
                "tokenizer.json",
                &format!(
                    "it has tokens up to {}, and the model knows {vocabulary}",
                    tokenizer.bytes().n_ids() - 1
                ),
                "Use the tokenizer.json that belongs to the model",
            ));
        }
        let (shares_memory, in_device) = (evaluator.shares_memory(), evaluator.is_in_device());
        let embedding = config.pooling.map(|pooling| Embedding {
            pooling,
            eos: config.eos_text.as_ref().and_then(|text| tokenizer.id_of(text)),
        });
        let fim = match embedding {
            None => FimTemplate::detect(&tokenizer),
            Some(_) => Err("it turns texts into vectors".to_owned()),
        };
        let mut end_tokens = config.end_tokens.clone();
        end_tokens.extend(config.end_token_texts.iter().filter_map(|text| tokenizer.id_of(text)));
        end_tokens.extend(fim.iter().flat_map(FimTemplate::stop_tokens));
        let chat = match embedding {
            None => ChatTemplate::read(source),
            Some(_) => Err(format!("The model {} turns texts into vectors.", source.name())),
        };
        end_tokens.extend(chat.iter().filter_map(|template| template.end_of_turn(&tokenizer)));
        let info = ModelInfo {
            name: source.name(),
            provider: providers::describe(provider, threads, is_quantised, &reasons),
            context_length,
            vocabulary,
            fim,
            bos: tokenizer.bos(),
            weight_bytes,
            calibration: options.calibration,
            writes_code: options.writes_code.unwrap_or(weight_bytes >= LEAST_FOR_CODE),
            load_time: started.elapsed(),
        };
        tracing::info!(name = %info.name, provider = %info.provider, file, context_length, shares_memory, in_device, load = ?info.load_time, "model loaded");
        let per_token = evaluator.kv_bytes_per_token();
        let notices =
            notice.into_iter().chain(of_cache).chain(unfit(options, own_context, per_token)).collect();
        let notices = Arc::new(Mutex::new(notices));
        let fallback_info = Arc::new(OnceLock::new());
        if provider != Provider::Cpu {
            let standby = Standby {
                spec: Arc::clone(&spec),
                provider,
                info: info.clone(),
                fallback_info: Arc::clone(&fallback_info),
                notices: Arc::clone(&notices),
            };
            evaluator.set_fallback(Box::new(move |reason| standby.take_over(reason)));
        }
        memory::tidy_up_after_loading();
        let worker = Worker::start(evaluator).map_err(|error| LoadError {
            code: ErrorCode::ThreadNotStarted,
            cause: format!("the engine's thread cannot be started ({error})"),
            remedy: "Close other programs and try again".to_owned(),
        })?;
        let tokenizer = Arc::new(tokenizer);
        let (speed, most_per_chunk) = (Arc::default(), options.prefill_chunk);
        let project = project_cache::is_wanted(options.project_cache, weight_bytes)
            .then(|| Arc::new(ProjectCache::new(options.project_cache_bytes, Arc::clone(&tokenizer) as _)));
        Ok(Self {
            info,
            fallback_info,
            notices,
            tokenizer,
            end_tokens: end_tokens.into(),
            grammars: Arc::default(),
            embedding,
            chat: Arc::new(chat),
            weak_actions: options.weak_actions.clone(),
            speed,
            most_per_chunk,
            cache_trial: trial,
            project,
            project_bytes: options.project_cache_bytes,
            worker: Arc::new(worker),
            _trim: Arc::new(memory::TrimAtEnd),
        })
    }

    /// The same model for another project: the weights, the KV cache and the thread are shared, the project cache is a new one.
    #[must_use]
    pub fn for_other_project(&self) -> Self {
        let new = |_: &Arc<ProjectCache>| {
            Arc::new(ProjectCache::new(self.project_bytes, Arc::clone(&self.tokenizer) as _))
        };
        Self {
            info: self.info.clone(),
            fallback_info: Arc::clone(&self.fallback_info),
            notices: Arc::clone(&self.notices),
            tokenizer: Arc::clone(&self.tokenizer),
            end_tokens: Arc::clone(&self.end_tokens),
            grammars: Arc::clone(&self.grammars),
            embedding: self.embedding,
            chat: Arc::clone(&self.chat),
            weak_actions: self.weak_actions.clone(),
            speed: Arc::clone(&self.speed),
            most_per_chunk: self.most_per_chunk,
            cache_trial: None,
            project: self.project.as_ref().map(new),
            project_bytes: self.project_bytes,
            worker: Arc::clone(&self.worker),
            _trim: Arc::clone(&self._trim),
        }
    }

    /// Adds a deviation from the settings, in whole sentences for people.
    pub fn add_notice(&self, notice: String) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }

    /// The trial of a smaller KV cache that was made while the model was loaded, to be kept for the next time
    /// ([`EngineOptions::cache_trial`]). None if none was needed.
    #[must_use]
    pub fn cache_trial(&self) -> Option<&str> {
        self.cache_trial.as_deref()
    }

    /// Names of the code actions that it was measured to do badly.
    #[must_use]
    pub fn weak_actions(&self) -> &[String] {
        &self.weak_actions
    }

    /// The tokens of a text, special tokens in it not recognised.
    ///
    /// # Errors
    /// The tokenizer failed.
    pub fn tokenize(&self, text: &str) -> Result<Vec<TokenId>, ModelError> {
        self.tokenizer.encode(text).map_err(ModelError::Engine)
    }

    /// Raw logits, one row per position, for checks and benchmarks: those after the last token, computed with the help
    /// of the prefix cache as in a generation, or with `all` those after every token, computed without it.
    ///
    /// # Errors
    /// The tokens do not fit the context, or the engine failed. With `all`, models that compute only the last position
    /// fail or return fewer rows.
    pub fn logits(&self, tokens: &[TokenId], all: bool) -> Result<Vec<Vec<f32>>, ModelError> {
        let tokens = tokens.to_vec();
        self.worker.run(Priority::Interactive, move |evaluator, _| generate::logits(evaluator, &tokens, all))
    }

    /// Natural logarithm of the probability that a request is answered with `text`, in the tokens that the tokenizer cuts it
    /// into, for evaluations: as a generation weighs tokens, with healing and the project's memory.
    ///
    /// # Errors
    /// Prompt and text do not fit the context, or the engine failed.
    pub fn log_probability(&self, request: GenerateRequest, text: &str) -> Result<f64, ModelError> {
        let text = text.to_owned();
        self.run_short(request, &CancelToken::new(), move |evaluator, tokenizer, task| {
            score::score(evaluator, tokenizer, task, &text)
        })
    }

    /// Runs work behind a short prompt, which has no observer and never yields to other work.
    fn run_short<T: Send + 'static>(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        work: impl FnOnce(&mut Evaluator, &TextTokenizer, &Task<'_>) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        self.check_continues()?;
        let prompt = self.tokenizer.encode_prompt(&request.prompt).map_err(ModelError::Engine)?;
        let (tokenizer, end_tokens) = (Arc::clone(&self.tokenizer), Arc::clone(&self.end_tokens));
        let (project, cancel) = (self.project.clone(), cancel.clone());
        let chunk = self.speed().chunk(request.priority, self.most_per_chunk);
        let options = request.options;
        self.worker.run(request.priority, move |evaluator, preemption| {
            let task = Task {
                prompt,
                options: &options,
                end_tokens: &end_tokens,
                project: project.as_deref(),
                form: None,
                observer: Box::new(|_, _| ControlFlow::Continue(())),
                stopped: &|| cancel.is_cancelled() || preemption.is_due(),
                yield_to_others: &|_| false,
                chunk,
            };
            work(evaluator, &tokenizer, &task)
        })
    }

    fn speed(&self) -> MutexGuard<'_, SpeedMeter> {
        self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// Generates from a prompt whose tokenising began when the request arrived.
    pub(crate) fn generate_from(
        &self,
        prompt: TokenizedPrompt,
        options: GenerateOptions,
        priority: Priority,
        arrived: Instant,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        self.check_continues()?;
        let tokenize = arrived.elapsed();
        let form = options.grammar.as_ref().map(|grammar| self.form(grammar)).transpose()?;
        let queued = Instant::now();
        let tokenizer = Arc::clone(&self.tokenizer);
        let end_tokens = Arc::clone(&self.end_tokens);
        let cancel = cancel.clone();
        let chunk = self.speed().chunk(priority, self.most_per_chunk);
        let project = self.project.clone();
        let generation = self.worker.run(priority, move |evaluator, preemption| {
            let stopped = || cancel.is_cancelled() || preemption.is_due();
            if let (Some(project), Some(place)) = (&project, &options.project) {
                let start = Instant::now();
                project.catch_up(&place.source, place.line, &|| stopped() || start.elapsed() >= CATCH_UP);
            }
            let queue = queued.elapsed();
            let yield_to_others = |evaluator: &mut Evaluator| preemption.yield_to_others(evaluator);
            let task = Task {
                prompt,
                options: &options,
                end_tokens: &end_tokens,
                project: project.as_deref(),
                form,
                observer,
                stopped: &stopped,
                yield_to_others: &yield_to_others,
                chunk,
            };
            let mut generation = generate::generate(evaluator, &tokenizer, task)?;
            generation.usage.queue = queue;
            generation.usage.tokenize = tokenize;
            Ok(generation)
        })?;
        // The time of work that pauses for other work is no measure of speed.
        if priority != Priority::Background {
            self.speed().note(&generation.usage);
        }
        Ok(generation)
    }

    fn form(&self, grammar: &Grammar) -> Result<FormedText, ModelError> {
        let grammars = self.grammars.get_or_init(|| Grammars::new(&self.tokenizer, &self.end_tokens));
        let grammars = grammars.as_ref().map_err(|reason| ModelError::Engine(reason.clone()))?;
        grammars.begin(grammar).map_err(ModelError::Grammar)
    }

    /// Waits until everything that was remembered has taken effect. For tests and benchmarks.
    pub fn settle(&self) {
        self.worker.settle();
    }

    /// Memory that the project takes in bytes, about.
    pub fn project_bytes(&self) -> usize {
        self.project.as_ref().map_or(0, |project| project.n_bytes())
    }

    /// Interactive requests that wait for their turn.
    pub fn n_waiting(&self) -> usize {
        self.worker.n_waiting()
    }

    /// Whether the keys and values of past and present are the same memory, so that cutting the cache copies nothing.
    ///
    /// # Errors
    /// The engine failed.
    pub fn shares_memory(&self) -> Result<bool, ModelError> {
        self.worker.run(Priority::Interactive, |evaluator, _| Ok(evaluator.shares_memory()))
    }
}

#[cfg(test)]
mod tests;
