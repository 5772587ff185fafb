//! Loads a model by its name, as the settings say: in this process, in the engine process, or behind servers. Invariant: every
//! failure has a cause and a remedy; no server is looked for unless a name asks for it; no engine process is used unless the caller
//! is a window.

use std::sync::Arc;

use fimble_backends::{Chain, Choice, Guard, LocalLoader, NetworkSettings, Purpose, ServerSpec};
use fimble_lsp::{LoadProgress, ModelLoader, ModelRole, ModelSettings, NetworkOptions, StandIn, WantedModel};
use fimble_model::{ErrorCode, LoadError, Model, Provider};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelStore, bundled_model};

pub use super::in_process::{coded, from_store, initialize_runtime, load, runtime_missing, source};
use super::sharing::Sharing;

/// The loader of a command that has its models in its own process.
pub fn model_loader() -> ModelLoader {
    loader_of_window(None)
}

/// The loader of a window, which may have models in the engine process.
pub fn loader_of_window(sharing: Option<Arc<Sharing>>) -> ModelLoader {
    Arc::new(move |settings, progress| {
        let said = |message: &str| progress(LoadProgress { fraction: None, message: message.to_owned() });
        let sharing = sharing.as_ref();
        match chosen(settings, sharing)? {
            Chosen::Shared(name, sharing) => {
                said("loading the model in the engine process");
                // An error of the model is the error of this load. When it is opened again, it is one of the chain.
                let open = sharing.opener(name.clone(), settings);
                let first = std::sync::Mutex::new(Some(open()?));
                let open: LocalLoader = Arc::new(move || {
                    let first = first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                    first.map_or_else(|| open(), Ok)
                });
                let mut choices = vec![Choice::Shared(name, open)];
                choices.extend(sharing.last_choice(settings));
                Ok(chain(choices, settings, &said)?)
            }
            Chosen::InProcess(name) => {
                said("loading ONNX Runtime");
                initialize_runtime()?;
                said("loading the model");
                let model: Arc<dyn Model> = Arc::new(load(name.as_deref(), settings)?);
                Ok(model)
            }
            Chosen::Chain(choices) => Ok(chain(choices, settings, &said)?),
        }
    })
}

fn chain(
    choices: Vec<Choice>,
    settings: &ModelSettings,
    said: &dyn Fn(&str),
) -> Result<Arc<Chain>, LoadError> {
    let purpose = match settings.role {
        ModelRole::Completion | ModelRole::Edits => Purpose::Completion,
        ModelRole::Chat => Purpose::Chat,
        ModelRole::Embedding => Purpose::Embedding,
    };
    Chain::open(choices, guard(&settings.network), purpose, &|message| said(&message))
}

/// The bundled model as the one that answers while a larger one is loaded; none in a build without it.
pub fn stand_in(sharing: Option<Arc<Sharing>>) -> Option<Arc<dyn StandIn>> {
    bundled_model()?;
    Some(Arc::new(BundledStandIn { sharing }))
}

struct BundledStandIn {
    sharing: Option<Arc<Sharing>>,
}

impl StandIn for BundledStandIn {
    fn wanted(&self, settings: &ModelSettings) -> WantedModel {
        match chosen(settings, self.sharing.as_ref()) {
            Ok(Chosen::Shared(name, _)) if name == BUNDLED_MODEL_NAME => WantedModel::StandIn,
            Ok(Chosen::Shared(name, _)) => WantedModel::Other(name),
            Ok(Chosen::InProcess(None)) => match ModelStore::from_env().and_then(|store| store.active()) {
                Ok(ActiveModel::Bundled) => WantedModel::StandIn,
                Ok(ActiveModel::Folder { name, .. }) => WantedModel::Other(name),
                Err(_) => WantedModel::Other("the model in use".to_owned()),
            },
            Ok(Chosen::InProcess(Some(name))) if name == BUNDLED_MODEL_NAME => WantedModel::StandIn,
            Ok(Chosen::InProcess(Some(name))) => WantedModel::Other(name),
            // Servers have models behind them, which are loaded when they are needed.
            Ok(Chosen::Chain(choices)) => match choices.into_iter().next() {
                Some(Choice::Local(name, _) | Choice::Shared(name, _)) if name != BUNDLED_MODEL_NAME => {
                    WantedModel::Other(name)
                }
                _ => WantedModel::Independent,
            },
            Err(_) => WantedModel::Other(settings.names.join(", ")),
        }
    }

    fn load(&self, settings: &ModelSettings) -> Result<Arc<dyn Model>, LoadError> {
        // It is there at once on the processor; what an accelerator needs to prepare is for the wanted model.
        let own = ModelSettings { provider: Provider::Cpu, ..settings.clone() };
        if let Ok(Chosen::Shared(_, sharing)) = chosen(settings, self.sharing.as_ref()) {
            let mut choices = vec![sharing.choice(BUNDLED_MODEL_NAME.to_owned(), &own)];
            choices.extend(sharing.last_choice(&own));
            return Ok(chain(choices, &own, &|_| {})?);
        }
        initialize_runtime()?;
        Ok(Arc::new(load(Some(BUNDLED_MODEL_NAME), &own)?))
    }
}

/// The model that the settings name.
enum Chosen {
    /// One model in this process; none means the one in use.
    InProcess(Option<String>),
    /// One model in the engine process.
    Shared(String, Arc<Sharing>),
    /// Servers, or several models.
    Chain(Vec<Choice>),
}

/// Sorts the names into servers and models. Behind servers for completion stands the model in use, so that there is always
/// one that answers.
fn chosen(settings: &ModelSettings, sharing: Option<&Arc<Sharing>>) -> Result<Chosen, LoadError> {
    if let [] | [_] = settings.names.as_slice() {
        let name = settings.names.first();
        if name.is_none_or(|name| ServerSpec::parse(name).is_none()) {
            return Ok(match sharing.and_then(|sharing| sharing.shared_name(name.cloned(), settings)) {
                Some((name, sharing)) => Chosen::Shared(name, sharing),
                None => Chosen::InProcess(name.cloned()),
            });
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
                local(Some(name.clone()), settings, sharing)
            }
        });
    }
    if settings.role == ModelRole::Completion && !has_local {
        choices.push(local(None, settings, sharing));
    }
    if let Some(sharing) =
        sharing.filter(|_| choices.iter().any(|choice| matches!(choice, Choice::Shared(..))))
    {
        choices.extend(sharing.last_choice(settings));
    }
    Ok(Chosen::Chain(choices))
}

/// A model in this process or in the engine process that is loaded when it is needed.
fn local(name: Option<String>, settings: &ModelSettings, sharing: Option<&Arc<Sharing>>) -> Choice {
    if let Some((name, sharing)) = sharing.and_then(|sharing| sharing.shared_name(name.clone(), settings)) {
        return sharing.choice(name, settings);
    }
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
            BundledStandIn { sharing: None }.wanted(&ModelSettings { names, ..ModelSettings::default() })
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
