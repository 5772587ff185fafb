//! Loads a model by its name: the only file that uses the store, the engine and the servers. Invariant: every failure has a cause
//! and a remedy; nothing is fetched here (that is `fimble setup`); no server is looked for unless a name asks for it.

use std::path::PathBuf;
use std::sync::Arc;

use fimble_backends::{Chain, Choice, Guard, LocalLoader, NetworkSettings, Purpose, ServerSpec};
use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_lsp::{LoadProgress, ModelLoader, ModelRole, ModelSettings, NetworkOptions, StandIn, WantedModel};
use fimble_model::{Calibration, ErrorCode, LoadError, Model, Provider};
use fimble_store::{
    ActiveModel, BUNDLED_MODEL_NAME, ModelEntry, ModelStore, RuntimeStore, StoreError, bundled_model,
};

/// The loader that the server is given.
pub fn model_loader() -> ModelLoader {
    Arc::new(|settings, progress| {
        let said = |message: &str| progress(LoadProgress { fraction: None, message: message.to_owned() });
        match chosen(settings)? {
            Chosen::InProcess(name) => {
                said("loading ONNX Runtime");
                initialize_runtime()?;
                said("loading the model");
                let model: Arc<dyn Model> = Arc::new(load(name.as_deref(), settings)?);
                Ok(model)
            }
            Chosen::Chain(choices) => {
                let guard = guard(&settings.network);
                let purpose = match settings.role {
                    ModelRole::Completion => Purpose::Completion,
                    ModelRole::Chat => Purpose::Chat,
                };
                let model: Arc<dyn Model> = Chain::open(choices, guard, purpose, &|message| said(&message))?;
                Ok(model)
            }
        }
    })
}

/// The bundled model as the one that answers while a larger one is loaded; none in a build without it.
pub fn stand_in() -> Option<Arc<dyn StandIn>> {
    bundled_model()?;
    Some(Arc::new(BundledStandIn))
}

struct BundledStandIn;

impl StandIn for BundledStandIn {
    fn wanted(&self, settings: &ModelSettings) -> WantedModel {
        match chosen(settings) {
            Ok(Chosen::InProcess(None)) => match ModelStore::from_env().and_then(|store| store.active()) {
                Ok(ActiveModel::Bundled) => WantedModel::StandIn,
                Ok(ActiveModel::Folder { name, .. }) => WantedModel::Other(name),
                Err(_) => WantedModel::Other("the model in use".to_owned()),
            },
            Ok(Chosen::InProcess(Some(name))) if name == BUNDLED_MODEL_NAME => WantedModel::StandIn,
            Ok(Chosen::InProcess(Some(name))) => WantedModel::Other(name),
            // Servers have models behind them, which are loaded when they are needed.
            Ok(Chosen::Chain(choices)) => match choices.into_iter().next() {
                Some(Choice::Local(name, _)) if name != BUNDLED_MODEL_NAME => WantedModel::Other(name),
                _ => WantedModel::Independent,
            },
            Err(_) => WantedModel::Other(settings.names.join(", ")),
        }
    }

    fn load(&self, settings: &ModelSettings) -> Result<Arc<dyn Model>, LoadError> {
        initialize_runtime()?;
        // It is there at once on the processor; what an accelerator needs to prepare is for the wanted model.
        let settings = ModelSettings { provider: Provider::Cpu, ..settings.clone() };
        Ok(Arc::new(load(Some(BUNDLED_MODEL_NAME), &settings)?))
    }
}

/// The model that the settings name.
enum Chosen {
    /// One model in this process; none means the one in use.
    InProcess(Option<String>),
    /// Servers, or several models.
    Chain(Vec<Choice>),
}

/// Sorts the names into servers and models. Behind servers for completion stands the model in use, so that there is always
/// one that answers.
fn chosen(settings: &ModelSettings) -> Result<Chosen, LoadError> {
    if let [] | [_] = settings.names.as_slice() {
        let name = settings.names.first();
        if name.is_none_or(|name| ServerSpec::parse(name).is_none()) {
            return Ok(Chosen::InProcess(name.cloned()));
        }
    }
    let mut choices = Vec::new();
    let mut has_local = false;
    for name in &settings.names {
        choices.push(match ServerSpec::parse(name) {
            Some(spec) => Choice::Server(spec.map_err(|reason| LoadError {
                code: ErrorCode::ServerNameInvalid,
                cause: reason,
                remedy: "Change the setting that names it.".to_owned(),
            })?),
            None => {
                has_local = true;
                local(Some(name.clone()), settings)
            }
        });
    }
    if settings.role == ModelRole::Completion && !has_local {
        choices.push(local(None, settings));
    }
    Ok(Chosen::Chain(choices))
}

/// A model in this process that is loaded when it is needed.
fn local(name: Option<String>, settings: &ModelSettings) -> Choice {
    let shown = name.clone().unwrap_or_else(|| "the model in use".to_owned());
    let settings = settings.clone();
    let load: LocalLoader = Arc::new(move || {
        initialize_runtime()?;
        let model: Arc<dyn Model> = Arc::new(load(name.as_deref(), &settings)?);
        Ok(model)
    });
    Choice::Local(shown, load)
}

fn guard(network: &NetworkOptions) -> Guard {
    let NetworkOptions { allow_remote, api_keys, no_remote_paths, unreadable } = network.clone();
    Guard::new(&NetworkSettings { allow_remote, api_keys, no_remote_paths, unreadable })
}

/// Loads ONNX Runtime into the process; does nothing when it is loaded.
///
/// # Errors
/// It is not installed, or cannot be loaded.
pub fn initialize_runtime() -> Result<fimble_engine::runtime::RuntimeInfo, LoadError> {
    let found = RuntimeStore::from_env().and_then(|store| store.locate()).map_err(from_store)?;
    fimble_engine::runtime::initialize(&found.ok_or_else(runtime_missing)?.path)
}

/// ONNX Runtime is not installed.
pub fn runtime_missing() -> LoadError {
    LoadError {
        code: ErrorCode::RuntimeMissing,
        cause: "ONNX Runtime is not installed".to_owned(),
        remedy: "Run `fimble setup` (or `fimble setup --from FOLDER` without a network).".to_owned(),
    }
}

/// Loads a model into this process; no name means the one that `fimble model use` chose. The runtime must be initialised.
///
/// # Errors
/// There is no such model, or it cannot be loaded.
pub fn load(name: Option<&str>, settings: &ModelSettings) -> Result<Engine, LoadError> {
    let defaults = EngineOptions::default();
    let entry = entry(name);
    let calibration = entry.as_ref().and_then(|entry| entry.calibration).map_or(
        Ok(Calibration::default()),
        |[bias, slope]| {
            Calibration::new(bias, slope).map_err(|reason| LoadError {
                code: ErrorCode::CatalogueInvalid,
                cause: format!("the catalogue is malformed: {reason}"),
                remedy: "Install Fimble again".to_owned(),
            })
        },
    )?;
    let options = EngineOptions {
        calibration,
        provider: settings.provider,
        threads: settings.threads,
        speculation: if settings.without_guesses { Speculation::Never } else { Speculation::Auto },
        kv_bytes: settings.kv_megabytes.map(|megabytes| megabytes.saturating_mul(1 << 20)),
        project_cache: settings.project_cache,
        project_cache_bytes: settings
            .project_cache_megabytes
            .map_or(defaults.project_cache_bytes, |megabytes| megabytes.saturating_mul(1 << 20)),
        writes_code: entry.as_ref().and_then(|entry| entry.writes_code),
        weak_actions: entry.map(|entry| entry.weak_actions).unwrap_or_default(),
        ..defaults
    };
    Engine::load(source(name)?, options)
}

/// A model in the store.
fn entry(name: Option<&str>) -> Option<ModelEntry> {
    let entries = ModelStore::from_env().and_then(|models| models.list()).ok()?;
    let is_meant = |entry: &&ModelEntry| name.map_or(entry.active, |name| entry.name == name);
    entries.iter().find(is_meant).cloned()
}

/// The folder of a model's files. No name means the one that `fimble model use` chose.
///
/// # Errors
/// There is no such model.
pub fn source(name: Option<&str>) -> Result<ModelSource, LoadError> {
    let models = ModelStore::from_env().map_err(from_store)?;
    let Some(name) = name else {
        return match models.active().map_err(from_store)? {
            ActiveModel::Bundled => bundled(),
            ActiveModel::Folder { path, .. } => Ok(ModelSource::Folder(path)),
        };
    };
    if name == BUNDLED_MODEL_NAME {
        return bundled();
    }
    let added = models.list().map_err(from_store)?.into_iter().find(|entry| entry.name == name);
    if let Some(path) = added.and_then(|entry| entry.path) {
        return Ok(ModelSource::Folder(path));
    }
    // A relative path would lead into the project that the server was started in, which may be untrusted.
    let folder = PathBuf::from(name);
    if folder.is_absolute() && folder.is_dir() {
        return Ok(ModelSource::Folder(folder));
    }
    Err(LoadError {
        code: ErrorCode::ModelNotFound,
        cause: format!(
            "there is no model {name:?}: it is neither \"bundled\", nor an added model, nor the absolute path of a folder, nor a \
             server"
        ),
        remedy: "`fimble model list` shows what there is; `fimble model add FOLDER` adds one.".to_owned(),
    })
}

/// Reads a model's name on the command line, where a path may begin with `./` or `../`: the setting takes absolute ones only.
///
/// # Errors
/// None.
pub fn model_name(name: &str) -> Result<String, std::convert::Infallible> {
    let path = std::path::Path::new(name);
    let is_explicit = path
        .components()
        .next()
        .is_some_and(|first| matches!(first, std::path::Component::CurDir | std::path::Component::ParentDir));
    match std::path::absolute(path) {
        Ok(absolute) if is_explicit => Ok(absolute.to_string_lossy().into_owned()),
        _ => Ok(name.to_owned()),
    }
}

fn bundled() -> Result<ModelSource, LoadError> {
    let model = bundled_model().ok_or_else(|| LoadError {
        code: ErrorCode::NoBundledModel,
        cause: "this build of fimble has no bundled model".to_owned(),
        remedy: "Build it with the feature `bundled-model`, or add a model: `fimble model add FOLDER`."
            .to_owned(),
    })?;
    let files = model.files.iter().map(|(name, content)| ((*name).to_owned(), *content)).collect();
    Ok(ModelSource::Memory { name: model.name.to_owned(), files })
}

/// An error of the store, with its code.
pub fn from_store(error: StoreError) -> LoadError {
    of_store(&error)
}

fn of_store(error: &StoreError) -> LoadError {
    LoadError { code: code_of(error), cause: error.cause(), remedy: error.remedy() }
}

/// The error with a code that a command ended with, if it ended with one.
pub fn coded(error: &anyhow::Error) -> Option<LoadError> {
    let of_the_store = || error.downcast_ref::<StoreError>().map(of_store);
    error.downcast_ref::<LoadError>().cloned().or_else(of_the_store)
}

fn code_of(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::NoHome { .. } => ErrorCode::NoFolder,
        StoreError::Io { .. } => ErrorCode::FileInaccessible,
        StoreError::NoSuchPath { .. } => ErrorCode::PathNotFound,
        StoreError::NoSpace { .. } | StoreError::TooLittleSpace { .. } => ErrorCode::DiskFull,
        StoreError::UnsupportedPlatform { .. } => ErrorCode::PlatformUnsupported,
        StoreError::NoClient { .. } | StoreError::ClientFailed { .. } => ErrorCode::RuntimeNotFetched,
        StoreError::Checksum { .. } => ErrorCode::ChecksumWrong,
        StoreError::BadArchive { .. } | StoreError::BadBundle { .. } => ErrorCode::ArchiveInvalid,
        StoreError::NothingSuitable { .. }
        | StoreError::NamedRuntimeMissing { .. }
        | StoreError::NoRuntime { .. } => ErrorCode::RuntimeMissing,
        StoreError::NotAModel { .. } => ErrorCode::ModelUnusable,
        StoreError::BadName { .. } | StoreError::NameTaken { .. } => ErrorCode::ModelNameInvalid,
        StoreError::Import { .. } => ErrorCode::ModelNotImported,
        StoreError::NotFound { .. } | StoreError::UnknownModel { .. } => ErrorCode::ModelNotFound,
        StoreError::NotFetched { .. } => ErrorCode::ModelNotFetched,
        StoreError::ModelInUse { .. } | StoreError::BundledModelStays => ErrorCode::ModelInUse,
        StoreError::BadActiveFile { .. } => ErrorCode::ActiveModelInvalid,
        StoreError::BadManifest { .. } | StoreError::DamagedModel { .. } => ErrorCode::ModelDamaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_project_is_no_model() {
        let here = std::env::current_dir().unwrap();
        let name = std::fs::read_dir(&here).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap();
        let name = name.file_name().into_string().unwrap();
        for name in [name.clone(), format!("./{name}"), format!("../{name}")] {
            let error = source(Some(&name)).unwrap_err();
            assert!(error.cause.contains("absolute path"), "{error}");
        }
        assert_eq!(model_name("qwen").unwrap(), "qwen");
        assert_eq!(model_name("./qwen").unwrap(), here.join("qwen").to_string_lossy());
        assert!(source(Some(&model_name(&format!("./{name}")).unwrap())).is_ok());
    }

    #[test]
    fn the_bundled_model_stands_in_for_other_models_of_this_process_and_for_nothing_else() {
        let wanted = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            BundledStandIn.wanted(&ModelSettings { names, ..ModelSettings::default() })
        };
        assert_eq!(wanted(&["bundled"]), WantedModel::StandIn);
        assert_eq!(wanted(&["big"]), WantedModel::Other("big".to_owned()));
        assert_eq!(wanted(&["big", "ollama:a"]), WantedModel::Other("big".to_owned()));
        assert_eq!(wanted(&["ollama:a", "big"]), WantedModel::Independent);
        assert_eq!(wanted(&["auto"]), WantedModel::Independent);
        // A bad name fails when it is loaded; the bundled model stays in use then.
        assert_eq!(wanted(&["ollama:"]), WantedModel::Other("ollama:".to_owned()));
    }
}
