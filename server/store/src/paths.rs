//! The folders of Fimble's files. Invariant: the folder is absolute, so that it does not depend on where an editor starts the
//! server, and nothing is created by asking for it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The folder that holds everything Fimble keeps outside the user's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The folder named by `FIMBLE_HOME`, or the platform's folder for local application data. An empty `FIMBLE_HOME`
    /// counts as unset.
    ///
    /// # Errors
    /// [`StoreError::NoHome`]: `FIMBLE_HOME` is relative or names a file, or it is unset and the system names no home.
    pub fn from_env() -> Result<Self, StoreError> {
        let platform =
            directories::ProjectDirs::from("", "", "fimble").map(|dirs| dirs.data_local_dir().to_owned());
        Self::resolve(env::var_os("FIMBLE_HOME"), platform)
    }

    /// This folder, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The choice behind [`Home::from_env`], on values.
    pub(crate) fn resolve(variable: Option<OsString>, platform: Option<PathBuf>) -> Result<Self, StoreError> {
        let refuse = |reason: String| Err(StoreError::NoHome { reason });
        let Some(root) = variable.filter(|value| !value.is_empty()).map(PathBuf::from) else {
            return match platform {
                Some(root) if root.is_absolute() => Ok(Self { root }),
                Some(root) => {
                    refuse(format!("the home folder of this system is the relative path {}", root.display()))
                }
                None => refuse("this system names no home folder".to_owned()),
            };
        };
        if !root.is_absolute() {
            return refuse(format!("FIMBLE_HOME is the relative path {}", root.display()));
        }
        if root.exists() && !root.is_dir() {
            return refuse(format!("FIMBLE_HOME is {}, which is not a folder", root.display()));
        }
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where ONNX Runtime is installed.
    pub fn runtime_dir(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// Where models are kept, one folder each.
    pub fn models_dir(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Where downloads lie until they are whole and added.
    pub fn downloads_dir(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// The folder of data that outlives the server, such as the trace of the last requests.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The file that names the model in use.
    pub(crate) fn active_file(&self) -> PathBuf {
        self.root.join("active.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(name: &str) -> PathBuf {
        env::temp_dir().join(name)
    }

    #[test]
    fn the_variable_wins_over_the_platform() {
        let home = Home::resolve(Some(absolute("mine").into()), Some(absolute("theirs"))).unwrap();
        assert_eq!(home.root(), absolute("mine"));
        assert_eq!(home.runtime_dir(), absolute("mine").join("runtime"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let home = Home::resolve(Some("".into()), Some(absolute("theirs"))).unwrap();
        assert_eq!(home.root(), absolute("theirs"));
    }

    #[test]
    fn odd_homes_are_refused_and_the_message_names_the_variable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cases: [(Option<OsString>, Option<PathBuf>, &str); 4] = [
            (None, None, "names no home"),
            (None, Some("data/fimble".into()), "relative path data"),
            (Some("some/where".into()), Some(absolute("theirs")), "relative path some"),
            (Some(file.path().into()), None, "not a folder"),
        ];
        for (variable, platform, cause) in cases {
            let message = Home::resolve(variable, platform).unwrap_err().to_string();
            assert!(message.contains(cause) && message.contains("Set FIMBLE_HOME"), "{message}");
        }
    }
}
