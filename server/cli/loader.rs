//! From a name to a loaded model: the one place where the store and the engine meet. Must hold: every failure comes as a
//! cause and a remedy; nothing is fetched here (that is `fimble setup`).

use std::path::PathBuf;
use std::sync::Arc;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_lsp::{LoadProgress, ModelLoader, ModelSettings};
use fimble_model::{LoadError, Model};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelStore, RuntimeStore, StoreError, bundled_model};

/// The loader that the server is given.
pub fn model_loader() -> ModelLoader {
    Arc::new(|settings, progress| {
        progress(LoadProgress { fraction: None, message: "loading ONNX Runtime".to_owned() });
        initialize_runtime()?;
        progress(LoadProgress { fraction: None, message: "loading the model".to_owned() });
        let model: Arc<dyn Model> = Arc::new(load(settings)?);
        Ok(model)
    })
}

/// Loads ONNX Runtime into the process; does nothing when it is loaded.
///
/// # Errors
/// It is not installed, or cannot be loaded.
pub fn initialize_runtime() -> Result<fimble_engine::runtime::RuntimeInfo, LoadError> {
    let found = RuntimeStore::from_env().and_then(|store| store.locate()).map_err(from_store)?;
    let found = found.ok_or_else(|| LoadError {
        cause: "ONNX Runtime is not installed".to_owned(),
        remedy: "Run `fimble setup` (or `fimble setup --from FOLDER` without a network).".to_owned(),
    })?;
    fimble_engine::runtime::initialize(&found.path)
}

/// Loads the model that the settings name. The runtime must be initialised.
///
/// # Errors
/// There is no such model, or it cannot be loaded.
pub fn load(settings: &ModelSettings) -> Result<Engine, LoadError> {
    let options = EngineOptions {
        provider: settings.provider,
        threads: settings.threads,
        speculation: if settings.without_guesses { Speculation::Never } else { Speculation::Auto },
        kv_bytes: settings.kv_megabytes.map(|megabytes| megabytes.saturating_mul(1 << 20)),
        ..EngineOptions::default()
    };
    Engine::load(source(settings.model.as_deref())?, options)
}

/// Where the files of a model are. No name means the one that `fimble model use` chose.
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
    let folder = PathBuf::from(name);
    if folder.is_dir() {
        return Ok(ModelSource::Folder(folder));
    }
    Err(LoadError {
        cause: format!(
            "there is no model {name:?}: it is neither \"bundled\", nor an added model, nor a folder"
        ),
        remedy: "`fimble model list` shows what there is; `fimble model add FOLDER` adds one.".to_owned(),
    })
}

fn bundled() -> Result<ModelSource, LoadError> {
    let model = bundled_model().ok_or_else(|| LoadError {
        cause: "this build of fimble has no bundled model".to_owned(),
        remedy: "Build it with the feature `bundled-model`, or add a model: `fimble model add FOLDER`."
            .to_owned(),
    })?;
    let files = model.files.iter().map(|(name, content)| ((*name).to_owned(), *content)).collect();
    Ok(ModelSource::Memory { name: model.name.to_owned(), files })
}

/// The store's errors hold cause and remedy in one text, with a full stop between them.
pub fn from_store(error: StoreError) -> LoadError {
    let text = error.to_string();
    let (cause, remedy) = text.split_once(". ").unwrap_or((&text, "Run `fimble doctor`"));
    LoadError { cause: cause.to_owned(), remedy: remedy.to_owned() }
}
