//! `fimble model add`: from a GGUF file, a folder, or a store of another program. Invariant: the source of a model is only read.

use std::path::{Path, PathBuf};

use anyhow::bail;
use fimble_onnx::edit::{Edit, keep_last_logits, name_reshaped_weights};
use fimble_store::found::{self, Files, Places};
use fimble_store::{ModelEntry, ModelStore, Progress, Provenance, Rewrite, StoreError, sha256_of};
use indicatif::HumanBytes;

use super::abilities::Purpose;
use super::{AddArgs, abilities};
use crate::cli::gguf_import::{self, Precision};
use crate::cli::progress::ProgressReporter;

/// Runs the command.
///
/// # Errors
/// There is no such model, it does not run in this process, or the store refused.
pub fn run(store: &ModelStore, args: &AddArgs) -> anyhow::Result<()> {
    let mut progress = ProgressReporter::new();
    let (files, name) = resolve(store, &args.what)?;
    let name = args.name.clone().unwrap_or(name);
    let source = if found::is_spec(&args.what) { args.what.clone() } else { absolute(&args.what) };
    let outcome = match files {
        Files::Gguf(parts) => {
            let precision = args.precision.unwrap_or_default();
            let origin = Origin { source, sha256: None, licence: None, is_download: false };
            add_gguf(store, &name, &parts, precision, origin, &mut progress)
        }
        Files::Folder(folder) => {
            if args.precision.is_some() {
                bail!(
                    "--precision is for GGUF files: {} holds an ONNX model, which is added as it is",
                    folder.display()
                );
            }
            // A folder of the user's is its own source, as it always was.
            let provenance =
                found::is_spec(&args.what).then(|| Provenance { source, ..Provenance::default() });
            add_folder(store, &folder, &name, provenance, args.keep_graph, &mut progress)
        }
    };
    progress.finish();
    let added = outcome?;
    outln!("Added {} ({}).", added.entry.name, HumanBytes(added.entry.n_bytes.unwrap_or_default()));
    for line in added.notes.into_iter().chain(abilities::lines(&added.entry)) {
        outln!("{line}");
    }
    let purpose = Purpose::of(&added.entry);
    if args.and_use && purpose == Purpose::Completion {
        store.use_model(&added.entry.name)?;
        outln!("It is in use after the next start of a server.");
    } else {
        outln!("{}", abilities::use_line(&added.entry.name, purpose));
    }
    Ok(())
}

/// A model that was added, with what is to be said about it.
pub struct Added {
    /// Its entry in the store.
    pub entry: ModelEntry,
    /// Sentences.
    pub notes: Vec<String>,
}

/// The origin of the weights, as far as it is known before they are read.
pub struct Origin {
    /// As the user named it.
    pub source: String,
    /// SHA-256 of the file, if it is known already.
    pub sha256: Option<String>,
    /// The licence, if it is known better than the file does.
    pub licence: Option<String>,
    /// Whether the file is removed after the model was added.
    pub is_download: bool,
}

/// The files behind what the user named, and a name for the model.
fn resolve(store: &ModelStore, what: &str) -> anyhow::Result<(Files, String)> {
    if found::is_spec(what) {
        let files = Places::from_env(store.home()).resolve_spec(what)?;
        let name = match (&files, what.strip_prefix("ollama:")) {
            (_, Some(name)) => name.rsplit('/').next().unwrap_or(name).trim_end_matches(":latest").to_owned(),
            (Files::Gguf(parts), None) => file_name(parts.first().map_or(Path::new(what), PathBuf::as_path)),
            // The folder is called by a commit.
            (Files::Folder(_), None) => what.rsplit('/').next().unwrap_or(what).to_owned(),
        };
        return Ok((files, ModelStore::name_for(&name)));
    }
    let path = PathBuf::from(what);
    if path.is_file() {
        let name = ModelStore::name_for(&file_name(&path));
        if !what.to_ascii_lowercase().ends_with(".gguf")
            && let Err(reason) = fimble_store::GgufHeader::read(&path)
        {
            bail!(
                "{what} is not a model: {reason}. Name a GGUF file, or a folder with an .onnx file and tokenizer.json"
            );
        }
        return Ok((Files::Gguf(found::parts_of(&path)?), name));
    }
    if !has_graph(&path)
        && let Some(parts) = found::gguf_in_folder(&path)?
    {
        let name = file_name(parts.first().map_or(&path, |part| part));
        return Ok((Files::Gguf(parts), ModelStore::name_for(&name)));
    }
    let folder = std::fs::canonicalize(&path).map_err(|_| StoreError::NoSuchPath { path: path.clone() })?;
    let name = ModelStore::name_for(&file_name(&folder));
    Ok((Files::Folder(folder), name))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn absolute(what: &str) -> String {
    std::path::absolute(what).map_or_else(|_| what.to_owned(), |path| path.display().to_string())
}

/// Whether a folder holds a graph where the layouts have it.
fn has_graph(folder: &Path) -> bool {
    [folder.to_owned(), folder.join("onnx")].iter().any(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".onnx"))
    })
}

/// Imports weights in GGUF.
///
/// # Errors
/// They do not run in this process, the disk is too small, or the import failed; nothing stays behind then.
pub fn add_gguf(
    store: &ModelStore,
    name: &str,
    parts: &[PathBuf],
    precision: Precision,
    origin: Origin,
    progress: &mut ProgressReporter,
) -> anyhow::Result<Added> {
    let Some(first) = parts.first() else { bail!("{} names no file", origin.source) };
    store.check_new_name(name)?;
    let refuse = |reason: String| StoreError::Import { reason };
    let needed = gguf_import::estimate_bytes(first, precision).map_err(refuse)?;
    let sha256 = match origin.sha256 {
        Some(sha256) => sha256,
        None => {
            progress.step("computing the checksum of the file");
            sha256_of(parts, &mut |report| progress.store(report))?
        }
    };
    let mut notes = Vec::new();
    let prepare = &mut |folder: &Path, progress: &mut dyn FnMut(Progress)| {
        progress(Progress::step(format!("converting {name} ({})", precision.word())));
        let on_bytes = &mut |done, total| progress(Progress::bytes(done, total));
        let report = gguf_import::import(first, folder, precision, on_bytes).map_err(refuse)?;
        notes = report.notes;
        Ok(Provenance {
            source: origin.source.clone(),
            // A download goes once the model is added.
            path: (!origin.is_download).then(|| std::path::absolute(first).unwrap_or_else(|_| first.clone())),
            sha256: Some(sha256.clone()),
            precision: Some(precision.word().to_owned()),
            licence: origin.licence.clone().or(report.licence),
            architecture: Some(report.architecture),
            quantisation: Some(report.quantisation),
        })
    };
    let entry = store.add_prepared(name, needed, prepare, &mut |report| progress.store(report))?;
    Ok(Added { entry, notes })
}

/// Adds a folder with an ONNX model.
///
/// # Errors
/// It is none, or the store refused.
pub fn add_folder(
    store: &ModelStore,
    folder: &Path,
    name: &str,
    provenance: Option<Provenance>,
    keep_graph: bool,
    progress: &mut ProgressReporter,
) -> anyhow::Result<Added> {
    let mut notes = Vec::new();
    let mut edit = |file: &str, content: &[u8]| {
        let (note, content) = edit(file, content);
        notes.push(note);
        content
    };
    let rewrite: Option<&mut Rewrite<'_>> = if keep_graph { None } else { Some(&mut edit) };
    let entry =
        store.add_from(folder, Some(name), provenance, rewrite, &mut |report| progress.store(report))?;
    Ok(Added { entry, notes })
}

/// A message about a graph file, and its new content if it has one.
fn edit(file: &str, content: &[u8]) -> (String, Option<Vec<u8>>) {
    // What is damaged for one edit is damaged for the other, which says so.
    let named = name_reshaped_weights(content).unwrap_or_default();
    let (mut note, edited) = match keep_last_logits(named.as_deref().unwrap_or(content)) {
        Ok(Edit::Made(content)) => (
            format!(
                "{file} was edited to compute logits only where they are needed; the folder it is from is unchanged, and \
                 --keep-graph adds it unedited."
            ),
            Some(content),
        ),
        Ok(Edit::NotNeeded(reason)) => {
            (format!("{file} computes logits only where they are needed: {reason}."), None)
        }
        Err(reason) => (format!("{file} still computes logits for all tokens: {reason}."), None),
    };
    if named.is_some() {
        note.push_str(" Weights that it reads in two shapes take memory once.");
    }
    (note, edited.or(named))
}
