//! Errors of files on disk. Invariant: every message names the cause and what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate, written for the user.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No folder to keep anything in.
    #[error(
        "Fimble has no folder for its files: {reason}. Set FIMBLE_HOME to the absolute path of a folder of your own"
    )]
    NoHome {
        /// Why not.
        reason: String,
    },
    /// The system refused something.
    #[error(
        "cannot {action} {}: {reason}. Check that it exists and that you may access it; FIMBLE_HOME moves Fimble's own files to another folder",
        path.display()
    )]
    Io {
        /// The operation: "write".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
    /// The user named a file or folder that is not there.
    #[error("there is no file or folder {}. Check the path", path.display())]
    NoSuchPath {
        /// The path.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left while writing {}. Make room, or set FIMBLE_HOME to a folder on another disk; what was there before is unchanged", path.display())]
    NoSpace {
        /// The file or folder that was written.
        path: PathBuf,
    },
    /// Nothing is pinned for this platform.
    #[error(
        "there is no pinned ONNX Runtime for {platform}. Get or build the ONNX Runtime library (1.22 or later) for it and run `fimble setup --from DIR`"
    )]
    UnsupportedPlatform {
        /// The platform.
        platform: String,
    },
    /// Neither pip nor npm exists.
    #[error(
        "ONNX Runtime is not installed, and neither pip nor npm was found to fetch it ({tried}). Install python3 with pip, or npm; or download {archive} on any machine and run `fimble setup --from DIR` with the folder that holds it"
    )]
    NoClient {
        /// The attempts, and why they failed.
        tried: String,
        /// The file to fetch by hand.
        archive: String,
    },
    /// The package client failed.
    #[error(
        "ONNX Runtime could not be fetched:\n{details}\nCheck the network, the proxy and the package index; or download {archive} on any machine and run `fimble setup --from DIR` with the folder that holds it"
    )]
    ClientFailed {
        /// Each client with its last lines.
        details: String,
        /// The file to fetch by hand.
        archive: String,
    },
    /// The file is not the one that is pinned.
    #[error(
        "the checksum of {file} is wrong: expected SHA-256 {expected}, got {got}. It is damaged or not the published file, and was not installed: run `fimble setup` again, or get the file anew"
    )]
    Checksum {
        /// Which file.
        file: String,
        /// The pinned SHA-256, in hex.
        expected: String,
        /// The value of the file.
        got: String,
    },
    /// A file cannot be read as what its name says.
    #[error("{} cannot be read: {reason}. Get the file anew", path.display())]
    BadArchive {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Nothing usable in the folder of `fimble setup --from`.
    #[error(
        "no ONNX Runtime for {platform} in {}{looked_at}. Put one of these there: {archive}, an official release archive of ONNX Runtime 1.22 or later for this platform, or the library itself",
        path.display()
    )]
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
    #[error("{variable} names {}, which is not a file. Correct it, or unset it to use the library that `fimble setup` installs", path.display())]
    NamedRuntimeMissing {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// ONNX Runtime is not installed.
    #[error("ONNX Runtime is not installed in {}. Run `fimble setup`", folder.display())]
    NoRuntime {
        /// Where it would be.
        folder: PathBuf,
    },
    /// A folder does not hold a model.
    #[error(
        "{} is not a model folder: {reason}. A model folder holds tokenizer.json and, beside it or in the subfolder `onnx`, a model as .onnx file",
        path.display()
    )]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// The missing file.
        reason: String,
    },
    /// A name that cannot be a model's.
    #[error(
        "{name:?} cannot be the name of a model: {reason}. Choose another, for example `--name {proposal}`"
    )]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
        /// A name near it that is allowed.
        proposal: String,
    },
    /// The name is taken.
    #[error(
        "there is already a model {name:?}. Add this one under another name, for example with `--name {proposal}`, or remove the old one first with `fimble model remove {name}`"
    )]
    NameTaken {
        /// The name as it stands on disk.
        name: String,
        /// A name that is free.
        proposal: String,
    },
    /// There is less room on the disk than a model needs.
    #[error(
        "{} has {free_mb} MB free, and {needed_mb} MB are needed. Make room, for example with `fimble model remove NAME`, or set FIMBLE_HOME to a folder on another disk; nothing was written",
        path.display()
    )]
    TooLittleSpace {
        /// The folder.
        path: PathBuf,
        /// The space that is needed, in megabytes (10^6 bytes).
        needed_mb: u64,
        /// The free space, in megabytes (10^6 bytes).
        free_mb: u64,
    },
    /// A file could not be turned into a model of this store.
    #[error("{reason}")]
    Import {
        /// Cause and remedy, in sentences.
        reason: String,
    },
    /// Something that names a model leads nowhere.
    #[error("{spec} names no model here: {reason}. `fimble model list` shows what was found on this disk")]
    NotFound {
        /// The name that the user gave.
        spec: String,
        /// Why not.
        reason: String,
    },
    /// No source could give a model.
    #[error("{what} could not be fetched:\n{details}")]
    NotFetched {
        /// The model.
        what: String,
        /// One line for each source, with cause and remedy.
        details: String,
    },
    /// An archive of models is not one that `fimble model bundle` wrote.
    #[error("{} cannot be installed: {reason}. Write it anew with `fimble model bundle NAME... --to FILE`; nothing was installed", path.display())]
    BadBundle {
        /// The archive.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// No such model.
    #[error(
        "there is no model {name:?}; there are: {known}. Choose one with `fimble model use NAME`, or add one with `fimble model add FOLDER`"
    )]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are, with commas.
        known: String,
    },
    /// The model in use cannot be removed.
    #[error(
        "the model {name:?} is in use. Choose another first, for example `fimble model use bundled`, then remove it"
    )]
    ModelInUse {
        /// Its name.
        name: String,
    },
    /// The model in the program cannot be removed.
    #[error(
        "the model \"bundled\" is part of the program and cannot be removed. To use another one, run `fimble model use NAME`"
    )]
    BundledModelStays,
    /// The file that names the active model is broken.
    #[error("{} does not name a model: {reason}. Choose one with `fimble model use NAME`", path.display())]
    BadActiveFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// The manifest of a model is missing or broken.
    #[error(
        "the model {name:?} has no usable list of checksums ({reason}), so it cannot be verified. Add it again with `fimble model add {} --name NAME` under a new name",
        path.display()
    )]
    BadManifest {
        /// The model.
        name: String,
        /// Its folder.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Files of a model changed.
    #[error(
        "the model {name:?} is damaged: {faults}. Remove it with `fimble model remove {name}` and add it again"
    )]
    DamagedModel {
        /// The model.
        name: String,
        /// Each file and what is wrong with it.
        faults: String,
    },
}

impl StoreError {
    /// The error of looking at a path that the user named.
    pub(crate) fn named_path(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| match reason.kind() {
            io::ErrorKind::NotFound => Self::NoSuchPath { path: path.to_owned() },
            _ => Self::io("open", path)(reason),
        }
    }

    /// Turns an error of the system into ours, telling a full disk from the rest.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path: path.to_owned() }
            }
            _ => Self::Io { action, path: path.to_owned(), reason },
        }
    }
}
