//! Models of the engine process for a window. Invariant: if the engine process cannot be used, the model is loaded into this process,
//! and a notice says why; while a model of the engine process is away, the bundled model answers in this process.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use fimble_backends::{Choice, LocalLoader};
use fimble_engine::{Engine, ModelSource};
use fimble_lsp::{ModelRole, ModelSettings, SharedEngine};
use fimble_model::{LoadError, Model, Provider};
use fimble_shared::{AttachError, Attachment};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelStore, bundled_model};

use super::engine_client::{ModelSpec, attachment};
use super::in_process;

/// Models with more bytes of weights are shared by default.
const LARGEST_OWN: u64 = 100 << 20;

/// The name of the model that answers while the engine process is away.
const LAST_CHOICE: &str = "the bundled model in this process";

/// The way of this window to the engine process.
pub struct Sharing {
    attachment: Attachment,
    /// The bundled model in this process, if something uses it.
    bundled: Mutex<Weak<Engine>>,
}

impl Sharing {
    /// None if the file of this program or the folder of Fimble is not known.
    pub fn new() -> Option<Arc<Self>> {
        match attachment() {
            Ok(attachment) => Some(Arc::new(Self { attachment, bundled: Mutex::default() })),
            Err(error) => {
                tracing::warn!("there is no engine process: {error:#}");
                None
            }
        }
    }

    /// The name of a model if it is to be in the engine process. No name means the model in use.
    pub fn shared_name(
        self: &Arc<Self>,
        name: Option<String>,
        settings: &ModelSettings,
    ) -> Option<(String, Arc<Self>)> {
        let is_wanted = match settings.shared_engine {
            SharedEngine::Never => false,
            SharedEngine::Always => true,
            SharedEngine::Auto => weight_bytes(name.as_deref()) > LARGEST_OWN,
        };
        let name = name.or_else(name_in_use).filter(|_| is_wanted)?;
        Some((name, Arc::clone(self)))
    }

    /// A model of the engine process, as a choice of a chain.
    pub fn choice(self: &Arc<Self>, name: String, settings: &ModelSettings) -> Choice {
        let open = self.opener(name.clone(), settings);
        Choice::Shared(name, open)
    }

    /// Opens a model in the engine process, or loads it here.
    pub fn opener(self: &Arc<Self>, name: String, settings: &ModelSettings) -> LocalLoader {
        let (sharing, settings) = (Arc::clone(self), settings.clone());
        Arc::new(move || sharing.open(&name, &settings))
    }

    fn open(&self, name: &str, settings: &ModelSettings) -> Result<Arc<dyn Model>, LoadError> {
        let spec = ModelSpec::new(name.to_owned(), changed(name), settings);
        let spec = serde_json::to_string(&spec).unwrap_or_default();
        let reason = match self.attachment.open(&spec, settings.workspace.as_deref()) {
            Ok(model) => return Ok(Arc::new(model)),
            Err(AttachError::Model(error)) => return Err(error),
            Err(AttachError::OtherVersion(version)) => format!(
                "The engine process of this user is another build of Fimble ({version}). This window has loaded the model \
                 {name} by itself; close the windows of the other build, and restart this one."
            ),
            Err(AttachError::NotStarted(reason)) => format!(
                "The engine process could not be started: {reason}. This window has loaded the model {name} by itself; set \
                 `experimental.sharedEngine` to `never` if that is to stay."
            ),
        };
        tracing::warn!(reason, "the model is not shared");
        in_process::initialize_runtime()?;
        let engine = in_process::load(Some(name), settings)?;
        engine.add_notice(reason);
        Ok(Arc::new(engine))
    }

    /// The bundled model in this process, which is loaded when nothing else answers; none for conversations, which it cannot have.
    pub fn last_choice(self: &Arc<Self>, settings: &ModelSettings) -> Option<Choice> {
        bundled_model().filter(|_| settings.role == ModelRole::Completion)?;
        let sharing = Arc::clone(self);
        let settings = ModelSettings { provider: Provider::Cpu, ..settings.clone() };
        let load: LocalLoader = Arc::new(move || {
            // The model in use and the small one beside it may both be away.
            let mut known = sharing.bundled.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(engine) = known.upgrade() {
                return Ok(engine);
            }
            in_process::initialize_runtime()?;
            let engine = Arc::new(in_process::load(Some(BUNDLED_MODEL_NAME), &settings)?);
            *known = Arc::downgrade(&engine);
            Ok(engine)
        });
        Some(Choice::Local(LAST_CHOICE.to_owned(), load))
    }
}

/// The name of the model in use.
fn name_in_use() -> Option<String> {
    match ModelStore::from_env().and_then(|store| store.active()).ok()? {
        ActiveModel::Bundled => Some(BUNDLED_MODEL_NAME.to_owned()),
        ActiveModel::Folder { name, .. } => Some(name),
    }
}

/// The bytes of a model's files, as far as they can be found out; none of the bundled one.
fn weight_bytes(name: Option<&str>) -> u64 {
    let Ok(ModelSource::Folder(folder)) = in_process::source(name) else { return 0 };
    let Ok(files) = std::fs::read_dir(folder) else { return 0 };
    let is_text = |path: &Path| path.extension().is_some_and(|ending| ending == "json");
    let files = files.flatten().filter(|file| !is_text(&file.path()));
    files
        .filter_map(|file| file.metadata().ok())
        .filter(|facts| facts.is_file())
        .map(|facts| facts.len())
        .sum()
}

/// When the folder of a model was changed.
fn changed(name: &str) -> Option<Duration> {
    let Ok(ModelSource::Folder(folder)) = in_process::source(Some(name)) else { return None };
    let changed = std::fs::metadata(folder).and_then(|facts| facts.modified()).ok()?;
    changed.duration_since(SystemTime::UNIX_EPOCH).ok()
}
