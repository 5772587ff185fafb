//! Reads places. Invariant: what is returned holds what `case.rs` promises; anything else is an error with the name of the file.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::case::{Case, Change, File};
use crate::{jsonl, marked};

/// The places of a file, or of all files of a folder.
///
/// # Errors
/// A file cannot be read or is no file of places.
pub fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inner = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        inner.retain(|path| path.extension().is_some_and(|end| end == "jsonl" || end == "txt"));
        inner.sort();
        ensure!(!inner.is_empty(), "{} has no file of places", path.display());
        return Ok(inner.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?.concat());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let cases = if name.ends_with(".jsonl") { jsonl::parse(&text) } else { marked::parse(&text) };
    let cases = cases.with_context(|| path.display().to_string())?;
    cases.iter().try_for_each(check).with_context(|| path.display().to_string())?;
    Ok(cases)
}

fn check(case: &Case) -> anyhow::Result<()> {
    let File { path, text, .. } = &case.files[0];
    ensure!(!case.typed.is_empty(), "{path}: nothing is typed");
    let mut typed: Vec<&Change> = case.typed.iter().map(|typed| &typed.change).collect();
    typed.sort_by_key(|change| (change.range.start, change.range.end));
    are_apart(path, text, &typed)?;
    for file in &case.files {
        let left: Vec<&Change> = file.left.iter().map(|left| &left.change).collect();
        are_apart(&file.path, &file.text, &left)?;
    }
    Ok(())
}

fn are_apart(path: &str, text: &str, changes: &[&Change]) -> anyhow::Result<()> {
    for Change { range, .. } in changes {
        ensure!(text.get(range.clone()).is_some(), "{path}: {range:?} is no range of the text");
    }
    if let Some(pair) = changes.windows(2).find(|pair| pair[0].range.end > pair[1].range.start) {
        bail!("{path}: {:?} overlaps {:?}", pair[0].range, pair[1].range);
    }
    Ok(())
}
