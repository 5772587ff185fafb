//! Keys of servers. Invariant: they are read when they are needed and kept nowhere; nothing that may be one is shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{authority, host_and_port};
use crate::address::Endpoint;
use crate::error::{ServerError, ServerErrorKind};

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum KeySource {
    Variable(String),
    File(PathBuf),
}

/// Where keys are, by the `host:port` that they are for.
#[derive(Clone, Default)]
pub(super) struct Keys(BTreeMap<String, KeySource>);

impl Keys {
    /// Reads the setting. The error is one sentence.
    pub(super) fn new(setting: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for (place, source) in setting {
            let (host, port) = host_and_port(place).ok_or_else(|| {
                format!("apiKeys: {place:?} is no host with a port. Write it as \"models.example:443\"")
            })?;
            let source = match source.split_once(':') {
                Some(("env", name)) if !name.is_empty() => KeySource::Variable(name.to_owned()),
                Some(("file", path)) if !path.is_empty() => KeySource::File(PathBuf::from(path)),
                // What was written may be the key itself: it is not repeated.
                _ => {
                    return Err(format!(
                        "apiKeys: the key of {place:?} is named wrongly. Write \"env:NAME\" for a variable or \
                         \"file:/path\" for a file; never the key itself"
                    ));
                }
            };
            keys.insert(authority(&host, port), source);
        }
        Ok(Self(keys))
    }

    /// The key for a server, if one is named. The error says why it cannot be read.
    pub(super) fn read(&self, endpoint: &Endpoint) -> Result<Option<String>, ServerError> {
        let Some(source) = endpoint.authority().and_then(|place| self.0.get(&place)) else {
            return Ok(None);
        };
        let key = match source {
            KeySource::Variable(name) => std::env::var(name).map_err(|_| {
                ServerError::forbidden(
                    format!("the variable {name}, which should hold the key of {endpoint}, is not set"),
                    "Set it where the editor is started, or change the setting apiKeys",
                )
            })?,
            // It may be there the next time.
            KeySource::File(path) => std::fs::read_to_string(path).map_err(|error| {
                ServerError::new(
                    ServerErrorKind::Declined,
                    format!("the key of {endpoint} cannot be read from {} ({error})", path.display()),
                    "Put it there, or change the setting apiKeys",
                )
            })?,
        };
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|character| character.is_ascii_graphic()) {
            return Err(ServerError::forbidden(
                format!("the key of {endpoint} is empty or holds blanks or line breaks"),
                "Put only the key there",
            ));
        }
        Ok(Some(key.to_owned()))
    }
}
