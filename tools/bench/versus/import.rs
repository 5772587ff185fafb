//! The import of a file, measured from outside, and memory with full slots. Invariant: everything is written into a folder of
//! its own, which goes with its handle; each measurement is a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fimble::shared::{Precision, status_mb};
use serde_json::Value;

use super::table::{Row, Thresholds};

/// What the model is called in the folder.
const NAME: &str = "versus";
/// Tokens in each of four slots.
const SLOT_TOKENS: &str = "1024";
/// How often the memory of an import is looked at; the system keeps the most that it had.
const POLL: Duration = Duration::from_millis(10);

/// A home of fimble for the time of the measurement.
pub struct TemporaryHome {
    folder: PathBuf,
}

impl TemporaryHome {
    /// An empty one in the system's folder for temporary files, or in another one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(inside: Option<&Path>) -> anyhow::Result<Self> {
        let inside = inside.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = std::path::absolute(inside)?.join(format!("fimble-versus-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Adds the file as a user would, and measures it. Returns the folder of the model.
    ///
    /// # Errors
    /// It cannot be added.
    pub fn import(
        &self,
        binary: &Path,
        gguf: &Path,
        precision: Precision,
        thresholds: &Thresholds,
    ) -> anyhow::Result<(PathBuf, Vec<Row>)> {
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(["model", "add", "--name", NAME, "--precision", precision.word()])
            .arg(gguf)
            .env("FIMBLE_HOME", &self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start fimble")?;
        let mut peak_mb = None;
        let status = loop {
            if let Some(mb) = status_mb(child.id(), "VmHWM") {
                peak_mb = Some(mb);
            }
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(POLL);
        };
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            bail!("`fimble model add {}` failed ({status}); run it by hand to see why", gguf.display());
        }
        let model = self.folder.join("models").join(NAME);
        let rows = vec![
            Row::cost("import, s", Some(seconds), None).at_most(thresholds.import_s),
            Row::cost("most memory during the import, MB", peak_mb, None).at_most(thresholds.import_peak_mb),
        ];
        Ok((model, rows))
    }
}

impl Drop for TemporaryHome {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Resident memory of a process with the model and four full slots.
///
/// # Errors
/// The model cannot be loaded.
pub fn memory(
    binary: &Path,
    model: &Path,
    theirs_mb: Option<f64>,
    thresholds: &Thresholds,
) -> anyhow::Result<Row> {
    let output = Command::new(binary)
        .args(["bench", "model", "--memory", "--slot-tokens", SLOT_TOKENS, "--json"])
        .arg(model)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start fimble")?;
    if !output.status.success() {
        bail!("`fimble bench model --memory` failed ({})", output.status);
    }
    let figures: Value = serde_json::from_slice(&output.stdout).context("its answer is no JSON")?;
    let what = format!("resident memory, four slots of {SLOT_TOKENS} tokens, MB");
    Ok(Row::cost(&what, figures["residentMb"].as_f64(), theirs_mb).at_most(thresholds.resident_mb))
}
