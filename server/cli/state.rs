//! The file through which `fimble why` sees what a running server did. Must hold: it holds traces only, which have no code
//! and no prompt in them; it appears whole or not at all; losing it costs nothing.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use fimble_lsp::RequestTrace;
use fimble_store::Home;
use serde::{Deserialize, Serialize};

/// What a server left behind.
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
    fs::create_dir_all(folder)?;
    let file = TraceFile { process: std::process::id(), traces: traces.to_vec() };
    let staged = folder.join(format!("requests-{}.tmp", file.process));
    fs::write(&staged, serde_json::to_vec(&file)?)?;
    fs::rename(&staged, &path)?;
    Ok(())
}

/// What the server that was active last wrote; none if no server ever did.
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
        format!("{} cannot be understood; remove it, the next request writes a new one", path.display())
    })?;
    Ok(Some(file))
}
