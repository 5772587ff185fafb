//! What a client sent, in the order of precedence. Invariant: what comes by `workspace/didChangeConfiguration` stands over
//! what came with `initialize`, key by key, because some clients send an empty object as "no change"; a null there says that
//! the key is not set any more.

use serde_json::{Map, Value};

use super::entry::{Kind, apply_all, close};
use super::names::moved;
use super::table::{EXPERIMENTAL, top_level};
use super::{SECTION, Settings, SettingsProblem};

/// What was sent so far.
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

    /// What holds, and what does not apply.
    pub(crate) fn resolve(&self) -> (Settings, Vec<SettingsProblem>) {
        let mut all = self.initialization.clone();
        for (key, value) in &self.configuration {
            put_over(&mut all, key, value);
        }
        all.retain(|_, value| !value.is_null());
        let mut problems = Vec::new();
        let mut settings = Settings::default();
        if let Some(value) = all.remove("") {
            problems.push(SettingsProblem::no_object(&value));
            close(SECTION, &mut settings);
        }
        apply_moved(&mut all, &mut settings, &mut problems);
        apply_all(top_level(), "", &all, &mut settings, &mut problems);
        (settings, problems)
    }
}

/// Puts a value over what was set under its key. Of an object of settings each key counts alone.
fn put_over(all: &mut Map<String, Value>, key: &str, value: &Value) {
    let is_group = top_level().any(|setting| setting.key == key && matches!(setting.kind, Kind::Object(_)));
    match (all.get_mut(key), value) {
        (Some(Value::Object(under)), Value::Object(over)) if is_group => under.extend(over.clone()),
        (Some(Value::Object(_)), Value::Array(items)) if is_group && items.is_empty() => {}
        _ => _ = all.insert(key.to_owned(), value.clone()),
    }
}

/// Applies what stands under keys of earlier versions, and removes it. A value under the key of now counts instead.
fn apply_moved(all: &mut Map<String, Value>, settings: &mut Settings, problems: &mut Vec<SettingsProblem>) {
    let old: Vec<String> = all.keys().filter(|key| moved(key).is_some()).cloned().collect();
    for key in old {
        let (Some(setting), Some(value)) = (moved(&key), all.remove(&key)) else { continue };
        problems.push(SettingsProblem::moved(&key));
        let new = all.get(EXPERIMENTAL).and_then(|settings| settings.get(&key));
        if new.is_none_or(Value::is_null) {
            setting.apply(&key, &value, settings, problems);
        }
    }
}

/// What is set: the section's content, or the object itself. What is no object is kept under an empty key, so that it is
/// reported.
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
        let is_known = top_level().any(|setting| setting.key == key) || moved(key).is_some();
        let is_other_section = section.is_none() && value.is_object() && !is_known;
        !is_other_section
    });
    settings
}
