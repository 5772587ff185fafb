//! The models of LM Studio: a folder for each publisher, in it one for each model. Invariant: only files of weights are named.

use std::path::{Path, PathBuf};

use super::walk::{Root, Weights};
use super::{Candidate, Kind, Scan};

/// The name of the store.
pub(super) const NAME: &str = "LM Studio";
/// The file with the path of its home.
const POINTER: &str = ".lmstudio-home-pointer";

/// The root folder by this home folder.
pub(super) fn roots(user: Option<&Path>) -> Vec<PathBuf> {
    let Some(user) = user else { return Vec::new() };
    let pointed =
        fimble_files::read_text(&user.join(POINTER), 4 << 10).ok().map(|text| PathBuf::from(text.trim()));
    let cache = user.join(".cache/lm-studio");
    let home = match pointed.filter(|path| path.is_absolute()) {
        Some(home) => home,
        None if cache.is_dir() => cache,
        None => user.join(".lmstudio"),
    };
    vec![home.join("models")]
}

pub(super) fn scan(root: &Root, scan: &mut Scan) -> Result<(), String> {
    // Publisher, model, file; a folder more for those who sort their files.
    let files = root.files(&root.path, 3)?;
    let all = root.weights(&files);
    for weights in &all {
        let folder = weights.relative.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.contains('/') {
            continue;
        }
        let in_folder =
            |other: &Weights| other.relative.rsplit_once('/').is_some_and(|(other, _)| other == folder);
        let is_only = all.iter().filter(|other| in_folder(other)).count() == 1;
        let full = format!("lmstudio:{}", weights.relative);
        scan.add(Candidate {
            spec: if is_only { format!("lmstudio:{folder}") } else { full.clone() },
            full,
            kind: Kind::Gguf,
            parts: weights.parts.clone(),
            refusal: weights.refusal.clone(),
        });
    }
    Ok(())
}
