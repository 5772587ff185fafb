//! The file through which `fimble why` sees what a running server did. Invariant: it holds traces only, which have no code and no
//! prompt in them; only the user may read it; it is written whole or not at all, and files that a killed server left behind are
//! removed; it can be lost without harm.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fimble_lsp::{RequestTrace, create_private_folder};
use fimble_store::Home;
use serde::{Deserialize, Serialize};

/// Prefix and suffix of the file's name while it is not complete.
const STAGED: (&str, &str) = ("requests-", ".tmp");

/// The content of the file: the traces of a server.
#[derive(Debug, Serialize, Deserialize)]
pub struct TraceFile {
    /// Process that wrote it.
    pub process: u32,
    /// The most recent requests, oldest first.
    pub traces: Vec<RequestTrace>,
}

fn path() -> anyhow::Result<PathBuf> {
    Ok(Home::from_env()?.state_dir().join("requests.json"))
}

/// Where explanations go that an editor shows from a file; none without a state folder.
pub fn document_folder() -> Option<PathBuf> {
    Some(Home::from_env().ok()?.state_dir().join("documents"))
}

/// Writes the traces of this process. A failure is only logged: nothing depends on the file.
pub fn write_traces(traces: &[RequestTrace]) {
    if let Err(error) = try_write(traces) {
        tracing::debug!("the traces could not be written: {error:#}");
    }
}

fn try_write(traces: &[RequestTrace]) -> anyhow::Result<()> {
    let path = path()?;
    let folder = path.parent().context("the state folder has no parent")?;
    create_private_folder(folder)?;
    let file = TraceFile { process: std::process::id(), traces: traces.to_vec() };
    // For the user alone, under a name that cannot be predicted.
    let mut staged = tempfile::Builder::new().prefix(STAGED.0).suffix(STAGED.1).tempfile_in(folder)?;
    staged.as_file().lock()?;
    staged.write_all(&serde_json::to_vec(&file)?)?;
    staged.persist(&path)?;
    Ok(())
}

/// Removes what servers left that were killed while they wrote.
pub fn sweep() {
    if let Err(error) = path().and_then(|path| try_sweep(path.parent().unwrap_or(&path))) {
        tracing::debug!("what was left of old traces could not be removed: {error:#}");
    }
}

fn try_sweep(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    create_private_folder(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_staged = name.starts_with(STAGED.0) && name.ends_with(STAGED.1);
        // One that is being written is locked.
        if is_staged && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The traces of the server that was active last; none if there was no server.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_traces() -> anyhow::Result<Option<TraceFile>> {
    let path = path()?;
    if !path.exists() {
        return Ok(None);
    }
    let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = serde_json::from_slice(&content).with_context(|| {
        format!("{} cannot be parsed; remove it, and the next request writes a new one", path.display())
    })?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_servers_left_is_removed_and_what_is_being_written_stays() {
        let root = tempfile::tempdir().unwrap();
        for name in ["requests-7.tmp", "requests-ab3.tmp", "requests-busy.tmp", "requests.json", "other.tmp"]
        {
            fs::write(root.path().join(name), "{}").unwrap();
        }
        let busy = File::open(root.path().join("requests-busy.tmp")).unwrap();
        busy.lock().unwrap();
        try_sweep(root.path()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["other.tmp", "requests-busy.tmp", "requests.json"]);
    }
}
