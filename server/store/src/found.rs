//! Models that other programs left on this disk. Invariant: their folders are only read: nothing is written, created, locked
//! or renamed there; what cannot be read is listed with the reason.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::gguf::GgufHeader;
use crate::{Home, StoreError};

mod folders;
pub(crate) mod hub;
mod lm_studio;
mod ollama;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use walk::{is_model_file, part_name, split_of};

use walk::Root;

/// Says why a GGUF file does not run in this process; it is shown the first part of a model.
pub type Inspect<'a> = dyn Fn(&Path) -> Result<(), String> + 'a;

/// The folders that are searched, in this order.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Roots of the Hugging Face hub's cache.
    pub hub: Vec<PathBuf>,
    /// Roots of Ollama's store.
    pub ollama: Vec<PathBuf>,
    /// Folders of LM Studio's models.
    pub lm_studio: Vec<PathBuf>,
    /// llama.cpp's older caches.
    pub llama_cpp: Vec<PathBuf>,
    /// Folders that the user named.
    pub folders: Vec<PathBuf>,
    /// A configuration file that cannot be read, and why.
    pub broken_config: Option<(PathBuf, String)>,
}

/// A model on this disk that Fimble does not own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundModel {
    /// The name for `fimble model add`: `ollama:NAME:TAG`, `hf:OWNER/REPO`, a path.
    pub spec: String,
    /// The program that keeps it.
    pub store: &'static str,
    /// Bytes of all its files.
    pub bytes: u64,
    /// As people call it: `Q4_K_M`; `ONNX` for a model in that format.
    pub quantisation: String,
    /// Number of weights, if known.
    pub parameters: Option<u64>,
    /// Whether it can fill in the middle.
    pub fim: bool,
    /// Why it cannot run in this process; none if it can.
    pub obstacle: Option<String>,
}

/// A place that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The program that keeps it.
    pub store: &'static str,
    /// The folder or file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The models, in the order of the stores.
    pub models: Vec<FoundModel>,
    /// Files and folders that could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// GGUF: one file, or all parts in order.
    Gguf(Vec<PathBuf>),
    /// A folder with graphs of ONNX and a tokenizer.
    Folder(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gguf,
    Onnx,
}

/// A model in a store, not opened yet.
struct Candidate {
    /// The shortest name that leads to it.
    spec: String,
    /// The name with its file.
    full: String,
    kind: Kind,
    /// The parts in order; the folder for a model in ONNX.
    parts: Vec<PathBuf>,
    /// Why it cannot be used as it lies there.
    refusal: Option<String>,
}

#[derive(Default)]
struct Scan {
    candidates: Vec<(&'static str, Candidate)>,
    unreadable: Vec<Unreadable>,
    /// The store that is being read.
    store: &'static str,
}

impl Scan {
    fn add(&mut self, candidate: Candidate) {
        // A folder of the user's may lie in another store.
        let is_known = |other: &Candidate| !other.parts.is_empty() && other.parts == candidate.parts;
        if !self.candidates.iter().any(|(_, other)| is_known(other)) {
            self.candidates.push((self.store, candidate));
        }
    }

    fn unreadable(&mut self, store: &'static str, path: &Path, reason: String) {
        self.unreadable.push(Unreadable { store, path: path.to_owned(), reason });
    }

    fn read(
        &mut self,
        store: &'static str,
        roots: &[PathBuf],
        scan: fn(&Root, &mut Self) -> Result<(), String>,
    ) {
        self.store = store;
        for path in roots {
            let outcome = match Root::open(path) {
                Ok(Some(root)) => scan(&root, self),
                Ok(None) => Ok(()),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = outcome {
                self.unreadable(store, path, reason);
            }
        }
    }
}

impl Places {
    /// The places on this machine, by the variables that the programs themselves ask for.
    pub fn from_env(home: &Home) -> Self {
        let user = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self::resolve(home, &variable, user.as_deref())
    }

    fn resolve(home: &Home, variable: &dyn Fn(&str) -> Option<PathBuf>, user: Option<&Path>) -> Self {
        let (folders, broken_config) = folders::named(variable, home);
        Self {
            hub: hub::roots(variable, user),
            ollama: ollama::roots(variable, user),
            lm_studio: lm_studio::roots(user),
            llama_cpp: folders::llama_cpp(variable, user),
            folders,
            broken_config,
        }
    }

    /// Searches all places. `inspect` decides about each file in GGUF whether it runs in this process.
    pub fn find(&self, inspect: &Inspect<'_>) -> Found {
        let scan = self.scan();
        let mut found = Found { models: Vec::new(), unreadable: scan.unreadable };
        for (store, candidate) in scan.candidates {
            found.models.push(describe(store, candidate, inspect));
        }
        found
    }

    /// The files of a model that was named by `ollama:`, `hf:` or `lmstudio:`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] with what there is instead.
    pub fn resolve_spec(&self, spec: &str) -> Result<Files, StoreError> {
        let wanted = match spec.strip_prefix("ollama:") {
            Some(name) => format!("ollama:{}", ollama::normalized(name)),
            None => spec.trim_end_matches('/').to_owned(),
        };
        let refuse = |reason: String| Err(StoreError::NotFound { spec: spec.to_owned(), reason });
        let scan = self.scan();
        let all: Vec<&Candidate> = scan.candidates.iter().map(|(_, candidate)| candidate).collect();
        let is_named = |candidate: &&&Candidate| {
            candidate.spec.eq_ignore_ascii_case(&wanted) || candidate.full.eq_ignore_ascii_case(&wanted)
        };
        if let Some(candidate) = all.iter().find(is_named) {
            return match (&candidate.refusal, candidate.kind) {
                (Some(reason), _) => refuse(reason.clone()),
                (None, Kind::Gguf) => Ok(Files::Gguf(candidate.parts.clone())),
                (None, Kind::Onnx) => Ok(Files::Folder(candidate.parts.first().cloned().unwrap_or_default())),
            };
        }
        let folder = format!("{}/", wanted.to_ascii_lowercase());
        let inside = all.iter().filter(|candidate| candidate.full.to_ascii_lowercase().starts_with(&folder));
        let inside: Vec<&str> = inside.map(|candidate| candidate.full.as_str()).collect();
        if !inside.is_empty() {
            return refuse(format!("there are several models in it, so name one: {}", inside.join(", ")));
        }
        let (store, remedy) = match spec.split(':').next() {
            Some("hf") => (hub::NAME, "; `fimble model get` fetches it"),
            Some("ollama") => (ollama::NAME, ""),
            _ => (lm_studio::NAME, ""),
        };
        let unread: Vec<String> = scan
            .unreadable
            .iter()
            .filter(|unreadable| unreadable.store == store)
            .map(|unreadable| {
                format!("; {} cannot be read: {}", unreadable.path.display(), unreadable.reason)
            })
            .collect();
        refuse(format!("{store} has no such model on this disk{}{remedy}", unread.concat()))
    }

    fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        scan.read(hub::NAME, &self.hub, hub::scan);
        scan.read(ollama::NAME, &self.ollama, ollama::scan);
        scan.read(lm_studio::NAME, &self.lm_studio, lm_studio::scan);
        scan.read(folders::LLAMA_CPP, &self.llama_cpp, folders::scan);
        scan.read(folders::NAMED, &self.folders, folders::scan);
        if let Some((path, reason)) = &self.broken_config {
            scan.unreadable(folders::NAMED, path, reason.clone());
        }
        scan
    }
}

/// Whether a text names a model in a store of another program.
pub fn is_spec(text: &str) -> bool {
    ["ollama:", "hf:", "lmstudio:"].iter().any(|prefix| text.starts_with(prefix))
}

/// The parts of the one model in GGUF in a folder; none if the folder holds none.
///
/// # Errors
/// [`StoreError::NotFound`]: there are several, or parts are missing.
pub fn gguf_in_folder(folder: &Path) -> Result<Option<Vec<PathBuf>>, StoreError> {
    let refuse = |reason| StoreError::NotFound { spec: folder.display().to_string(), reason };
    let Some(root) = Root::open(folder).map_err(refuse)? else { return Ok(None) };
    let mut weights = root.weights(&root.files(folder, 0).map_err(refuse)?);
    match weights.as_mut_slice() {
        [] => Ok(None),
        [one] => match one.refusal.take() {
            Some(reason) => Err(refuse(reason)),
            None => Ok(Some(std::mem::take(&mut one.parts))),
        },
        several => {
            let names: Vec<&str> = several.iter().map(|weights| weights.relative.as_str()).collect();
            Err(refuse(format!("there are several models in it, so name one: {}", names.join(", "))))
        }
    }
}

/// All parts of a model of which one file is named.
///
/// # Errors
/// [`StoreError::NotFound`]: a part is missing.
pub fn parts_of(file: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((stem, _, count)) = walk::split_of(&name) else { return Ok(vec![file.to_owned()]) };
    let parts = (1..=count).map(|number| file.with_file_name(walk::part_name(stem, number, count)));
    let parts: Vec<PathBuf> = parts.collect();
    match parts.iter().find(|part| !part.is_file()) {
        None => Ok(parts),
        Some(part) => {
            let reason = format!("the part {} is missing", part.display());
            Err(StoreError::NotFound { spec: file.display().to_string(), reason })
        }
    }
}

/// Opens a candidate and says what it is.
fn describe(store: &'static str, candidate: Candidate, inspect: &Inspect<'_>) -> FoundModel {
    let Candidate { spec, kind, parts, refusal, .. } = candidate;
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    let mut model = FoundModel {
        spec,
        store,
        bytes: parts.iter().map(length).sum(),
        quantisation: "unknown".to_owned(),
        parameters: None,
        fim: false,
        obstacle: refusal,
    };
    let Some(first) = parts.first() else { return model };
    if kind == Kind::Onnx {
        let files = crate::model_folder::files(first);
        model.quantisation = "ONNX".to_owned();
        model.bytes = files.as_ref().map_or(0, |files| files.iter().map(|file| file.size).sum());
        model.fim = has_fim_tokens(&first.join("tokenizer.json"));
        model.obstacle = model.obstacle.or(files.err().map(|error| error.to_string()));
        return model;
    }
    match GgufHeader::read(first) {
        Ok(header) => {
            let others = parts.iter().skip(1).filter_map(|part| GgufHeader::read(part).ok());
            model.parameters =
                Some(others.fold(header.parameters, |sum, part| sum.saturating_add(part.parameters)));
            model.quantisation = header.quantisation;
            model.fim = header.fim;
            if model.obstacle.is_none() {
                model.obstacle = inspect(first).err();
            }
        }
        Err(reason) => model.obstacle = model.obstacle.or(Some(reason)),
    }
    model
}

/// Whether the text of a tokenizer names the tokens for filling in the middle.
fn has_fim_tokens(tokenizer: &Path) -> bool {
    /// Tokenizers of large vocabularies have 20 MB.
    const LARGEST: u64 = 64 << 20;
    let Ok(text) = fimble_files::read_text(tokenizer, LARGEST) else { return false };
    crate::gguf::FIM_TEXTS
        .iter()
        .all(|texts| texts.iter().any(|token| text.contains(&format!("\"{token}\""))))
}
