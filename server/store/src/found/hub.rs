//! The cache of the Hugging Face hub, which llama.cpp uses, too. Invariant: only finished snapshots are looked at.

use std::fs;
use std::path::{Path, PathBuf};

use super::walk::{Listed, Root};
use super::{Candidate, Kind, Scan};

/// The name of the store.
pub(super) const NAME: &str = "Hugging Face cache";
/// How deep a repository is looked at.
const MAX_DEPTH: usize = 3;
/// A ref is a commit in hex.
const LONGEST_REF: u64 = 200;

/// The root folders by these variables and this home folder, each once.
pub(super) fn roots(variable: &dyn Fn(&str) -> Option<PathBuf>, user: Option<&Path>) -> Vec<PathBuf> {
    let named = variable("HF_HUB_CACHE")
        .or_else(|| variable("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| variable("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .or_else(|| user.map(|user| user.join(".cache/huggingface/hub")));
    // Only llama.cpp asks for the second.
    let mut roots: Vec<PathBuf> = named.into_iter().chain(variable("LLAMA_CACHE")).collect();
    roots.dedup();
    roots
}

/// The folder of a repository.
pub(crate) fn repository_folder(root: &Path, repository: &str) -> PathBuf {
    root.join(format!("models--{}", repository.replace('/', "--")))
}

pub(super) fn scan(root: &Root, scan: &mut Scan) -> Result<(), String> {
    for name in root.names(&root.path)? {
        let Some((owner, repository)) = name.strip_prefix("models--").and_then(|rest| rest.split_once("--"))
        else {
            continue;
        };
        let folder = root.path.join(&name);
        let Some(snapshot) = snapshot(root, &folder) else { continue };
        match root.files(&snapshot, MAX_DEPTH) {
            Ok(files) => add(root, &format!("hf:{owner}/{repository}"), &snapshot, &files, scan),
            Err(reason) => scan.unreadable(NAME, &folder, reason),
        }
    }
    Ok(())
}

fn add(root: &Root, spec: &str, snapshot: &Path, files: &[Listed], scan: &mut Scan) {
    let weights = root.weights(files);
    let is_only = weights.len() == 1;
    for weights in weights {
        let full = format!("{spec}/{}", weights.relative);
        scan.add(Candidate {
            spec: if is_only { spec.to_owned() } else { full.clone() },
            full,
            kind: Kind::Gguf,
            parts: weights.parts,
            refusal: weights.refusal,
        });
    }
    // An ONNX model: a graph at one of the two places that the layouts have, and a tokenizer.
    let has = |name: &str| files.iter().any(|file| file.relative == name);
    let is_graph = |file: &&Listed| {
        file.relative.ends_with(".onnx") && matches!(file.relative.rsplit_once('/'), None | Some(("onnx", _)))
    };
    if has("tokenizer.json") && files.iter().any(|file| is_graph(&file)) {
        // Every file must be inside: the store reads them all when the model is added.
        let refusal = files.iter().find_map(|file| root.real(&file.path).err());
        scan.add(Candidate {
            spec: spec.to_owned(),
            full: spec.to_owned(),
            kind: Kind::Onnx,
            parts: vec![snapshot.to_owned()],
            refusal,
        });
    }
}

/// The snapshot of a repository: of the branch `main`, else of any branch, else the newest.
pub(crate) fn snapshot_of(root: &Path, repository: &str) -> Option<PathBuf> {
    let root = Root::open(root).ok()??;
    let folder = repository_folder(&root.path, repository);
    snapshot(&root, &folder)
}

fn snapshot(root: &Root, folder: &Path) -> Option<PathBuf> {
    let refs = folder.join("refs");
    let mut names = root.names(&refs).unwrap_or_default();
    names.sort_by_key(|name| name != "main");
    let snapshots = folder.join("snapshots");
    for name in names {
        let Ok(commit) = root.read(&refs.join(name), LONGEST_REF) else { continue };
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let is_hex = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && snapshots.join(&commit).is_dir() {
            return Some(snapshots.join(commit));
        }
    }
    let all = root.names(&snapshots).ok()?.into_iter().map(|name| snapshots.join(name));
    all.filter(|path| path.is_dir())
        .max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}
