//! Settings that do not apply as they were sent, in words. Invariant: a message names the key, what is wrong with it, and what
//! holds meanwhile; what may be a key of a server is not repeated.

use std::fmt;

use serde_json::Value;

use super::SECTION;
use super::entry::{Kind, Malformed, Setting};
use super::names::{moved_to, nearest};

/// The command that lists the settings.
const LIST: &str = "`fimble doctor --print-config schema`";

/// A setting that does not apply as it was sent. [`fmt::Display`] is the message to the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SettingsProblem {
    /// Its key, without the section; a dot leads into an object. Empty if what was sent is no object.
    key: String,
    fault: Fault,
    /// Whether it forbids servers beyond this machine until it is changed.
    closes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// There is such a setting, but not this value. Both texts are for people.
    NotAllowed { value: String, allowed: String },
    /// There is no such setting; the key that may be meant.
    Unknown { nearest: Option<String> },
    /// The key is one of an earlier version, and the setting applies.
    Moved,
    /// What was sent is no object; it is shortened.
    NoObject { value: String },
}

impl SettingsProblem {
    /// There is such a setting, but not this value.
    pub(super) fn not_allowed(key: &str, value: &Value, setting: &Setting) -> Self {
        // Somebody may have written the key of a server where the place of one belongs.
        let value = match setting.kind {
            Kind::Texts(..) => "what is set".to_owned(),
            _ => shown(value),
        };
        let fault = Fault::NotAllowed { value, allowed: setting.kind.allowed() };
        Self { key: key.to_owned(), fault, closes: setting.malformed == Malformed::Closes }
    }

    /// There is no such setting.
    pub(super) fn unknown(key: &str) -> Self {
        Self { key: shortened(key), fault: Fault::Unknown { nearest: nearest(key) }, closes: true }
    }

    /// The key is one of an earlier version.
    pub(super) fn moved(key: &str) -> Self {
        Self { key: key.to_owned(), fault: Fault::Moved, closes: false }
    }

    /// What was sent is no object.
    pub(super) fn no_object(value: &Value) -> Self {
        Self { key: String::new(), fault: Fault::NoObject { value: shown(value) }, closes: true }
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.fault {
            Fault::NotAllowed { value, allowed } => write!(
                f,
                "{SECTION}.{key}: {value} is not allowed. Allowed is {allowed}. The default is used until it is changed."
            )?,
            Fault::Unknown { nearest: Some(nearest) } => {
                write!(
                    f,
                    "{SECTION}.{key} is no setting and is ignored. Write `{nearest}` if you mean that one."
                )?;
            }
            Fault::Unknown { nearest: None } => {
                write!(f, "{SECTION}.{key} is no setting and is ignored; {LIST} lists the settings.")?;
            }
            Fault::Moved => write!(f, "`{key}` is now `{}`; write it there.", moved_to(key))?,
            Fault::NoObject { value } => write!(
                f,
                "{SECTION}: {value} is no object with settings and is ignored; {LIST} lists the settings."
            )?,
        }
        if self.closes { f.write_str(" Until then no server beyond this machine is asked.") } else { Ok(()) }
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
