//! One file from the hub, resumed where an earlier try ended. Invariant: a partial file is named by what it will be, and is used
//! only after its length and checksum were compared.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::curl::{Head, Trouble};
use super::failure::Failure;
use super::hub::{Hub, Linked, Receiver};
use super::wait_as_told;
use crate::{Progress, StoreError, digest};

/// Tries without a new byte until a connection counts as lost.
const MOST_TRIES: u32 = 5;
/// Wait before a try after one that brought nothing, times the number of such tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A file that is wanted.
pub(super) struct Wanted<'a> {
    /// For people.
    pub what: &'a str,
    pub url: &'a str,
    /// The name of the partial file.
    pub identity: &'a str,
    pub bytes: Option<u64>,
    pub sha256: Option<&'a str>,
}

/// Fetches a file into a folder and returns its path and its SHA-256.
pub(super) fn download(
    hub: &Hub,
    wanted: &Wanted<'_>,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(PathBuf, String), Failure> {
    let partial = folder.join(format!("{}.partial", wanted.identity));
    let version = folder.join(format!("{}.version", wanted.identity));
    let mut expected = wanted.sha256.map(str::to_ascii_lowercase);
    fetch(hub, wanted, &partial, &version, &mut expected, progress)?;
    let total = length(&partial);
    if let Some(bytes) = wanted.bytes.filter(|bytes| *bytes != total) {
        remove(&[&partial, &version]);
        return Err(Failure::length(wanted.what, bytes, total));
    }
    progress(Progress::step("checking the checksum"));
    let found = digest::of_file(&partial, &mut |done| progress(Progress::bytes(done, total)))?;
    if let Some(expected) = expected.filter(|expected| *expected != found.sha256) {
        remove(&[&partial, &version]);
        return Err(Failure::checksum(wanted.what, &expected, &found.sha256));
    }
    Ok((partial, found.sha256))
}

/// Fills the partial file until it is whole.
fn fetch(
    hub: &Hub,
    wanted: &Wanted<'_>,
    partial: &Path,
    version: &Path,
    expected: &mut Option<String>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    let (mut n_tries, mut may_wait, mut may_restart) = (0, true, true);
    loop {
        let before = length(partial);
        if before > 0 && wanted.bytes == Some(before) {
            return Ok(());
        }
        if wanted.bytes.is_some_and(|bytes| before > bytes) {
            remove(&[partial, version]);
            continue;
        }
        let kept = fs::read_to_string(version).ok();
        // Without a checksum nothing else shows whether the bytes belong to the same file.
        let from = if expected.is_some() || kept.is_some() { before } else { 0 };
        let mut part = Part {
            wanted,
            partial,
            version,
            expected: expected.clone(),
            from,
            begins: true,
            total: wanted.bytes,
            etag: None,
            file: None,
            done: 0,
            refusal: None,
            progress,
        };
        let outcome = hub.open(wanted.url, from, kept.as_deref(), &mut part);
        if let Some(refusal) = part.refusal.take() {
            remove(&[partial, version]);
            return Err(refusal);
        }
        let total = part.total;
        *expected = part.expected.take();
        match outcome.map(|head| (head.status, head)) {
            Ok((200 | 206, _)) => {
                let got = length(partial);
                return match total.filter(|total| *total != got) {
                    Some(total) => Err(Failure::length(wanted.what, total, got)),
                    None => Ok(()),
                };
            }
            // Nothing comes behind what is already there: it is whole, or not of this file.
            Ok((416, _)) if may_restart => {
                if let Some(sha256) = expected.as_deref()
                    && digest::of_file(partial, &mut |_| {})?.sha256 == sha256
                {
                    return Ok(());
                }
                may_restart = false;
                remove(&[partial, version]);
            }
            Ok((429, head)) if may_wait => {
                may_wait = false;
                wait_as_told(&head);
            }
            Ok((status, _)) => return Err(Failure::from_status(status, wanted.what)),
            Err(Trouble::Cut(words)) => {
                n_tries = if length(partial) > before { 0 } else { n_tries + 1 };
                if n_tries >= MOST_TRIES {
                    return Err(Failure::from_trouble(Trouble::Cut(words), wanted.what));
                }
                thread::sleep(PAUSE * n_tries);
            }
            Err(trouble) => return Err(Failure::from_trouble(trouble, wanted.what)),
        }
    }
}

/// The bytes of one request.
struct Part<'a, 'b> {
    wanted: &'a Wanted<'a>,
    partial: &'a Path,
    version: &'a Path,
    /// SHA-256 of the whole file, as far as known.
    expected: Option<String>,
    /// First byte that was asked for.
    from: u64,
    /// Whether the answer starts with the first byte of the file.
    begins: bool,
    /// Length of the whole file, as far as known.
    total: Option<u64>,
    etag: Option<String>,
    file: Option<File>,
    done: u64,
    refusal: Option<Failure>,
    progress: &'a mut (dyn FnMut(Progress) + 'b),
}

impl Receiver for Part<'_, '_> {
    fn head(&mut self, head: &Head, linked: &Linked) -> bool {
        if self.expected.is_none() {
            self.expected = linked.sha256.clone();
        }
        self.begins = match head.status {
            200 => true,
            // An answer for another part than the one that was asked for is none.
            206 if range_of(head).is_some_and(|(first, _)| first == self.from) => false,
            206 => {
                self.refusal = Some(Failure::from_status(head.status, self.wanted.what));
                return false;
            }
            _ => return false,
        };
        let what = self.wanted.what;
        if let (Some(expected), Some(stated)) = (&self.expected, &linked.sha256)
            && expected != stated
        {
            self.refusal = Some(Failure::checksum(what, expected, stated));
            return false;
        }
        let announced = match range_of(head) {
            Some((_, total)) if !self.begins => total,
            _ => head.get("content-length").and_then(|length| length.parse().ok()),
        };
        for stated in [linked.bytes, announced].into_iter().flatten() {
            if let Some(total) = self.total.filter(|total| *total != stated) {
                self.refusal = Some(Failure::length(what, total, stated));
                return false;
            }
            self.total = Some(stated);
        }
        // A weak version says nothing about bytes.
        self.etag = head.get("etag").filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
        true
    }

    fn body(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        if self.file.is_none() {
            let opened = if self.begins {
                File::create(self.partial)
            } else {
                File::options().append(true).open(self.partial)
            };
            self.file = Some(opened.map_err(StoreError::io("write", self.partial)).map_err(Trouble::Store)?);
            self.done = if self.begins { 0 } else { self.from };
            if let Some(etag) = &self.etag {
                fs::write(self.version, etag)
                    .map_err(StoreError::io("write", self.version))
                    .map_err(Trouble::Store)?;
            }
        }
        self.done += piece.len() as u64;
        if let Some(total) = self.total.filter(|total| *total < self.done) {
            self.refusal = Some(Failure::length(self.wanted.what, total, self.done));
            return Err(Trouble::Unusable("it is longer than was promised".to_owned()));
        }
        if let Some(file) = &mut self.file {
            file.write_all(piece).map_err(StoreError::io("write", self.partial)).map_err(Trouble::Store)?;
        }
        if let Some(total) = self.total {
            (self.progress)(Progress::bytes(self.done, total));
        }
        Ok(())
    }
}

/// The first byte and the length of the whole, out of `Content-Range`.
fn range_of(head: &Head) -> Option<(u64, Option<u64>)> {
    let (range, total) = head.get("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split('-').next()?.parse().ok()?, total.parse().ok()))
}

/// The length of a file; 0 if there is none.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

/// Removes files that may be there.
pub(super) fn remove(paths: &[&Path]) {
    for path in paths {
        // A file that stays is removed by the next call that finds it.
        let _ = fs::remove_file(path);
    }
}
