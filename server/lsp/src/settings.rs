//! Settings: [`Settings`] is what holds. Invariant: every setting is one entry of [`table::GROUPS`], from which messages,
//! the schema, the settings of VS Code and the tables of docs/ come; a value that is no good costs only itself:
//! it is reported with its key and the allowed values, the default stands in, and everything else applies.

mod apply;
mod entry;
mod layers;
mod names;
mod problem;
mod schema;
mod table;

use fimble_completion::CompletionSettings;
use serde::Deserialize;
use serde_json::Value;

use crate::models::state::{ModelRole, ModelSettings};

pub(crate) use layers::SettingsLayers;
pub use problem::SettingsProblem;
pub use schema::settings_schema;

/// Section that our keys live in.
pub(crate) const SECTION: &str = "fimble";

/// Documents over this size in bytes get no suggestions, if the user says nothing else.
const MAX_FILE_BYTES: usize = 10_000_000;

/// How long a suggestion may take in milliseconds, if the user says nothing else: longer than that is too late while typing.
const BUDGET_MS: usize = 250;

/// Whether next edits are shown, if the user says nothing else.
const NEXT_EDIT: bool = false;

/// A choice that can be left to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoAlwaysNever {
    /// The server decides.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Warnings and errors.
    Warn,
    /// Also what starts and ends.
    Info,
    /// Also every request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level of this name, as the setting `logLevel` spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(Value::from(name)).ok()
    }

    /// Directives for a log filter (`tracing_subscriber::EnvFilter`). The transport is kept at warnings whatever the
    /// level: below that it logs whole messages, and with them code.
    #[must_use]
    pub fn filter(self) -> String {
        let (level, transport) = match self {
            Self::Error => ("error", "error"),
            Self::Warn => ("warn", "warn"),
            Self::Info => ("info", "warn"),
            Self::Debug => ("debug", "warn"),
            Self::Trace => ("trace", "warn"),
        };
        format!("{level},tower_lsp_server={transport}")
    }
}

/// What holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether there are suggestions at all.
    pub enabled: bool,
    /// Language identifiers that get none.
    pub disabled_languages: Vec<String>,
    /// What the completion of one place needs.
    pub completion: CompletionSettings,
    /// How long a suggestion may take in milliseconds.
    pub budget_ms: usize,
    /// Which model computes, on what, with how many threads and how large a cache.
    pub model: ModelSettings,
    /// Names of the model that answers conversations, the preferred one first; none means the one that completes.
    pub chat: Vec<String>,
    /// Whether `textDocument/completion` answers with suggestions; auto means for clients that cannot show inline
    /// completions.
    pub completion_answers: AutoAlwaysNever,
    /// Whether the model reads and completes ahead of what is asked; auto means unless on battery.
    pub look_ahead: AutoAlwaysNever,
    /// Whether the bundled model answers where a larger one has written nothing in time.
    pub small_first: bool,
    /// Whether next edits are shown.
    pub next_edit: bool,
    /// Names of the model that writes next edits, the preferred one first; none leaves what a model would write out.
    pub next_edit_model: Vec<String>,
    /// Whether parts of other files of the workspace are shown to the model: `snippets`.
    pub snippets: bool,
    /// How much is logged. None leaves it as the process was started.
    pub log_level: Option<LogLevel>,
}

impl Settings {
    /// The model of a role, if it is not the one that completes.
    pub(crate) fn own_model(&self, role: ModelRole) -> Option<ModelSettings> {
        let names = match role {
            ModelRole::Completion | ModelRole::Embedding => return None,
            ModelRole::Chat => self.chat.clone(),
            ModelRole::Edits if self.next_edit => self.next_edit_model.clone(),
            ModelRole::Edits => return None,
        };
        (!names.is_empty()).then(|| ModelSettings { role, names, ..self.model.clone() })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            disabled_languages: Vec::new(),
            completion: CompletionSettings {
                max_file_bytes: MAX_FILE_BYTES,
                ..CompletionSettings::default()
            },
            budget_ms: BUDGET_MS,
            model: ModelSettings::default(),
            chat: Vec::new(),
            completion_answers: AutoAlwaysNever::Auto,
            look_ahead: AutoAlwaysNever::Auto,
            small_first: true,
            next_edit: NEXT_EDIT,
            next_edit_model: Vec::new(),
            snippets: true,
            log_level: None,
        }
    }
}

#[cfg(test)]
mod tests;
