//! One file with models, the runtime library, licences and checksums, for machines without a network. Invariant: nothing of such
//! a file is installed before all of it was read and every checksum agreed; what its index does not name is refused.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::manifest::{MANIFEST_FILE, Manifest};
use crate::platform::Platform;
use crate::staging::{self, Staging};
use crate::{
    ActiveModel, ModelStore, Origin, Progress, RuntimeStore, StoreError, digest, disk, model_folder,
};

#[cfg(test)]
mod tests;

/// The name of the index, the first member.
const INDEX: &str = "fimble-bundle.json";
/// The licences, for people.
const LICENCES: &str = "LICENCES.txt";
const FORMAT: u32 = 1;
/// Longest index, in bytes.
const LONGEST_INDEX: u64 = 4 << 20;
/// Most files.
const MOST_FILES: usize = 10_000;

/// The contents of the file.
#[derive(Serialize, Deserialize)]
struct Index {
    format: u32,
    /// The platform that the runtime library is for.
    platform: String,
    /// The models' names.
    models: Vec<String>,
    files: Vec<IndexedFile>,
}

#[derive(Serialize, Deserialize)]
struct IndexedFile {
    path: String,
    size: u64,
    sha256: String,
}

/// The bundle that was written or installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Names of the models.
    pub models: Vec<String>,
    /// Names of the models that were there before, and so were left out.
    pub present: Vec<String>,
    /// Bytes of all files.
    pub bytes: u64,
}

/// A file on its way into a bundle.
enum Content {
    File(PathBuf),
    Text(Vec<u8>),
}

/// Writes models with the runtime library of this machine into one file, which appears as a whole.
///
/// # Errors
/// A model is missing or damaged, the runtime is not installed, or the file cannot be written.
pub fn write(
    models: &ModelStore,
    runtime: &RuntimeStore,
    names: &[String],
    target: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, StoreError> {
    progress(Progress::step("computing the checksums of the files"));
    let mut contents = Vec::new();
    let mut files = Vec::new();
    let mut licences = String::from("ONNX Runtime: MIT licence, (c) Microsoft Corporation\n");
    for path in runtime_files(runtime)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let found = digest::of_file(&path, &mut |_| {})?;
        files.push(IndexedFile { path: format!("runtime/{name}"), size: found.size, sha256: found.sha256 });
        contents.push(Content::File(path));
    }
    for name in names {
        let ActiveModel::Folder { path: folder, .. } = models.model(name)? else {
            let reason =
                "the model \"bundled\" is part of the program. Name models that were added".to_owned();
            return Err(StoreError::Import { reason });
        };
        let bad = |reason| StoreError::BadManifest { name: name.clone(), path: folder.clone(), reason };
        let manifest = Manifest::read(&folder).map_err(bad)?;
        let provenance = manifest.provenance.clone().unwrap_or_default();
        let licence = provenance.licence.unwrap_or_else(|| "not stated".to_owned());
        licences.push_str(&format!("{name}: {licence}, from {}\n", manifest.source));
        for file in &manifest.files {
            let Some(path) = file.under(&folder) else {
                return Err(StoreError::DamagedModel {
                    name: name.clone(),
                    faults: format!("{} leads out of it", file.path),
                });
            };
            files.push(IndexedFile {
                path: format!("models/{name}/{}", file.path),
                size: file.size,
                sha256: file.sha256.clone(),
            });
            contents.push(Content::File(path));
        }
        let text = manifest.to_bytes();
        files.push(text_file(format!("models/{name}/{MANIFEST_FILE}"), &text));
        contents.push(Content::Text(text));
    }
    files.push(text_file(LICENCES.to_owned(), licences.as_bytes()));
    contents.push(Content::Text(licences.into_bytes()));
    let bytes = files.iter().map(|file| file.size).sum();
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk::check_room(parent, bytes, disk::free_bytes)?;
    let partial = target.with_added_extension("partial");
    let index = Index {
        format: FORMAT,
        platform: Platform::current().map(|platform| platform.to_string()).unwrap_or_default(),
        models: names.to_vec(),
        files,
    };
    progress(Progress::step(format!("writing {}", target.display())));
    let written = write_tar(&index, &contents, &partial, bytes, progress)
        .and_then(|()| staging::put_in_place(&partial, target));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written.map(|()| Report { models: names.to_vec(), present: Vec::new(), bytes })
}

fn text_file(path: String, text: &[u8]) -> IndexedFile {
    let mut reader = text;
    let found = digest::copy(&mut reader, &mut std::io::sink(), &mut |_| {});
    let sha256 = found.map(|found| found.sha256).unwrap_or_default();
    IndexedFile { path, size: text.len() as u64, sha256 }
}

/// The library that is used, with the parts that were installed beside it.
fn runtime_files(runtime: &RuntimeStore) -> Result<Vec<PathBuf>, StoreError> {
    let found = runtime.locate()?.ok_or_else(|| runtime.not_installed())?;
    let (Origin::Installed(_), Some(folder)) = (&found.origin, found.path.parent()) else {
        return Ok(vec![found.path]);
    };
    let entries = fs::read_dir(folder).map_err(StoreError::io("read", folder))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn write_tar(
    index: &Index,
    contents: &[Content],
    target: &Path,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let file = File::create(target).map_err(StoreError::io("write", target))?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    let text = serde_json::to_vec_pretty(index).unwrap_or_default();
    let io = || StoreError::io("write", target);
    append(&mut tar, INDEX, text.len() as u64, &mut text.as_slice()).map_err(io())?;
    let mut done = 0;
    for (file, content) in index.files.iter().zip(contents) {
        match content {
            Content::Text(text) => {
                append(&mut tar, &file.path, file.size, &mut text.as_slice()).map_err(io())?
            }
            Content::File(path) => {
                let length = fs::metadata(path).map_err(StoreError::io("open", path))?.len();
                if length != file.size {
                    let faults = format!("{} has {length} bytes instead of {}", path.display(), file.size);
                    return Err(StoreError::DamagedModel { name: file.path.clone(), faults });
                }
                let mut reader = fimble_files::open(path).map_err(StoreError::io("open", path))?;
                append(&mut tar, &file.path, file.size, &mut reader).map_err(io())?;
            }
        }
        done += file.size;
        progress(Progress::bytes(done, total));
    }
    tar.into_inner().and_then(|mut file| file.flush()).map_err(io())
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    size: u64,
    reader: &mut dyn Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, path, reader)
}

/// Whether a file is one that [`write`] wrote, by its beginning.
pub fn is_bundle(path: &Path) -> bool {
    let mut head = [0; 512];
    let read = fimble_files::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok()
        && head.starts_with(INDEX.as_bytes())
        && head[INDEX.len()] == 0
        && &head[257..262] == b"ustar"
}

/// Installs the models and the runtime library of such a file.
///
/// # Errors
/// [`StoreError::BadBundle`]: it is damaged, holds more than it says, or is for another platform. A name is taken by another
/// model. Nothing is installed then.
pub fn install(
    path: &Path,
    models: &ModelStore,
    runtime: &RuntimeStore,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, StoreError> {
    let bad = |reason: String| StoreError::BadBundle { path: path.to_owned(), reason };
    let file = fimble_files::open(path).map_err(StoreError::named_path(path))?;
    let mut tar = tar::Archive::new(BufReader::new(file));
    let mut entries = tar.entries().map_err(|error| bad(error.to_string()))?;
    let index = read_index(&mut entries).map_err(bad)?;
    check_index(&index).map_err(bad)?;
    let platform = Platform::current().map(|platform| platform.to_string()).unwrap_or_default();
    if index.platform != platform {
        return Err(bad(format!("its runtime library is for {}, and this is {platform}", index.platform)));
    }
    let bytes = index.files.iter().map(|file| file.size).sum();
    let folder = models.home().models_dir();
    let staging = Staging::open(&folder, progress)?;
    disk::check_room(&folder, bytes, disk::free_bytes)?;
    progress(Progress::step(format!("reading {}", path.display())));
    let root = staging.path();
    let mut wanted: BTreeMap<&str, &IndexedFile> =
        index.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut done = 0;
    for entry in entries {
        let mut entry = entry.map_err(|error| bad(error.to_string()))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(bad(format!("{name} is no plain file")));
        }
        let file = wanted.remove(name.as_str()).ok_or_else(|| bad(format!("{name} is not in its index")))?;
        if entry.size() != file.size {
            return Err(bad(format!("{name} has {} bytes instead of {}", entry.size(), file.size)));
        }
        let target = file.path.split('/').fold(root.to_owned(), |path, part| path.join(part));
        let parent = target.parent().unwrap_or(root);
        fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
        let mut writer = File::create_new(&target).map_err(StoreError::io("write", &target))?;
        let mut on_bytes = |n_bytes| progress(Progress::bytes(done + n_bytes, bytes));
        let found =
            digest::copy(&mut entry, &mut writer, &mut on_bytes).map_err(|error| match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    StoreError::io("write", &target)(error)
                }
                _ => bad(format!("{name} cannot be read: {error}")),
            })?;
        if found.sha256 != file.sha256 {
            return Err(bad(format!("{name} has another checksum than its index says")));
        }
        done += file.size;
    }
    if let Some(missing) = wanted.keys().next() {
        return Err(bad(format!("it ends before {missing}")));
    }
    let mut report = Report { bytes, ..Report::default() };
    let mut ready = Vec::new();
    for name in &index.models {
        let prepared = root.join("models").join(name);
        model_folder::files(&prepared)?;
        let manifest =
            Manifest::read(&prepared).map_err(|reason| bad(format!("the manifest of {name}: {reason}")))?;
        let existing = Manifest::read(&folder.join(name)).ok();
        if existing.is_some_and(|existing| existing.has_same_files(&manifest)) {
            report.present.push(name.clone());
            continue;
        }
        models.check_new_name(name)?;
        ready.push((prepared, name));
    }
    runtime.install_out_of(&root.join("runtime"), &path.display().to_string(), progress)?;
    for (prepared, name) in ready {
        staging::put_in_place(&prepared, &folder.join(name))?;
        report.models.push(name.clone());
    }
    Ok(report)
}

fn read_index<R: Read>(entries: &mut tar::Entries<'_, R>) -> Result<Index, String> {
    let mut first = entries.next().ok_or("it is empty")?.map_err(|error| error.to_string())?;
    if first.path_bytes().as_ref() != INDEX.as_bytes() || first.size() > LONGEST_INDEX {
        return Err("it does not begin with an index".to_owned());
    }
    let mut text = Vec::new();
    first.read_to_end(&mut text).map_err(|error| error.to_string())?;
    let index: Index =
        serde_json::from_slice(&text).map_err(|error| format!("its index is damaged: {error}"))?;
    if index.format != FORMAT {
        return Err(format!("it is of format {}, this version of Fimble knows {FORMAT}", index.format));
    }
    Ok(index)
}

/// Refuses an index with names that lead anywhere else.
fn check_index(index: &Index) -> Result<(), String> {
    if index.files.len() > MOST_FILES {
        return Err(format!("it claims {} files", index.files.len()));
    }
    for name in &index.models {
        model_folder::check_name(name).map_err(|error| error.to_string())?;
    }
    for file in &index.files {
        let parts: Vec<&str> = file.path.split('/').collect();
        let is_plain = |part: &&str| {
            !part.is_empty() && **part != *"." && **part != *".." && !part.contains(['\\', ':', '\0'])
        };
        let is_known = match parts.as_slice() {
            [LICENCES] | ["runtime", _] => true,
            ["models", name, _, ..] => index.models.iter().any(|model| model == name),
            _ => false,
        };
        if !is_known || !parts.iter().all(is_plain) {
            return Err(format!("{:?} has no place in it", file.path));
        }
    }
    Ok(())
}
