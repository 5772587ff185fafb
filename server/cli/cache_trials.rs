//! The trials of KV caches in 8 bits, one small file for each model, so that each is made once. Invariant: a file holds numbers about a
//! model, no text of the user; it is written whole or not at all; it can be lost without harm, and the engine checks what it reads.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fimble_lsp::create_private_folder;
use fimble_store::Home;

/// The trial of the model in a folder, if one was kept.
pub fn read(folder: &Path) -> Option<String> {
    fs::read_to_string(path(folder)?).ok()
}

/// Keeps the trial of the model in a folder. A failure is only logged: the trial is then made again.
pub fn write(folder: &Path, trial: &str) {
    if let Err(error) = try_write(folder, trial) {
        tracing::debug!("the trial of a KV cache could not be kept: {error:#}");
    }
}

fn try_write(folder: &Path, trial: &str) -> anyhow::Result<()> {
    let path = path(folder).context("the folder has no name, or Fimble has no folder")?;
    let parent = path.parent().context("the file has no folder")?;
    create_private_folder(parent)?;
    let mut staged = tempfile::NamedTempFile::new_in(parent)?;
    staged.write_all(trial.as_bytes())?;
    staged.persist(&path)?;
    Ok(())
}

/// Not in the folder of the model: that may be another program's, and windows tell models apart by when their folders changed.
fn path(folder: &Path) -> Option<PathBuf> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = folder.file_name()?.to_string_lossy().replace(|c| !is_plain(c), "-");
    Some(Home::from_env().ok()?.state_dir().join("kv-cache").join(format!("{name}.json")))
}
