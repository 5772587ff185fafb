//! The files of the state folder: the one through which `fimble why` sees what a running server did, and the answers to next edits.
//! Invariant: they hold traces and counts, without code and prompts; only the user may read them; each is written whole or not at
//! all, and files that a killed server left behind are removed; they can be lost without harm.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fimble_lsp::{AnswerCounts, AnswerStore, RequestTrace, create_private_folder};
use fimble_store::Home;
use serde::{Deserialize, Serialize};

/// Prefix and suffix of the file's name while it is not complete.
const STAGED: (&str, &str) = ("requests-", ".tmp");

/// The file with the answers to next edits has less than this.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

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
    let file = TraceFile { process: std::process::id(), traces: traces.to_vec() };
    write_private(&path()?, &serde_json::to_vec(&file)?)
}

/// Writes a file of the state folder, whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("the state folder has no parent")?;
    create_private_folder(folder)?;
    // For the user alone, under a name that cannot be predicted.
    let mut staged = tempfile::Builder::new().prefix(STAGED.0).suffix(STAGED.1).tempfile_in(folder)?;
    staged.as_file().lock()?;
    staged.write_all(content)?;
    staged.persist(path)?;
    Ok(())
}

/// The file with the answers to next edits, as counts.
pub struct AnswerFile(PathBuf);

impl AnswerFile {
    /// The one in the state folder; none without such a folder.
    pub fn in_state_folder() -> Option<Self> {
        Some(Self(Home::from_env().ok()?.state_dir().join("next-edit.json")))
    }
}

impl AnswerStore for AnswerFile {
    fn read(&self) -> Vec<AnswerCounts> {
        let is_small =
            fs::metadata(&self.0).is_ok_and(|file| file.is_file() && file.len() <= MAX_ANSWER_BYTES);
        let content = if is_small { fs::read(&self.0).unwrap_or_default() } else { Vec::new() };
        serde_json::from_slice(&content).unwrap_or_default()
    }

    fn write(&self, counts: &[AnswerCounts]) {
        let content = serde_json::to_vec(counts).map_err(anyhow::Error::from);
        if let Err(error) = content.and_then(|content| write_private(&self.0, &content)) {
            tracing::debug!("the answers to next edits could not be written: {error:#}");
        }
    }
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
    fn answers_are_kept_for_their_user_alone_and_what_cannot_be_read_counts_as_none() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state/next-edit.json");
        let file = AnswerFile(path.clone());
        assert_eq!(file.read(), []);
        let counts = [AnswerCounts { kind: "rename".to_owned(), accepted: 2.5, dismissed: 1.0 }];
        file.write(&counts);
        assert_eq!(file.read(), counts);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for content in ["".to_owned(), "{}".to_owned(), " ".repeat(20_000)] {
            fs::write(&path, content).unwrap();
            assert_eq!(file.read(), []);
        }
    }

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
