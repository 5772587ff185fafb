//! Installing from the user's own files: `fimble setup --from DIR`. Invariant: a file that does not fit this machine is skipped
//! with its reason, and a damaged pinned file is never skipped.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{InstalledRuntime, RuntimeStore, Unpacked, unsupported};
use crate::archive::{self, Format, Wanted};
use crate::digest::{self, Fingerprint};
use crate::pins::OLDEST_VERSION;
use crate::platform::{self, Platform};
use crate::source::{self, Version};
use crate::staging::Staging;
use crate::{Progress, StoreError};

impl RuntimeStore {
    /// Installs the library out of a file, or out of the most promising file in a folder: the pinned package, a release
    /// archive, or the library itself, from version 1.22 on.
    ///
    /// # Errors
    /// Nothing there fits this machine, or a pinned archive has the wrong checksum. What was installed before stays.
    pub fn install_from(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<InstalledRuntime, StoreError> {
        let Some(platform) = self.platform else { return Err(unsupported(None)) };
        let candidates = source::candidates(path, platform, self.pins)?;
        let staging = Staging::open(&self.folder, progress)?;
        let mut looked_at = String::new();
        for candidate in &candidates {
            let misfit = match self.try_candidate(candidate, platform, &staging, progress) {
                Ok(Ok(installed)) => return Ok(installed),
                Ok(Err(misfit)) => misfit,
                Err(StoreError::BadArchive { reason, .. }) if candidate != path => reason,
                Err(error) => return Err(error),
            };
            looked_at.push_str(if looked_at.is_empty() { ": " } else { ", " });
            let name = candidate.strip_prefix(path).ok().filter(|rest| !rest.as_os_str().is_empty());
            looked_at.push_str(&format!("{} is {misfit}", name.unwrap_or(candidate).display()));
        }
        Err(StoreError::NothingSuitable {
            path: path.to_owned(),
            platform: platform.to_string(),
            looked_at,
            archive: self.archive_to_fetch(),
        })
    }

    /// Installs a file of the user's; the inner error says why it does not fit this machine.
    fn try_candidate(
        &self,
        candidate: &Path,
        platform: Platform,
        staging: &Staging,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Result<InstalledRuntime, String>, StoreError> {
        let name = candidate.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(pin) = self.pins_here().find(|pin| pin.archive == name) {
            return self.install_pinned(pin, candidate, staging, progress).map(Ok);
        }
        if let Some(pin) = self.pins.iter().find(|pin| pin.archive == name) {
            return Ok(Err(format!("for {}", pin.platform)));
        }
        progress(Progress::step(format!("reading {name}")));
        let unpacked = if let Some(format) = Format::of(candidate) {
            unpack_unpinned(candidate, format, platform, staging, progress)?
        } else if platform.is_library_name(&name) {
            copy_library(candidate, platform, staging, progress)?
        } else {
            return Ok(Err("neither an archive nor the library".to_owned()));
        };
        let unpacked = match unpacked {
            Ok(unpacked) => unpacked,
            Err(misfit) => return Ok(Err(misfit)),
        };
        let pin = self.pins_here().find(|pin| pin.library.sha256 == unpacked.fingerprint.sha256);
        let version = match pin {
            Some(pin) => source::version_in(pin.version),
            None => version_of(&unpacked)?,
        };
        if version.is_some_and(|(major, minor, _)| (major, minor) < OLDEST_VERSION) {
            let (major, minor) = OLDEST_VERSION;
            return Ok(Err(format!(
                "too old: {}, and {major}.{minor} is the oldest that works",
                show(version)
            )));
        }
        let version = version.map(|version| show(Some(version)));
        self.place(unpacked, version, pin.is_some(), staging).map(Ok)
    }
}

/// Takes the library out of an archive that is not pinned: the first that fits this machine, the longest name first, since
/// that is the one with the version.
fn unpack_unpinned(
    archive: &Path,
    format: Format,
    platform: Platform,
    staging: &Staging,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<Unpacked, String>, StoreError> {
    let split = |member: &str| match member.rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (String::new(), member.to_owned()),
    };
    let members = archive::list(archive, format)?;
    let mut libraries: Vec<(String, String, &String)> = members
        .iter()
        .filter(|member| !member.contains(".dSYM/"))
        .map(|member| (split(member), member))
        .filter(|((_, name), _)| platform.is_library_name(name))
        .map(|((folder, name), member)| (folder, name, member))
        .collect();
    libraries.sort_by_key(|(_, name, _)| std::cmp::Reverse(name.len()));
    let mut misfit = format!("without a library for {platform}");
    for (folder, name, member) in libraries {
        let library = Wanted { member: member.clone(), target: staging.path().join(&name) };
        let target = library.target.clone();
        let found = archive::extract(archive, format, &[library], progress)?;
        if let Some(reason) = misfit_of(&target, platform)? {
            misfit = reason;
            continue;
        }
        let companions: Vec<_> = members
            .iter()
            .filter(|other| split(other).0 == folder && platform.is_companion_name(&split(other).1))
            .map(|other| Wanted { member: other.clone(), target: staging.path().join(split(other).1) })
            .collect();
        archive::extract(archive, format, &companions, progress)?;
        return Ok(Ok(Unpacked {
            library: target,
            companions: companions.into_iter().map(|wanted| wanted.target).collect(),
            fingerprint: found.into_iter().next().expect("one fingerprint per member"),
            source: archive.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }));
    }
    Ok(Err(misfit))
}

/// Copies the library itself, and the providers beside it.
fn copy_library(
    library: &Path,
    platform: Platform,
    staging: &Staging,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<Unpacked, String>, StoreError> {
    if let Some(misfit) = misfit_of(library, platform)? {
        return Ok(Err(misfit));
    }
    let folder = library.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = fs::read_dir(folder).map_err(StoreError::io("read", folder))?.flatten();
    let companions = beside.filter(|entry| platform.is_companion_name(&entry.file_name().to_string_lossy()));
    let mut unpacked = Unpacked {
        library: PathBuf::new(),
        companions: Vec::new(),
        fingerprint: Fingerprint { size: 0, sha256: String::new() },
        source: library.display().to_string(),
    };
    for file in companions.map(|entry| entry.path()).chain([library.to_owned()]) {
        let target = staging.path().join(file.file_name().unwrap_or_default());
        let size = fs::metadata(&file).map_err(StoreError::io("open", &file))?.len();
        let mut reader = fimble_files::open(&file).map_err(StoreError::io("open", &file))?;
        let mut writer = File::create(&target).map_err(StoreError::io("write", &target))?;
        let mut on_bytes = |done| progress(Progress::bytes(done, size));
        unpacked.fingerprint = digest::copy(&mut reader, &mut writer, &mut on_bytes)
            .map_err(StoreError::io("write", &target))?;
        unpacked.companions.push(target);
    }
    // The library came last.
    unpacked.library = unpacked.companions.pop().expect("the library was copied");
    Ok(Ok(unpacked))
}

fn misfit_of(library: &Path, platform: Platform) -> Result<Option<String>, StoreError> {
    let mut head = Vec::new();
    let mut file = fimble_files::open(library).map_err(StoreError::io("open", library))?;
    (&mut file).take(4096).read_to_end(&mut head).map_err(StoreError::io("read", library))?;
    if let Some(misfit) = platform::misfit(&head, platform) {
        return Ok(Some(misfit));
    }
    let is_cut_off = fimble_files::is_cut_off(&mut file).map_err(StoreError::io("read", library))?;
    Ok(is_cut_off.then(|| "cut off: its headers describe more bytes than it has".to_owned()))
}

/// The version of a library, by its name, by where it came from, or by its content.
fn version_of(unpacked: &Unpacked) -> Result<Option<Version>, StoreError> {
    let name = unpacked.library.file_name().unwrap_or_default().to_string_lossy();
    let archive = Path::new(&unpacked.source).file_name().unwrap_or_default().to_string_lossy();
    if let Some(version) = source::version_in(&name).or_else(|| source::version_in(&archive)) {
        return Ok(Some(version));
    }
    let content = fimble_files::read(&unpacked.library, archive::MAX_MEMBER_BYTES);
    let content = content.map_err(StoreError::io("read", &unpacked.library))?;
    Ok(source::version_inside(&content))
}

fn show(version: Option<Version>) -> String {
    version.map_or_else(|| "unknown".to_owned(), |(major, minor, patch)| format!("{major}.{minor}.{patch}"))
}
