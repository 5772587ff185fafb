//! Settings that do not apply, in words. Must hold: a message names the key, what was given and what is allowed.

use std::fmt;

use serde_json::Value;

use super::SECTION;
use super::entry::{Kind, keys};
use super::table::SETTINGS;

/// A setting that does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SettingsProblem {
    /// Its key, without the section; a dot leads into an object. Empty if what was sent is no object.
    pub key: String,
    /// What was given, shortened.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
    /// Whether there is such a setting.
    pub is_known: bool,
}

impl SettingsProblem {
    /// There is such a setting, but not this value.
    pub(super) fn not_allowed(key: &str, value: &Value, kind: &Kind) -> Self {
        Self { key: key.to_owned(), value: shown(value), allowed: kind.allowed(), is_known: true }
    }

    /// There is no such setting among these.
    pub(super) fn unknown(key: &str, value: &Value, allowed: &str) -> Self {
        Self { key: shortened(key), value: shown(value), allowed: allowed.to_owned(), is_known: false }
    }

    /// What was sent is no object.
    pub(super) fn no_object(value: &Value) -> Self {
        Self::unknown("", value, &keys(SETTINGS))
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, allowed, is_known } = self;
        if key.is_empty() {
            write!(f, "{SECTION}: {value} is no object with settings and is ignored. Settings are {allowed}.")
        } else if *is_known {
            write!(
                f,
                "{SECTION}.{key}: {value} is not allowed. Allowed is {allowed}. The default is used until it is changed."
            )
        } else {
            write!(f, "{SECTION}.{key} is no setting and is ignored. Settings are {allowed}.")
        }
    }
}

fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

/// What a message has room for.
fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
