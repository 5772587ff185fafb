//! Settings that do not apply, in words. Invariant: a message names the key, what was given, what is allowed, and what holds
//! meanwhile; what may be a key of a server is not repeated.

use std::fmt;

use serde_json::Value;

use super::SECTION;
use super::entry::{Kind, Malformed, Setting, keys};
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
    /// Whether it forbids servers beyond this machine until it is changed.
    pub closes: bool,
}

impl SettingsProblem {
    /// There is such a setting, but not this value.
    pub(super) fn not_allowed(key: &str, value: &Value, setting: &Setting) -> Self {
        // Somebody may have written the key of a server where the place of one belongs.
        let value = match setting.kind {
            Kind::Texts(..) => "what is set".to_owned(),
            _ => shown(value),
        };
        let closes = setting.malformed == Malformed::Closes;
        Self { key: key.to_owned(), value, allowed: setting.kind.allowed(), is_known: true, closes }
    }

    /// There is no such setting among these.
    pub(super) fn unknown(key: &str, value: &Value, allowed: &str) -> Self {
        Self {
            key: shortened(key),
            value: shown(value),
            allowed: allowed.to_owned(),
            is_known: false,
            closes: true,
        }
    }

    /// What was sent is no object.
    pub(super) fn no_object(value: &Value) -> Self {
        Self::unknown("", value, &keys(SETTINGS))
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, allowed, is_known, closes } = self;
        if key.is_empty() {
            write!(
                f,
                "{SECTION}: {value} is no object with settings and is ignored. Settings are {allowed}."
            )?;
        } else if *is_known {
            write!(
                f,
                "{SECTION}.{key}: {value} is not allowed. Allowed is {allowed}. The default is used until it is changed."
            )?;
        } else {
            write!(f, "{SECTION}.{key} is no setting and is ignored. Settings are {allowed}.")?;
        }
        if *closes { f.write_str(" Until then no server beyond this machine is asked.") } else { Ok(()) }
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
