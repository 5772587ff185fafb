//! `fimble model bundle` and its counterpart, `fimble setup --from FILE`. Invariant: the output names all that was written and
//! installed, with its size.

use std::path::Path;

use fimble_store::{ModelStore, RuntimeStore, bundle};
use indicatif::HumanBytes;

use crate::cli::progress::ProgressReporter;

/// Writes models and the runtime library into one file.
///
/// # Errors
/// A model is missing or damaged, ONNX Runtime is not installed, or the file cannot be written.
pub fn write(store: &ModelStore, names: &[String], target: &Path) -> anyhow::Result<()> {
    let runtime = RuntimeStore::from_env()?;
    let mut progress = ProgressReporter::new();
    let written = bundle::write(store, &runtime, names, target, &mut |report| progress.store(report));
    progress.finish();
    let written = written?;
    outln!(
        "Wrote {} ({}) with ONNX Runtime and {}.",
        target.display(),
        HumanBytes(written.bytes),
        names.join(", ")
    );
    outln!("Install it on another machine with `fimble setup --from FILE`.");
    Ok(())
}

/// Installs what such a file holds.
///
/// # Errors
/// It is damaged or for another platform, or a name in it is taken.
pub fn install(path: &Path) -> anyhow::Result<()> {
    let (store, runtime) = (ModelStore::from_env()?, RuntimeStore::from_env()?);
    let mut progress = ProgressReporter::new();
    let installed = bundle::install(path, &store, &runtime, &mut |report| progress.store(report));
    progress.finish();
    let installed = installed?;
    outln!("ONNX Runtime is installed from {}.", path.display());
    for name in &installed.models {
        outln!("Added {name}. Use it with `fimble model use {name}`.");
    }
    for name in &installed.present {
        outln!("{name} is there already.");
    }
    Ok(())
}
