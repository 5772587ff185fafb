//! `fimble setup`: installs ONNX Runtime, or the plugin for an editor. Must hold: it says what is installed and how far that was checked, and running it
//! again mends a damaged installation.

use std::path::PathBuf;

use clap::ValueEnum;
use fimble_store::{InstalledRuntime, Origin, RuntimeStore, StoreError, bundle};

use super::editors::{self, Editor};
use super::model;
use super::neovim_plugin;
use super::progress::ProgressReporter;

/// Arguments of `fimble setup`.
#[derive(Debug, clap::Args)]
pub struct SetupArgs {
    /// Install from this folder or file instead of fetching: the onnxruntime wheel, the onnxruntime-node package, a
    /// release archive of ONNX Runtime 1.22 or later, the library itself, or a file of `fimble model bundle`
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Install again, even if ONNX Runtime is installed and whole
    #[arg(long)]
    pub force: bool,
    /// Write the plugin for an editor instead, where the editor finds it
    #[arg(long, value_name = "EDITOR", conflicts_with_all = ["from", "force"])]
    pub editor: Option<PluginEditor>,
}

/// Editors whose plugin is inside of the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PluginEditor {
    /// Neovim 0.10 or newer.
    Neovim,
}

/// Runs the command.
///
/// # Errors
/// Nothing could be installed; the error names the cause and the remedy.
pub fn run(args: SetupArgs) -> anyhow::Result<()> {
    if let Some(PluginEditor::Neovim) = args.editor {
        return install_neovim_plugin();
    }
    if let Some(path) = args.from.as_deref().filter(|path| bundle::is_bundle(path)) {
        return model::install_bundle(path);
    }
    let store = RuntimeStore::from_env()?;
    let mut progress = ProgressReporter::new();
    if args.from.is_none() && !args.force {
        if let Some(found) = store.locate()?
            && let Origin::Environment(variable) = found.origin
        {
            outln!("{variable} names {}, so nothing needs to be installed.", found.path.display());
            outln!("`fimble setup --force` installs the pinned library all the same.");
            return Ok(());
        }
        match store.verify() {
            Ok(installed) => {
                report(&installed, "its checksum is the one it was installed with");
                return Ok(());
            }
            Err(StoreError::NoRuntime { .. }) => {
                // Not `install`: another process may be at it, and once is enough.
                let ensured = store.ensure(&mut |report| progress.store(report));
                progress.finish();
                ensured?;
                report_new(&store.verify()?);
                return Ok(());
            }
            Err(StoreError::Checksum { .. }) => {
                progress.step("the installed library is damaged: installing it again")
            }
            Err(error) => return Err(error.into()),
        }
    }
    let installed = match &args.from {
        Some(path) => store.install_from(path, &mut |report| progress.store(report)),
        None => store.install(&mut |report| progress.store(report)),
    };
    // The bars end before anything else is written.
    progress.finish();
    let installed = installed?;
    report_new(&installed);
    match store.locate() {
        Ok(Some(found)) if found.path == installed.path => {}
        Ok(Some(found)) => outln!("Note: {} is used instead, {}.", found.path.display(), found.origin),
        Ok(None) => {}
        Err(error) => outln!("Note: it will not be used: {error}."),
    }
    Ok(())
}

fn install_neovim_plugin() -> anyhow::Result<()> {
    let folder = neovim_plugin::folder()?;
    neovim_plugin::install(&folder)?;
    let command = std::env::current_exe()?;
    outln!("The plugin is installed: {}", folder.display());
    outln!("Add this to init.lua, if it is not there (`:help fimble` has the options):\n");
    out!("{}", editors::configuration(Editor::Neovim, &command.to_string_lossy()));
    Ok(())
}

fn report_new(installed: &InstalledRuntime) {
    if installed.pinned {
        report(installed, "its checksum is the pinned one");
    } else {
        report(installed, "no checksum is pinned for this library, so it was taken as it is");
        outln!("  SHA-256 {}", installed.sha256);
    }
}

fn report(installed: &InstalledRuntime, check: &str) {
    let version = installed.version.as_deref().unwrap_or("of unknown version");
    outln!("ONNX Runtime {version} is installed: {}", installed.path.display());
    outln!("  from {}; {check}", installed.source);
}
