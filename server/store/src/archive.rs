//! Extracts files from wheels, zip files and gzipped tar files. Invariant: an archive never chooses where anything is written;
//! the caller names the members and their targets.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::digest::{self, Fingerprint};
use crate::{Progress, StoreError};

/// Largest file that is taken out of an archive, in bytes. The largest part of ONNX Runtime, for one make of graphics cards,
/// has under a gigabyte.
pub(crate) const MAX_MEMBER_BYTES: u64 = 2 << 30;

/// Bytes of a gzipped archive that are unpacked at most, whether they are written anywhere or not.
const MAX_TAR_BYTES: u64 = 8 << 30;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Zip,
    TarGz,
}

impl Format {
    /// The format of an archive, by its name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ends_with = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends_with(&[".whl", ".zip", ".nupkg"]) {
            Some(Self::Zip)
        } else if ends_with(&[".tgz", ".tar.gz"]) {
            Some(Self::TarGz)
        } else {
            None
        }
    }
}

/// A member to take out, and where it goes.
pub(crate) struct Wanted {
    pub member: String,
    pub target: PathBuf,
}

/// The names of the plain files in an archive; links and folders are left out.
pub(crate) fn list(path: &Path, format: Format) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    match format {
        Format::Zip => {
            let mut zip = open_zip(path)?;
            for index in 0..zip.len() {
                let member = zip.by_index_raw(index).map_err(bad(path))?;
                if member.is_file() {
                    names.push(member.name().map_err(bad(path))?.into_owned());
                }
            }
        }
        Format::TarGz => each_tar_member(path, &mut |name, _, _| {
            names.push(name.to_owned());
            Ok(true)
        })?,
    }
    Ok(names)
}

/// Writes the wanted members to their targets and returns what each was, in the order of `wanted`.
pub(crate) fn extract(
    path: &Path,
    format: Format,
    wanted: &[Wanted],
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Fingerprint>, StoreError> {
    let mut found: Vec<Option<Fingerprint>> = vec![None; wanted.len()];
    match format {
        Format::Zip => {
            let mut zip = open_zip(path)?;
            for (slot, wanted) in found.iter_mut().zip(wanted) {
                let mut member = zip.by_name(&wanted.member).map_err(bad(path))?;
                let size = member.size();
                *slot = Some(write_member(path, &mut member, size, &wanted.target, progress)?);
            }
        }
        Format::TarGz => each_tar_member(path, &mut |name, size, reader| {
            if let Some(index) = wanted.iter().position(|wanted| wanted.member == name) {
                found[index] = Some(write_member(path, reader, size, &wanted[index].target, progress)?);
            }
            Ok(found.iter().any(Option::is_none))
        })?,
    }
    let missing = |index: usize| bad(path)(format!("it holds no {}", wanted[index].member));
    found.into_iter().enumerate().map(|(index, slot)| slot.ok_or_else(|| missing(index))).collect()
}

/// Writes one member of a zip file at the end of a file, at most so many bytes of it, and returns how many there were.
pub(crate) fn append_member(
    path: &Path,
    member: &str,
    most_bytes: u64,
    target: &mut File,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<u64, StoreError> {
    let mut zip = open_zip(path)?;
    let mut member = zip.by_name(member).map_err(bad(path))?;
    if member.size() > most_bytes {
        return Err(bad(path)(format!("it holds {} bytes where at most {most_bytes} belong", member.size())));
    }
    let mut broken = None;
    let mut source = NotingReader { inner: &mut member, broken: &mut broken };
    // What the archive says about lengths is not relied on.
    let mut limited = (&mut source).take(most_bytes + 1);
    let copied = digest::copy(&mut limited, target, on_bytes);
    match (copied, broken) {
        (_, Some(reason)) => Err(bad(path)(reason)),
        (Err(error), None) => Err(StoreError::io("write", path)(error)),
        (Ok(fingerprint), None) if fingerprint.size > most_bytes => {
            Err(bad(path)("it is longer than it says"))
        }
        (Ok(fingerprint), None) => Ok(fingerprint.size),
    }
}

/// Tells a damaged archive from a disk that cannot be written.
fn write_member(
    archive: &Path,
    reader: &mut dyn Read,
    size: u64,
    target: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fingerprint, StoreError> {
    check_size(archive, size)?;
    let mut broken = None;
    // What the archive says about lengths is not relied on.
    let mut limited = reader.take(size + 1);
    let mut source = NotingReader { inner: &mut limited, broken: &mut broken };
    let mut file = File::create(target).map_err(StoreError::io("write", target))?;
    let copied = digest::copy(&mut source, &mut file, &mut |done| progress(Progress::bytes(done, size)));
    match (copied, broken) {
        (_, Some(reason)) => Err(bad(archive)(reason)),
        (Err(error), None) => Err(StoreError::io("write", target)(error)),
        (Ok(fingerprint), None) if fingerprint.size != size => {
            let reason =
                if fingerprint.size < size { "it is cut short" } else { "it is longer than it says" };
            Err(bad(archive)(reason))
        }
        (Ok(fingerprint), None) => Ok(fingerprint),
    }
}

/// Remembers that reading failed, so that the error is not taken for one of writing.
struct NotingReader<'a> {
    inner: &'a mut dyn Read,
    broken: &'a mut Option<String>,
}

impl Read for NotingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| *self.broken = Some(error.to_string()))
    }
}

fn open_zip(path: &Path) -> Result<zip::ZipArchive<BufReader<File>>, StoreError> {
    let file = fimble_files::open(path).map_err(StoreError::io("open", path))?;
    zip::ZipArchive::new(BufReader::new(file)).map_err(bad(path))
}

/// Called for each member with its name, size and content; false ends the walk.
type OnMember<'a> = dyn FnMut(&str, u64, &mut dyn Read) -> Result<bool, StoreError> + 'a;

fn each_tar_member(path: &Path, on_member: &mut OnMember<'_>) -> Result<(), StoreError> {
    let file = fimble_files::open(path).map_err(StoreError::io("open", path))?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)).take(MAX_TAR_BYTES));
    // Raw: else the library reads names into memory whose length the archive chooses. No library's name is that long.
    for entry in tar.entries().map_err(bad(path))?.raw(true) {
        let mut entry = entry.map_err(bad(path))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let size = entry.size();
        check_size(path, size)?;
        if !on_member(&name, size, &mut entry)? {
            return Ok(());
        }
    }
    Ok(())
}

fn check_size(archive: &Path, size: u64) -> Result<(), StoreError> {
    if size <= MAX_MEMBER_BYTES {
        return Ok(());
    }
    Err(bad(archive)(format!("a file in it has {size} bytes, and at most {MAX_MEMBER_BYTES} are unpacked")))
}

fn bad<E: ToString>(path: &Path) -> impl Fn(E) -> StoreError {
    move |error| StoreError::BadArchive { path: path.to_owned(), reason: error.to_string() }
}
