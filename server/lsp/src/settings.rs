//! Settings, in two steps: [`Options`] is what the user wrote, all optional; [`Settings`] is what holds, nothing optional
//! that has a default. Must hold: a value that is no good costs only itself: it is reported with its key and the allowed
//! values, the default stands in, and everything else applies.

use std::fmt;

use fimble_completion::{CompletionSettings, MultiLine};
use fimble_model::Provider;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model_state::ModelSettings;

/// Section that our keys live in.
pub(crate) const SECTION: &str = "fimble";

/// Documents over this size in bytes get no suggestions, if the user says nothing else.
const MAX_FILE_BYTES: usize = 10_000_000;

/// Every key with what it allows, for messages.
const KEYS: [(&str, &str); 19] = [
    ("enabled", "true or false"),
    ("languages", "{\"disabled\": [language identifiers, such as \"markdown\"]}"),
    ("multiLine", "\"auto\", \"always\" or \"never\""),
    ("maxLines", "a whole number from 1 to 100"),
    ("maxNewTokens", "a whole number from 1 to 1024"),
    ("contextTokens", "a whole number from 64 to 131072"),
    ("minConfidence", "a number from 0 (show everything) to 1"),
    ("inComments", "true or false"),
    ("inStrings", "true or false"),
    ("syntaxCheck", "true or false"),
    ("model", "\"bundled\", the name of an added model, or the path of a model folder"),
    ("threads", "a whole number from 1 to 256"),
    ("provider", "\"auto\", \"cpu\", \"cuda\", \"tensorrt\", \"coreml\", \"directml\" or \"openvino\""),
    ("kvMegabytes", "a whole number from 1 to 1048576"),
    ("completion", "\"auto\", \"always\" or \"never\""),
    ("maxFileBytes", "a whole number from 1 to 1073741824"),
    ("logLevel", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
    ("heal", "true or false"),
    ("lookAhead", "\"auto\", \"always\" or \"never\""),
];

/// What the user wrote, as far as it has the right types. Keys are in camel case; unknown ones are reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// Whether there are suggestions at all.
    pub enabled: Option<bool>,
    /// Which languages get none.
    pub languages: Option<LanguageOptions>,
    /// When a suggestion may have several lines.
    pub multi_line: Option<AutoAlwaysNever>,
    /// Lines of a suggestion, 1 to 100.
    pub max_lines: Option<u32>,
    /// Tokens that are generated, 1 to 1024.
    pub max_new_tokens: Option<u32>,
    /// Tokens that the model reads, 64 to 131072.
    pub context_tokens: Option<u32>,
    /// Mean probability below which nothing is shown, 0 to 1.
    pub min_confidence: Option<f32>,
    /// Whether to suggest in comments.
    pub in_comments: Option<bool>,
    /// Whether to suggest in strings.
    pub in_strings: Option<bool>,
    /// Whether suggestions that add syntax errors are cut or dropped.
    pub syntax_check: Option<bool>,
    /// "bundled", the name of an added model, or the path of a model folder; the one that `fimble model use` chose, if not
    /// given.
    pub model: Option<String>,
    /// Threads that compute, 1 to 256.
    pub threads: Option<u32>,
    /// What computes: the name of an execution provider.
    pub provider: Option<String>,
    /// Memory for keys and values in MB, 1 to 2^20.
    pub kv_megabytes: Option<u32>,
    /// Whether `textDocument/completion` answers with suggestions.
    pub completion: Option<AutoAlwaysNever>,
    /// Size in bytes over which a document gets none, up to 2^30.
    pub max_file_bytes: Option<u64>,
    /// How much is logged.
    pub log_level: Option<LogLevel>,
    /// Whether a prompt that ends inside a token is mended.
    pub heal: Option<bool>,
    /// Whether the model reads and completes ahead of what is asked.
    pub look_ahead: Option<AutoAlwaysNever>,
}

/// The part of [`Options`] about languages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LanguageOptions {
    /// Language identifiers that get no suggestions.
    pub disabled: Option<Vec<String>>,
}

/// A choice that can be left to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AutoAlwaysNever {
    /// The server decides.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is odd.
    Warn,
    /// And what was started and ended.
    Info,
    /// And every request.
    Debug,
    /// And everything else.
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
    /// What the completion of one place needs: `multiLine`, `maxLines`, `maxNewTokens`, `contextTokens`,
    /// `minConfidence`, `inComments`, `inStrings`, `syntaxCheck`, `heal`, `maxFileBytes`.
    pub completion: CompletionSettings,
    /// Which model computes, on what, with how many threads and how large a cache: `model`, `provider`, `threads`,
    /// `kvMegabytes`.
    pub model: ModelSettings,
    /// Whether `textDocument/completion` answers with suggestions; auto means for clients that cannot show inline
    /// completions: `completion`.
    pub completion_answers: AutoAlwaysNever,
    /// Whether the model reads and completes ahead of what is asked; auto means unless on battery: `lookAhead`.
    pub look_ahead: AutoAlwaysNever,
    /// How much is logged: `logLevel`. None leaves it as the process was started.
    pub log_level: Option<LogLevel>,
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
            model: ModelSettings::default(),
            completion_answers: AutoAlwaysNever::Auto,
            look_ahead: AutoAlwaysNever::Auto,
            log_level: None,
        }
    }
}

/// A setting that does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SettingsProblem {
    /// Its key, without the section.
    pub key: String,
    /// What was given, shortened.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, allowed } = self;
        if key.is_empty() {
            write!(f, "{SECTION}: {value} is no object with settings and is ignored. Settings are {allowed}.")
        } else if is_known(key) {
            write!(
                f,
                "{SECTION}.{key}: {value} is not allowed. Allowed is {allowed}. The default is used until it is changed."
            )
        } else {
            write!(f, "{SECTION}.{key} is no setting and is ignored. Settings are {allowed}.")
        }
    }
}

fn is_known(key: &str) -> bool {
    KEYS.iter().any(|(known, _)| *known == key)
}

fn problem(key: &str, value: &Value) -> SettingsProblem {
    let allowed = match KEYS.iter().find(|(known, _)| *known == key) {
        Some((_, allowed)) => (*allowed).to_owned(),
        None => KEYS.map(|(known, _)| known).join(", "),
    };
    SettingsProblem { key: shortened(key), value: shortened(&value.to_string()), allowed }
}

/// What a message has room for.
fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What is set: the section's content, or the object itself. A null means "not set". What is no object is kept under an
/// empty key, so that it is reported.
fn section(value: &Value) -> Map<String, Value> {
    let section = value.get(SECTION);
    let mut settings = match section.unwrap_or(value) {
        Value::Object(settings) => settings.clone(),
        Value::Null => Map::new(),
        // Lua has one word for an empty list and an empty object.
        Value::Array(items) if items.is_empty() => Map::new(),
        other => Map::from_iter([(String::new(), other.clone())]),
    };
    settings.retain(|key, value| {
        // Some clients send the sections of every server to each of them; without ours there is nothing for us.
        let is_other_section = section.is_none() && value.is_object() && !is_known(key);
        !value.is_null() && !is_other_section
    });
    settings
}

/// What a client sent, in the order of precedence: what comes by `workspace/didChangeConfiguration` stands over what came
/// with `initialize`, key by key, because some clients send an empty object as "no change".
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsLayers {
    initialization: Map<String, Value>,
    configuration: Map<String, Value>,
}

impl SettingsLayers {
    /// Takes `initializationOptions`.
    pub(crate) fn set_initialization(&mut self, value: &Value) {
        self.initialization = section(value);
    }

    /// Takes the settings of a configuration change or pull.
    pub(crate) fn set_configuration(&mut self, value: &Value) {
        self.configuration = section(value);
    }

    /// Both steps.
    pub(crate) fn resolve(&self) -> (Settings, Vec<SettingsProblem>) {
        let mut all = self.initialization.clone();
        all.extend(self.configuration.clone());
        let (options, mut problems) = Options::read(all);
        let settings = Settings::resolve(&options, &mut problems);
        (settings, problems)
    }
}

impl Options {
    /// Reads each key on its own.
    pub(crate) fn read(object: Map<String, Value>) -> (Self, Vec<SettingsProblem>) {
        let mut good = Map::new();
        let mut problems = Vec::new();
        for (key, value) in object {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            if serde_json::from_value::<Self>(Value::Object(alone)).is_ok() {
                good.insert(key, value);
            } else {
                problems.push(problem(&key, &value));
            }
        }
        // Each key was read successfully alone, and none depends on another.
        let options = serde_json::from_value(Value::Object(good)).unwrap_or_default();
        (options, problems)
    }
}

impl Settings {
    /// Applies what the user wrote to the defaults; values out of range are added to `problems`.
    pub fn resolve(options: &Options, problems: &mut Vec<SettingsProblem>) -> Self {
        let mut in_range = |key: &str, value: Option<u64>, low: u64, high: u64| -> Option<usize> {
            let value = value?;
            if (low..=high).contains(&value) {
                return usize::try_from(value).ok();
            }
            problems.push(problem(key, &value.into()));
            None
        };
        let max_lines = in_range("maxLines", options.max_lines.map(Into::into), 1, 100);
        let max_new_tokens = in_range("maxNewTokens", options.max_new_tokens.map(Into::into), 1, 1024);
        let context_tokens = in_range("contextTokens", options.context_tokens.map(Into::into), 64, 131_072);
        let threads = in_range("threads", options.threads.map(Into::into), 1, 256);
        let kv_megabytes = in_range("kvMegabytes", options.kv_megabytes.map(Into::into), 1, 1 << 20);
        let max_file_bytes = in_range("maxFileBytes", options.max_file_bytes, 1, 1 << 30);
        let min_confidence = options.min_confidence.filter(|value| {
            let good = (0.0..=1.0).contains(value);
            if !good {
                problems.push(problem("minConfidence", &(*value).into()));
            }
            good
        });
        let model = options.model.clone().filter(|model| {
            let good = !model.trim().is_empty();
            if !good {
                problems.push(problem("model", &model.as_str().into()));
            }
            good
        });
        let provider = options.provider.as_deref().and_then(|name| {
            let provider = Provider::from_name(name);
            if provider.is_none() {
                problems.push(problem("provider", &name.into()));
            }
            provider
        });

        let default = Self::default();
        let completion = CompletionSettings {
            multi_line: match options.multi_line {
                Some(AutoAlwaysNever::Auto) => MultiLine::Auto,
                Some(AutoAlwaysNever::Always) => MultiLine::Always,
                Some(AutoAlwaysNever::Never) => MultiLine::Never,
                None => default.completion.multi_line,
            },
            max_lines: max_lines.unwrap_or(default.completion.max_lines),
            max_new_tokens: max_new_tokens.unwrap_or(default.completion.max_new_tokens),
            max_prompt_tokens: context_tokens.or(default.completion.max_prompt_tokens),
            min_confidence: min_confidence.unwrap_or(default.completion.min_confidence),
            in_comments: options.in_comments.unwrap_or(default.completion.in_comments),
            in_strings: options.in_strings.unwrap_or(default.completion.in_strings),
            syntax_check: options.syntax_check.unwrap_or(default.completion.syntax_check),
            heal: options.heal.unwrap_or(default.completion.heal),
            max_file_bytes: max_file_bytes.unwrap_or(default.completion.max_file_bytes),
        };
        Self {
            enabled: options.enabled.unwrap_or(default.enabled),
            disabled_languages: options
                .languages
                .as_ref()
                .and_then(|languages| languages.disabled.clone())
                .unwrap_or_default(),
            completion,
            model: ModelSettings { model, threads, provider: provider.unwrap_or_default(), kv_megabytes },
            completion_answers: options.completion.unwrap_or(default.completion_answers),
            look_ahead: options.look_ahead.unwrap_or(default.look_ahead),
            log_level: options.log_level,
        }
    }
}

#[cfg(test)]
mod tests;
