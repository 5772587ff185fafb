//! `fimble setup`: installs ONNX Runtime and a model for daily use, or the plugin for an editor. Invariant: it says what is
//! installed and how far that was checked; running it again repairs a damaged installation; the user's choice stays.

use std::path::PathBuf;

use clap::ValueEnum;
use fimble_store::{
    ActiveModel, InstalledRuntime, ModelStore, Origin, RuntimeStore, StoreError, bundle, catalogue,
};

use super::editors::{self, Editor};
use super::model;
use super::model::get::{self, Replaces, Request};
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
    /// The model for daily use: `none`, a name that `fimble model list` shows, or hf:OWNER/REPO; it is fetched if it is not
    /// there, and is in use from then on [default: qwen2.5-coder-0.5b, unless a model was chosen before or --from is given]
    #[arg(long, value_name = "NAME | none")]
    pub model: Option<String>,
    /// Accept a licence of the model that forbids commercial use
    #[arg(long, requires = "model")]
    pub accept_licence: bool,
    /// Write the plugin for an editor instead, where the editor finds it
    #[arg(long, value_name = "EDITOR", conflicts_with_all = ["from", "force", "model"])]
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
/// Nothing could be installed, or a model that was named cannot be had; the error names the cause and the remedy.
pub fn run(args: SetupArgs) -> anyhow::Result<()> {
    if let Some(PluginEditor::Neovim) = args.editor {
        return install_neovim_plugin();
    }
    if let Some(path) = args.from.as_deref().filter(|path| bundle::is_bundle(path)) {
        model::install_bundle(path)?;
    } else {
        install_runtime(&args)?;
    }
    let store = ModelStore::from_env()?;
    match args.model.as_deref() {
        Some("none") => Ok(()),
        Some(name) => use_named(&store, name, args.accept_licence),
        // Who installs from files has no network.
        None if args.from.is_some() => Ok(()),
        None => {
            use_recommended(&store);
            Ok(())
        }
    }
}

/// Fetches the recommended model unless the user has chosen one. Without it the bundled model stays in use, so that
/// nothing here is a failure.
fn use_recommended(store: &ModelStore) {
    if store.has_choice() {
        match store.active() {
            Ok(ActiveModel::Folder { name, .. }) => outln!("{name} stays in use, because you chose it."),
            Ok(ActiveModel::Bundled) => outln!("The bundled model stays in use, because you chose it."),
            Err(error) => outln!("Note: {error}."),
        }
        return;
    }
    let name = catalogue::FIRST_MODEL;
    let outcome = if store.model(name).is_ok() {
        use_named(store, name, false)
    } else {
        fetch(store, name, false, Replaces::Bundled)
    };
    if let Err(reason) = outcome {
        outln!(
            "{} The bundled model stays in use; `fimble setup --model {name}` tries again.",
            model::get::in_one_line(&reason)
        );
    }
}

fn use_named(store: &ModelStore, name: &str, accept_licence: bool) -> anyhow::Result<()> {
    if store.model(name).is_ok() {
        store.use_model(name)?;
        outln!("{name} is in use after the next start of a server.");
        return Ok(());
    }
    fetch(store, name, accept_licence, Replaces::Any)
}

fn fetch(store: &ModelStore, name: &str, accept_licence: bool, replaces: Replaces) -> anyhow::Result<()> {
    let mut progress = ProgressReporter::new();
    let request = Request { what: Some(name), name: None, precision: None, accept_licence, replaces };
    let got = get::get(store, &request, &mut progress);
    progress.finish();
    let got = got?;
    progress.end(&got.name, &got.lines);
    Ok(())
}

fn install_runtime(args: &SetupArgs) -> anyhow::Result<()> {
    let store = RuntimeStore::from_env()?;
    let mut progress = ProgressReporter::new();
    if args.from.is_none() && !args.force {
        if let Some(found) = store.locate()?
            && let Origin::Environment(variable) = found.origin
        {
            outln!("{variable} names {}, so nothing needs to be installed.", found.path.display());
            outln!("`fimble setup --force` installs the pinned library anyway.");
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
        report(installed, "no checksum is pinned for this library, so it was not checked");
        outln!("  SHA-256 {}", installed.sha256);
    }
}

fn report(installed: &InstalledRuntime, check: &str) {
    let version = installed.version.as_deref().unwrap_or("of unknown version");
    outln!("ONNX Runtime {version} is installed: {}", installed.path.display());
    outln!("  from {}; {check}", installed.source);
}
