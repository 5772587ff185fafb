//! Plain folders of GGUF files: those that the user names, and llama.cpp's old cache. Invariant: a model is named by its path.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::walk::Root;
use super::{Candidate, Kind, Scan};
use crate::Home;

/// The name of llama.cpp's cache.
pub(super) const LLAMA_CPP: &str = "llama.cpp cache";
/// The name of the user's own folders.
pub(super) const NAMED: &str = "folder";
/// The variable with folders, separated as in `PATH`.
pub(super) const VARIABLE: &str = "FIMBLE_MODEL_FOLDERS";
/// How deep a folder of the user's is looked at.
const MAX_DEPTH: usize = 4;

/// `config.toml` in Fimble's folder.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    model_folders: Vec<PathBuf>,
}

/// Where llama.cpp kept its downloads until it took the hub's cache.
pub(super) fn llama_cpp(variable: &dyn Fn(&str) -> Option<PathBuf>, user: Option<&Path>) -> Vec<PathBuf> {
    let cache = variable("XDG_CACHE_HOME").or_else(|| user.map(|user| user.join(".cache")));
    let mac = user.filter(|_| cfg!(target_os = "macos")).map(|user| user.join("Library/Caches"));
    let windows = variable("LOCALAPPDATA").filter(|_| cfg!(windows));
    [cache, mac, windows].into_iter().flatten().map(|folder| folder.join("llama.cpp")).collect()
}

/// The folders that the user named: in the variable, and as `model_folders` in `config.toml` of Fimble's folder. The second
/// is what is wrong with that file.
pub(super) fn named(
    variable: &dyn Fn(&str) -> Option<PathBuf>,
    home: &Home,
) -> (Vec<PathBuf>, Option<(PathBuf, String)>) {
    let mut folders: Vec<PathBuf> =
        variable(VARIABLE).iter().flat_map(std::env::split_paths).filter(|path| path.is_absolute()).collect();
    let path = home.root().join("config.toml");
    let Ok(text) = fimble_files::read_text(&path, 1 << 20) else { return (folders, None) };
    match toml::from_str::<ConfigFile>(&text) {
        Ok(config) => {
            folders.extend(config.model_folders);
            (folders, None)
        }
        Err(error) => (folders, Some((path, error.message().to_owned()))),
    }
}

pub(super) fn scan(root: &Root, scan: &mut Scan) -> Result<(), String> {
    for weights in root.weights(&root.files(&root.path, MAX_DEPTH)?) {
        let path = weights.relative.split('/').fold(root.path.clone(), |path, part| path.join(part));
        let spec = path.display().to_string();
        scan.add(Candidate {
            full: spec.clone(),
            spec,
            kind: Kind::Gguf,
            parts: weights.parts,
            refusal: weights.refusal,
        });
    }
    Ok(())
}
