//! The models behind names. Invariant: a model is loaded when it is first asked for, once; an unknown name is answered with the names
//! that there are.

use std::sync::Arc;

use fimble_model::{LoadError, Model};
use tokio::sync::OnceCell;

use crate::error::ApiError;

/// Loads a model. It may take seconds.
pub type Loader = Arc<dyn Fn() -> Result<Arc<dyn Model>, LoadError> + Send + Sync>;

/// The name by which a program gets the model of a role, whatever it is.
pub(crate) const OWN_NAME: &str = "fimble";

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To complete a text.
    Completion,
    /// To answer messages.
    Chat,
    /// To turn texts into vectors.
    Embedding,
}

/// A model with its names.
pub struct ServedModel {
    names: Vec<String>,
    loader: Loader,
    loaded: OnceCell<Arc<dyn Model>>,
}

impl ServedModel {
    /// A model that is loaded when it is first asked for. The names are those of the settings, the preferred one first.
    #[must_use]
    pub fn new(names: Vec<String>, loader: Loader) -> Self {
        Self { names, loader, loaded: OnceCell::new() }
    }

    /// The name for programs.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or(OWN_NAME, String::as_str)
    }

    /// The model. The first call loads it.
    pub(crate) async fn get(&self) -> Result<Arc<dyn Model>, ApiError> {
        let load = || async {
            let loader = Arc::clone(&self.loader);
            let loaded = tokio::task::spawn_blocking(move || loader()).await;
            let loaded =
                loaded.map_err(|_| ApiError::internal("Loading the model failed with an internal error."))?;
            loaded.map_err(ApiError::from)
        };
        self.loaded.get_or_try_init(load).await.map(Arc::clone)
    }

    /// The model if it is loaded.
    pub(crate) fn ready(&self) -> Option<Arc<dyn Model>> {
        self.loaded.get().cloned()
    }
}

fn no_embedding_model() -> ApiError {
    ApiError::not_found(
        "There is no embedding model. `fimble serve --embedding NAME` serves one, for example --embedding ollama:nomic-embed-text.",
    )
    .with_code("model_not_found")
}

/// All models.
pub struct Models {
    completion: Arc<ServedModel>,
    chat: Arc<ServedModel>,
    embedding: Option<Arc<ServedModel>>,
    /// Whether the user keeps text of some files on this machine.
    keeps_files: bool,
}

impl Models {
    /// A model for completions and one for conversations, which may be the same. `keeps_files`: text of some files must not leave this
    /// machine, so that a request that does not name its files is not sent anywhere.
    #[must_use]
    pub fn new(completion: Arc<ServedModel>, chat: Arc<ServedModel>, keeps_files: bool) -> Self {
        Self { completion, chat, embedding: None, keeps_files }
    }

    /// The same, with a model that turns texts into vectors if there is one.
    #[must_use]
    pub fn with_embedding(self, embedding: Option<Arc<ServedModel>>) -> Self {
        Self { embedding, ..self }
    }

    /// The model of a name for a role. Without a name, and by the name of the program, it is that of the role.
    pub(crate) fn find(&self, name: Option<&str>, role: Role) -> Result<Arc<ServedModel>, ApiError> {
        let of_role = match role {
            Role::Completion => &self.completion,
            Role::Chat => &self.chat,
            Role::Embedding => self.embedding.as_ref().ok_or_else(no_embedding_model)?,
        };
        let name = name.unwrap_or_default().trim();
        // Programs for Ollama add the tag that it adds itself.
        let name = name.strip_suffix(":latest").unwrap_or(name);
        if name.is_empty() || name == OWN_NAME {
            return Ok(Arc::clone(of_role));
        }
        // A model is made for vectors or for texts.
        let others = [&self.completion, &self.chat].into_iter().filter(|_| role != Role::Embedding);
        let mut all = std::iter::once(of_role).chain(others);
        let found = all.find(|model| model.names.iter().any(|known| known == name));
        found.map(Arc::clone).ok_or_else(|| {
            let (names, option) = match role {
                Role::Completion | Role::Chat => (Self::names_of(&[&self.completion, &self.chat]), "model"),
                Role::Embedding => (Self::names_of(&[of_role]), "embedding"),
            };
            let names = names.join(", ");
            let message = format!(
                "There is no such model. There are: {names}. `fimble serve --{option} NAME` serves another one."
            );
            ApiError::not_found(message).with_code("model_not_found")
        })
    }

    /// The names for programs.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let models = [Some(&self.completion), Some(&self.chat), self.embedding.as_ref()];
        Self::names_of(&models.into_iter().flatten().collect::<Vec<_>>())
    }

    /// The model of a name that a program got from [`Models::names`], and its role.
    pub(crate) fn find_any(&self, name: Option<&str>) -> Result<(Arc<ServedModel>, Role), ApiError> {
        let served = self.find(name, Role::Completion).map(|model| (model, Role::Completion));
        served.or_else(|error| {
            let embedding = self.find(name, Role::Embedding).map_err(|_| error)?;
            Ok((embedding, Role::Embedding))
        })
    }

    fn names_of(models: &[&Arc<ServedModel>]) -> Vec<String> {
        let mut names = vec![OWN_NAME.to_owned()];
        for name in models.iter().flat_map(|model| &model.names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Checks that text of unnamed files may be given to a model.
    pub(crate) fn check_sources(&self, model: &dyn Model, sources: &[String]) -> Result<(), ApiError> {
        if self.keeps_files && model.is_remote() && sources.is_empty() {
            let message = "The setting noRemotePaths keeps text of some files on this machine, and the request does not name its \
                files: it was not sent to the model on another machine. Use a local model for it.";
            return Err(ApiError::new(axum::http::StatusCode::FORBIDDEN, "permission_error", message));
        }
        Ok(())
    }
}
