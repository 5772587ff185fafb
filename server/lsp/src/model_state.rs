//! The model: not asked for yet, loading, ready, or failed. Must hold: loading runs on its own thread; what a superseded
//! load reports is dropped; a failure leaves the server running without suggestions, with the cause at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, LoadError, Model, Priority, ProjectCacheUse, Prompt,
    Provider,
};

use crate::event::{Event, EventSender};
use crate::panics::contain;

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ModelRole {
    /// Completing code.
    #[default]
    Completion,
    /// Answering conversations.
    Chat,
}

/// What the user says about model servers; read by who connects to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkOptions {
    /// `host:port` of servers beyond this machine that may be spoken to.
    pub allow_remote: Vec<String>,
    /// Where keys are, by `host:port`: `env:NAME` or `file:PATH`.
    pub api_keys: BTreeMap<String, String>,
    /// Patterns of the paths whose text never leaves this machine.
    pub no_remote_paths: Vec<String>,
}

/// Which model is wanted, and how it is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ModelSettings {
    /// What it is for.
    pub role: ModelRole,
    /// The preferred one first: "bundled", the name of an added model, the path of a model folder, or a server; none lets the
    /// loader choose.
    pub names: Vec<String>,
    /// Threads that compute; none lets the engine choose.
    pub threads: Option<usize>,
    /// What computes.
    pub provider: Provider,
    /// Memory for keys and values in MB; none lets the engine choose.
    pub kv_megabytes: Option<usize>,
    /// Whether no tokens are guessed.
    pub without_guesses: bool,
    /// What model servers may be.
    pub network: NetworkOptions,
    /// Whether the project is mixed into what the model finds likely.
    pub project_cache: ProjectCacheUse,
    /// Memory for that in MB; none lets the engine choose.
    pub project_cache_megabytes: Option<usize>,
}

impl ModelSettings {
    /// What to call the model before it is loaded.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("the model in use", String::as_str)
    }
}

/// How far loading is.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadProgress {
    /// Part that is done, 0 to 1, if known.
    pub fraction: Option<f32>,
    /// What is being done, for people.
    pub message: String,
}

/// Loads a model. It may take seconds and may report progress.
pub type ModelLoader =
    Arc<dyn Fn(&ModelSettings, &dyn Fn(LoadProgress)) -> Result<Arc<dyn Model>, LoadError> + Send + Sync>;

/// What a load reports to the loop.
pub(crate) enum LoadReport {
    /// It goes on.
    Progress(LoadProgress),
    /// It ended.
    Done(Result<Arc<dyn Model>, LoadError>),
}

/// The model as the loop knows it.
#[derive(Clone)]
pub(crate) enum ModelState {
    /// `initialize` has not come.
    Idle,
    /// Being loaded.
    Loading,
    /// Answers.
    Ready(Arc<dyn Model>),
    /// Cannot be loaded.
    Failed(LoadError),
}

impl ModelState {
    /// The model that answers now, if one does: of several, the one whose turn it is.
    pub(crate) fn answering(&self) -> Option<Arc<dyn Model>> {
        match self {
            Self::Ready(model) => Some(model.member_for(&[]).unwrap_or_else(|| Arc::clone(model))),
            Self::Idle | Self::Loading | Self::Failed(_) => None,
        }
    }

    /// Why there is none, if it is known.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Failed(error) => Some(error.to_string()),
            Self::Idle | Self::Loading | Self::Ready(_) => None,
        }
    }

    /// One word for the status.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Idle | Self::Loading => "loading",
            Self::Ready(_) => "ready",
            Self::Failed(_) => "failed",
        }
    }
}

/// Starts a load. `serial` tells its reports from those of other loads. `replaced` is let go first, because two models at
/// once may not fit into memory, and on the load's thread, because it can take a while.
pub(crate) fn start_loading(
    loader: ModelLoader,
    settings: ModelSettings,
    serial: u64,
    warm_up: bool,
    events: EventSender,
    replaced: ModelState,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("fimble-load".to_owned());
    thread.spawn(move || {
        drop(replaced);
        let role = settings.role;
        let reporter = events.clone();
        let report = move |progress| {
            reporter.send(Event::Load { role, serial, report: LoadReport::Progress(progress) })
        };
        let loaded = contain(|| loader(&settings, &report)).unwrap_or_else(|| {
            Err(LoadError {
                cause: format!("loading {} failed with an internal error", settings.name()),
                remedy: "Run `fimble doctor` and report this.".to_owned(),
            })
        });
        let model = loaded.as_ref().ok().cloned();
        events.send(Event::Load { role, serial, report: LoadReport::Done(loaded) });
        if let (Some(model), true) = (model, warm_up) {
            warm(&*model);
        }
    })?;
    Ok(())
}

/// Code to measure the speed of a model with: long enough that reading it takes a whole part of a prompt.
const WARM_UP_TEXT: &str = "fn sum(values: &[u64]) -> u64 {\n    let mut sum = 0;\n    for value in values {\n        \
    sum += value;\n    }\n    sum\n}\n\nfn mean(values: &[u64]) -> Option<u64> {\n    let n = values.len();\n    ";

/// The first pass through a model pays for memory and kernels that later ones find ready. Nobody waits for this one. A second
/// round tells how fast the model is here.
fn warm(model: &dyn Model) {
    for (text, max_new_tokens) in [("\n", 1), (WARM_UP_TEXT, 8)] {
        let mut prompt = Prompt::default();
        prompt.push_text(text);
        let options = GenerateOptions { max_new_tokens, ..GenerateOptions::default() };
        let request = GenerateRequest { prompt, options, priority: Priority::Idle };
        let observer = Box::new(|_: &str| std::ops::ControlFlow::Continue(()));
        let outcome = contain(|| model.generate(request, &CancelToken::new(), observer));
        // Nothing to warn of: a client that leaves at once ends the engine under it, and whatever is wrong with the model is
        // told by the first request.
        match outcome {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::debug!(%error, "the model was not warmed up"),
            None => tracing::debug!("the warm-up of the model panicked"),
        }
    }
}
