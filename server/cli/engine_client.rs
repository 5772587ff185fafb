//! What a window and the engine process have in common: the place of the socket, the version, and how a model is named. Invariant:
//! windows that want the same model with the same settings name it in the same way.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fimble_lsp::ModelSettings;
use fimble_model::{KvPrecision, ProjectCacheUse, Provider};
use fimble_shared::{Attachment, EnginePlace, EngineReport, Identity};
use fimble_store::Home;
use serde::{Deserialize, Serialize};

use super::detached;

/// What an engine process has to know to load a model. Windows that want the same share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Its name in the store, or the path of its folder.
    pub name: String,
    /// When its folder was changed: a model of the same name may be another one.
    pub changed: Option<Duration>,
    threads: Option<usize>,
    provider: Provider,
    kv_megabytes: Option<usize>,
    kv_precision: KvPrecision,
    without_guesses: bool,
    project_cache: ProjectCacheUse,
    project_cache_megabytes: Option<usize>,
}

impl ModelSpec {
    /// A model with these settings.
    pub fn new(name: String, changed: Option<Duration>, settings: &ModelSettings) -> Self {
        Self {
            name,
            changed,
            threads: settings.threads,
            provider: settings.provider,
            kv_megabytes: settings.kv_megabytes,
            kv_precision: settings.kv_precision,
            without_guesses: settings.without_guesses,
            project_cache: settings.project_cache,
            project_cache_megabytes: settings.project_cache_megabytes,
        }
    }

    /// The settings by which the engine process loads it.
    pub fn settings(&self) -> ModelSettings {
        ModelSettings {
            names: vec![self.name.clone()],
            threads: self.threads,
            provider: self.provider,
            kv_megabytes: self.kv_megabytes,
            kv_precision: self.kv_precision,
            without_guesses: self.without_guesses,
            project_cache: self.project_cache,
            project_cache_megabytes: self.project_cache_megabytes,
            ..ModelSettings::default()
        }
    }
}

/// The way of a window to the engine process, which is started when it is needed.
///
/// # Errors
/// The file of this program or the folder of Fimble is not known.
pub fn attachment() -> anyhow::Result<Attachment> {
    // The file of the program as it is now: an update may replace it while this process runs.
    let program = std::env::current_exe()?;
    let starter = move || {
        let mut command = Command::new(&program);
        command.args(["engine", "--start"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        detached::hide(&mut command);
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(std::io::Error::other("it could not be started")) }
    };
    Ok(Attachment::new(place()?, || identity().map_err(std::io::Error::other), Arc::new(starter)))
}

/// The engine process of this user, if there is one. None is started.
pub fn report() -> Option<EngineReport> {
    attachment().ok()?.report()
}

/// Where the engine process of this user listens.
///
/// # Errors
/// Fimble has no folder.
pub fn place() -> anyhow::Result<EnginePlace> {
    let home = Home::from_env()?;
    Ok(EnginePlace::of(home.root(), &home.state_dir()))
}

/// The version of this program.
///
/// # Errors
/// Its file cannot be read.
pub fn identity() -> anyhow::Result<Identity> {
    Ok(Identity::of_program(env!("CARGO_PKG_VERSION"), &std::env::current_exe()?)?)
}
