//! The ONNX Runtime library: finding it, and installing it once. Invariant: a library that [`RuntimeStore::find`] reports was
//! installed as a whole, because the record that names it is written last; and any number of processes may ask at once.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::archive::{self, Format, Wanted};
use crate::client::{Fetch, FetchFailure, PackageClients};
use crate::digest::{self, Fingerprint};
use crate::pins::{Client, PINS, Pin};
use crate::platform::Platform;
use crate::staging::{self, Staging};
use crate::{Home, Progress, StoreError};

mod from_files;
#[cfg(test)]
mod tests;

/// The variables that name a library, in the order in which they are asked.
const VARIABLES: [&str; 2] = ["FIMBLE_ONNXRUNTIME", "ORT_DYLIB_PATH"];

/// A library to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRuntime {
    /// The library file, absolute unless the user named it otherwise.
    pub path: PathBuf,
    /// Why this one.
    pub origin: Origin,
}

/// The origin of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This environment variable names it.
    Environment(&'static str),
    /// `fimble setup` installed it.
    Installed(InstalledRuntime),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "named by {variable}"),
            Self::Installed(installed) => write!(f, "installed from {}", installed.source),
        }
    }
}

/// An installed library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledRuntime {
    /// The library file.
    pub path: PathBuf,
    /// Its version, from its names, if they have it: "1.31.1".
    pub version: Option<String>,
    /// The file it was taken from.
    pub source: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Whether that checksum is one that Fimble pins. Otherwise the library was taken as the user gave it.
    pub pinned: bool,
}

/// The record of the installed library on disk.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The platform, so that a home shared between machines is not mistaken.
    platform: String,
    /// The library, relative to the runtime folder, with `/`.
    library: String,
    size: u64,
    sha256: String,
    version: Option<String>,
    source: String,
    pinned: bool,
}

/// The runtime folder of a [`Home`].
pub struct RuntimeStore {
    folder: PathBuf,
    named: Option<(&'static str, PathBuf)>,
    platform: Option<Platform>,
    pins: &'static [Pin],
    fetch: Box<dyn Fetch>,
}

impl RuntimeStore {
    /// The store of a home, without regard to the environment.
    pub fn at(home: &Home) -> Self {
        // The published libraries need the GNU C library; on another one only the user knows a library that loads.
        let pins = if cfg!(target_env = "musl") { &[] } else { PINS };
        Self {
            folder: home.runtime_dir(),
            named: None,
            platform: Platform::current(),
            pins,
            fetch: Box::new(PackageClients),
        }
    }

    /// The store of the user's home, with the library that the environment names, if any.
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn from_env() -> Result<Self, StoreError> {
        let named = VARIABLES.iter().find_map(|&variable| {
            env::var_os(variable)
                .filter(|value| !value.is_empty())
                .map(|value| (variable, PathBuf::from(value)))
        });
        Ok(Self { named, ..Self::at(&Home::from_env()?) })
    }

    /// The library to load: the one the environment names, else the installed one. The system's own is not taken, since
    /// its version is unknown.
    ///
    /// # Errors
    /// [`StoreError::NamedRuntimeMissing`]: the environment names a file that does not exist.
    pub fn locate(&self) -> Result<Option<FoundRuntime>, StoreError> {
        if let Some((variable, path)) = &self.named {
            if !path.is_file() {
                return Err(StoreError::NamedRuntimeMissing { variable, path: path.clone() });
            }
            return Ok(Some(FoundRuntime { path: path.clone(), origin: Origin::Environment(variable) }));
        }
        Ok(self.installed().map(|installed| FoundRuntime {
            path: installed.path.clone(),
            origin: Origin::Installed(installed),
        }))
    }

    /// As [`RuntimeStore::locate`], where only a usable library matters.
    pub fn find(&self) -> Option<FoundRuntime> {
        self.locate().ok().flatten()
    }

    /// The installed library. A missing or broken record, or a library of another size, counts as not installed: installing
    /// again repairs each of these.
    pub fn installed(&self) -> Option<InstalledRuntime> {
        let record: Record = serde_json::from_slice(&fs::read(self.record_file()).ok()?).ok()?;
        let path = record.library.split('/').fold(self.folder.clone(), |path, part| path.join(part));
        let whole = fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() == record.size);
        let ours = self.platform.is_some_and(|platform| platform.to_string() == record.platform);
        (whole && ours).then_some(InstalledRuntime {
            path,
            version: record.version,
            source: record.source,
            sha256: record.sha256,
            pinned: record.pinned,
        })
    }

    /// Reads the installed library again and compares its checksum with the one it had when it was installed.
    ///
    /// # Errors
    /// [`StoreError::NoRuntime`], [`StoreError::Checksum`], or the file cannot be read.
    pub fn verify(&self) -> Result<InstalledRuntime, StoreError> {
        let installed =
            self.installed().ok_or_else(|| StoreError::NoRuntime { folder: self.folder.clone() })?;
        let found = digest::of_file(&installed.path, &mut |_| {})?;
        check(&installed.path.display().to_string(), &installed.sha256, &found)?;
        Ok(installed)
    }

    /// Finds the library, or installs it.
    ///
    /// # Errors
    /// The errors of [`RuntimeStore::locate`] and [`RuntimeStore::install`].
    pub fn ensure(&self, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, StoreError> {
        if let Some(found) = self.locate()? {
            return Ok(found.path);
        }
        let staging = Staging::open(&self.folder, progress)?;
        // Another process may have installed it while this one waited for the lock.
        if let Some(installed) = self.installed() {
            return Ok(installed.path);
        }
        self.install_in(&staging, progress).map(|installed| installed.path)
    }

    /// Installs the pinned library, also where one is installed.
    ///
    /// # Errors
    /// No pin for this platform, no package client, the client failed, a wrong checksum, no space. What was installed
    /// before stays.
    pub fn install(&self, progress: &mut dyn FnMut(Progress)) -> Result<InstalledRuntime, StoreError> {
        self.install_in(&Staging::open(&self.folder, progress)?, progress)
    }

    /// Installs a library out of a folder that is about to go; `source` is where it came from.
    pub(crate) fn install_out_of(
        &self,
        folder: &Path,
        source: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), StoreError> {
        self.install_from(folder, progress)?;
        let path = self.record_file();
        let text = fs::read(&path).map_err(StoreError::io("read", &path))?;
        let Ok(record) = serde_json::from_slice::<Record>(&text) else { return Ok(()) };
        let record = Record { source: source.to_owned(), ..record };
        let text = serde_json::to_vec_pretty(&record).unwrap_or(text);
        staging::write_whole(&Staging::open(&self.folder, progress)?, &path, &text)
    }

    /// The error of a library that is not there.
    pub(crate) fn not_installed(&self) -> StoreError {
        StoreError::NoRuntime { folder: self.folder.clone() }
    }

    fn record_file(&self) -> PathBuf {
        self.folder.join("installed.json")
    }

    fn pins_here(&self) -> impl Iterator<Item = &'static Pin> {
        let platform = self.platform;
        self.pins.iter().filter(move |pin| Some(pin.platform) == platform)
    }

    /// The file that a user without a package client should fetch, in words.
    fn archive_to_fetch(&self) -> String {
        match self.pins_here().next() {
            Some(pin) => {
                format!("{} (a file of the Python package onnxruntime {})", pin.archive, pin.version)
            }
            None => "a build of ONNX Runtime for this platform".to_owned(),
        }
    }

    fn install_in(
        &self,
        staging: &Staging,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<InstalledRuntime, StoreError> {
        let mut absent = Vec::new();
        let mut failed = Vec::new();
        for pin in self.pins_here() {
            let client = match pin.client {
                Client::Pip { .. } => "pip",
                Client::Npm => "npm",
            };
            let megabytes = pin.archive_size / 1_000_000;
            let what = format!("fetching ONNX Runtime {} with {client} ({megabytes} MB)", pin.version);
            progress(Progress::step(what));
            match self.fetch.fetch(pin, staging.path(), progress) {
                Ok(archive) => return self.install_pinned(pin, &archive, staging, progress),
                Err(FetchFailure::Absent(reason)) => absent.push(reason),
                Err(FetchFailure::Failed(reason)) => failed.push(reason),
                Err(FetchFailure::Store(error)) => return Err(error),
            }
        }
        let archive = self.archive_to_fetch();
        match (absent.is_empty(), failed.is_empty()) {
            (true, true) => Err(unsupported(self.platform)),
            (false, true) => Err(StoreError::NoClient { tried: absent.join(", "), archive }),
            (_, false) => {
                failed.extend(absent);
                Err(StoreError::ClientFailed { details: failed.join("\n"), archive })
            }
        }
    }

    /// Checks and unpacks a pinned archive.
    fn install_pinned(
        &self,
        pin: &Pin,
        archive: &Path,
        staging: &Staging,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<InstalledRuntime, StoreError> {
        progress(Progress::step(format!("checking {}", pin.archive)));
        let found = digest::of_file(archive, &mut |done| progress(Progress::bytes(done, pin.archive_size)))?;
        check(pin.archive, pin.archive_sha256, &found)?;
        progress(Progress::step(format!("unpacking {}", pin.library.name())));
        let files: Vec<_> = pin.companions.iter().chain([&pin.library]).collect();
        let wanted: Vec<_> = files
            .iter()
            .map(|file| Wanted { member: file.member.to_owned(), target: staging.path().join(file.name()) })
            .collect();
        let format = Format::of(Path::new(pin.archive)).expect("pins name archives");
        let found = archive::extract(archive, format, &wanted, progress)?;
        for (file, found) in files.iter().zip(&found) {
            check(&format!("{} in {}", file.name(), pin.archive), file.sha256, found)?;
        }
        let (library, companions) = wanted.split_last().expect("the library is wanted");
        let unpacked = Unpacked {
            library: library.target.clone(),
            companions: companions.iter().map(|wanted| wanted.target.clone()).collect(),
            fingerprint: found.last().expect("one fingerprint per member").clone(),
            source: pin.archive.to_owned(),
        };
        self.place(unpacked, Some(pin.version.to_owned()), true, staging)
    }

    /// Moves the unpacked files to their final names, then writes the record.
    fn place(
        &self,
        unpacked: Unpacked,
        version: Option<String>,
        pinned: bool,
        staging: &Staging,
    ) -> Result<InstalledRuntime, StoreError> {
        let Fingerprint { size, sha256 } = unpacked.fingerprint;
        // Without a version the checksum keeps two libraries apart.
        let folder = format!("onnxruntime-{}", version.as_deref().unwrap_or(&sha256[..12]));
        let mut library = String::new();
        for file in unpacked.companions.iter().chain([&unpacked.library]) {
            library = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let target = self.folder.join(&folder).join(&library);
            // Windows refuses to replace a library in use, and there is no need to.
            let same = target.is_file()
                && digest::of_file(&target, &mut |_| {})? == digest::of_file(file, &mut |_| {})?;
            if !same {
                staging::put_in_place(file, &target)?;
            }
        }
        let record = Record {
            platform: self.platform.map(|platform| platform.to_string()).unwrap_or_default(),
            library: format!("{folder}/{library}"),
            size,
            sha256: sha256.clone(),
            version: version.clone(),
            source: unpacked.source.clone(),
            pinned,
        };
        let text = serde_json::to_vec_pretty(&record).expect("a record of plain values is JSON");
        staging::write_whole(staging, &self.record_file(), &text)?;
        let path = self.folder.join(folder).join(library);
        Ok(InstalledRuntime { path, version, source: unpacked.source, sha256, pinned })
    }
}

/// A library in the staging folder.
struct Unpacked {
    library: PathBuf,
    companions: Vec<PathBuf>,
    fingerprint: Fingerprint,
    source: String,
}

fn check(file: &str, expected: &str, found: &Fingerprint) -> Result<(), StoreError> {
    if found.sha256 == expected {
        return Ok(());
    }
    let (expected, got) = (expected.to_owned(), found.sha256.clone());
    Err(StoreError::Checksum { file: file.to_owned(), expected, got })
}

fn unsupported(platform: Option<Platform>) -> StoreError {
    let platform = platform.map_or_else(
        || format!("{} {}", env::consts::OS, env::consts::ARCH),
        |platform| platform.to_string(),
    );
    StoreError::UnsupportedPlatform { platform }
}

/// Finds the user's library, or installs it: [`RuntimeStore::ensure`] of [`RuntimeStore::from_env`].
///
/// # Errors
/// As there.
pub fn ensure(progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, StoreError> {
    RuntimeStore::from_env()?.ensure(progress)
}

/// The user's library, if there is one: [`RuntimeStore::find`] of [`RuntimeStore::from_env`].
pub fn find() -> Option<FoundRuntime> {
    RuntimeStore::from_env().ok()?.find()
}

/// Installs the pinned library: [`RuntimeStore::install`] of [`RuntimeStore::from_env`].
///
/// # Errors
/// As there.
pub fn install(progress: &mut dyn FnMut(Progress)) -> Result<InstalledRuntime, StoreError> {
    RuntimeStore::from_env()?.install(progress)
}

/// Installs from the user's files: [`RuntimeStore::install_from`] of [`RuntimeStore::from_env`].
///
/// # Errors
/// As there.
pub fn install_from(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<InstalledRuntime, StoreError> {
    RuntimeStore::from_env()?.install_from(path, progress)
}
