//! The model: not asked for yet, loading, ready, or failed; and the stand-in, a small model that answers while the wanted one
//! is loaded or where that cannot be loaded. Invariant: one model answers at a time, and [`ModelState::current`] is it; a
//! failure leaves the server running, with the cause at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use fimble_model::{KvPrecision, LoadError, Model, ProjectCacheUse, Provider, routed};
use serde_json::{Value, json};

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ModelRole {
    /// Completing code.
    #[default]
    Completion,
    /// Answering conversations.
    Chat,
    /// Writing edits: what to change next.
    Edits,
    /// Turning texts into vectors, for other programs. No editor needs it.
    Embedding,
}

impl ModelRole {
    /// What the model is called in the log.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Completion => "the model",
            Self::Chat => "the model for conversations",
            Self::Edits => "the model for next edits",
            Self::Embedding => "the model for embeddings",
        }
    }

    /// The setting that names the model, or the option of `fimble serve`.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Completion => "model",
            Self::Chat => "chat",
            Self::Edits => "experimental.nextEditModel",
            Self::Embedding => "--embedding",
        }
    }
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
    /// What stands in the settings where a rule about servers may be meant and cannot be read, in sentences.
    pub unreadable: Vec<String>,
}

/// Whether models are in the engine process that the windows of a user share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SharedEngine {
    /// If the weights of the wanted model have more than 100 MB.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
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
    /// In how many bits those are kept.
    pub kv_precision: KvPrecision,
    /// Whether no tokens are guessed.
    pub without_guesses: bool,
    /// What model servers may be.
    pub network: NetworkOptions,
    /// Whether the project is mixed into what the model finds likely.
    pub project_cache: ProjectCacheUse,
    /// Memory for that in MB; none lets the engine choose.
    pub project_cache_megabytes: Option<usize>,
    /// Whether it is in the engine process.
    pub shared_engine: SharedEngine,
    /// What the windows of one workspace have in common: its folders, one a line. None if there is no folder.
    pub workspace: Option<String>,
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

/// The wanted model, seen from the stand-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedModel {
    /// It is the stand-in itself.
    StandIn,
    /// It is another one, of this name, for which the stand-in answers while it is loaded.
    Other(String),
    /// It is another one, and has its own way to answer early, as servers with models behind them have.
    Independent,
}

/// The small model that can answer while another one is loaded. Both functions are called on the thread that loads.
pub trait StandIn: Send + Sync {
    /// Which model the settings name. A name that cannot be resolved is that of another model.
    fn wanted(&self, settings: &ModelSettings) -> WantedModel;

    /// Loads the stand-in. It should take no longer than a user notices.
    ///
    /// # Errors
    /// It cannot be loaded. Only the failure of the wanted model is shown to the user.
    fn load(&self, settings: &ModelSettings) -> Result<Arc<dyn Model>, LoadError>;
}

type MaybeModel = Option<Arc<dyn Model>>;

/// The model as the loop knows it.
#[derive(Clone)]
pub(crate) enum ModelState {
    /// `initialize` has not come.
    Idle,
    /// Being loaded. The stand-in answers, once it is there.
    Loading(Option<Arc<dyn Model>>),
    /// Answers.
    Ready {
        /// The model.
        model: Arc<dyn Model>,
        /// Whether it can stand in for another one.
        is_stand_in: bool,
        /// A smaller one, which stood in for it.
        small: Option<Arc<dyn Model>>,
    },
    /// Cannot be loaded. The stand-in answers, where there is one.
    Failed(LoadError, Option<Arc<dyn Model>>),
}

impl ModelState {
    /// The model that answers now, if one does. Of several, the whole.
    pub(crate) fn current(&self) -> Option<&Arc<dyn Model>> {
        match self {
            Self::Ready { model, .. } => Some(model),
            Self::Loading(stand_in) | Self::Failed(_, stand_in) => stand_in.as_ref(),
            Self::Idle => None,
        }
    }

    /// The same; of several, the one whose turn it is.
    pub(crate) fn answering(&self) -> Option<Arc<dyn Model>> {
        self.current().map(|model| routed(model, &[]))
    }

    /// The model that stands in for the wanted one at present.
    pub(crate) fn stand_in(&self) -> Option<&Arc<dyn Model>> {
        match self {
            Self::Loading(stand_in) | Self::Failed(_, stand_in) => stand_in.as_ref(),
            Self::Idle | Self::Ready { .. } => None,
        }
    }

    /// The small model beside the one that answers.
    pub(crate) fn small(&self) -> Option<&Arc<dyn Model>> {
        match self {
            Self::Ready { small, .. } => small.as_ref(),
            Self::Idle | Self::Loading(_) | Self::Failed(..) => None,
        }
    }

    /// Lets the small model beside the one that answers go. Returns it, because freeing it takes time.
    pub(crate) fn take_small(&mut self) -> Option<Arc<dyn Model>> {
        match self {
            Self::Ready { small, .. } => small.take(),
            Self::Idle | Self::Loading(_) | Self::Failed(..) => None,
        }
    }

    /// What can stand in for the next model, and what is to be let go.
    pub(crate) fn split(self) -> (MaybeModel, MaybeModel) {
        match self {
            Self::Ready { model, is_stand_in: false, small } => (small, Some(model)),
            Self::Ready { model, is_stand_in: true, .. } => (Some(model), None),
            Self::Loading(stand_in) | Self::Failed(_, stand_in) => (stand_in, None),
            Self::Idle => (None, None),
        }
    }

    /// Why the wanted model is not there, if it is known.
    pub(crate) fn failure(&self) -> Option<&LoadError> {
        match self {
            Self::Failed(error, _) => Some(error),
            Self::Idle | Self::Loading(_) | Self::Ready { .. } => None,
        }
    }

    /// The state of a model that is not the one that completes, for the status; null if none is wanted.
    pub(crate) fn status(&self) -> Value {
        match self {
            Self::Idle => Value::Null,
            _ => json!({
                "state": self.word(),
                "model": self.answering().map(|model| model.info().name.clone()),
                "reason": self.failure().map(ToString::to_string),
            }),
        }
    }

    /// How the wanted model is, in one word for the status.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Idle | Self::Loading(_) => "loading",
            Self::Ready { .. } => "ready",
            Self::Failed(..) => "failed",
        }
    }
}
