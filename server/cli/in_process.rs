//! Loads a model into this process: the only file that uses the store and the engine together. Invariant: every failure has a cause
//! and a remedy; nothing is fetched here (that is `fimble setup`).

use std::path::PathBuf;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_lsp::ModelSettings;
use fimble_model::{Calibration, ErrorCode, KvPrecision, LoadError};
use fimble_store::{
    ActiveModel, BUNDLED_MODEL_NAME, ModelEntry, ModelStore, RuntimeStore, StoreError, bundled_model,
};

use crate::cli::cache_trials;

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
    let source = source(name)?;
    let folder = match &source {
        ModelSource::Folder(folder) => Some(folder.clone()),
        ModelSource::Memory { .. } => None,
    };
    let is_quantised = settings.kv_precision == KvPrecision::Int8;
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
        kv_precision: settings.kv_precision,
        cache_trial: folder.as_deref().filter(|_| is_quantised).and_then(cache_trials::read),
        kv_bytes: settings.kv_megabytes.map(|megabytes| megabytes.saturating_mul(1 << 20)),
        project_cache: settings.project_cache,
        project_cache_bytes: settings
            .project_cache_megabytes
            .map_or(defaults.project_cache_bytes, |megabytes| megabytes.saturating_mul(1 << 20)),
        writes_code: entry.as_ref().and_then(|entry| entry.writes_code),
        weak_actions: entry.map(|entry| entry.weak_actions).unwrap_or_default(),
        ..defaults
    };
    let engine = Engine::load(source, options)?;
    if let Some((folder, trial)) = folder.zip(engine.cache_trial()) {
        cache_trials::write(&folder, trial);
    }
    Ok(engine)
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
