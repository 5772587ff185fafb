//! `fimble model`: the models on this machine and those that can be fetched. Contents: the arguments and the short commands; the
//! longer ones are in `model/`. Invariant: it only calls the store, the engine and the import; the files of models and their
//! places are known only to the store.

use std::path::PathBuf;

use clap::ValueEnum;
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelStore};
use indicatif::HumanBytes;

use super::gguf_import::Precision;
use super::progress::ProgressReporter;

pub mod abilities;
mod add;
mod bundle;
pub mod get;
mod list;
mod trials;

/// Arguments of `fimble model`.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What to do with the models.
#[derive(Debug, clap::Subcommand)]
pub enum ModelCommand {
    /// List the models, the one in use marked with a star, and those of other programs on this disk
    List {
        /// Print JSON, with the catalogue
        #[arg(long)]
        json: bool,
    },
    /// Add a model from a GGUF file, from a folder, or from another program on this disk
    Add(AddArgs),
    /// Fetch a model and add it
    Get(GetArgs),
    /// Use a model, after the next start of a server
    Use {
        /// Its name; `bundled` is the one in the program
        name: String,
    },
    /// Compare the files of a model with the checksums they had when it was added
    Verify {
        /// Its name [default: the one in use]
        name: Option<String>,
    },
    /// Remove a model; the file or folder it was added from stays
    Remove {
        /// Its name
        name: String,
    },
    /// Write models, ONNX Runtime and licences into one file, for `fimble setup --from FILE` without a network
    Bundle {
        /// Names of models that were added
        #[arg(required = true)]
        names: Vec<String>,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// Arguments of `fimble model add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// A GGUF file, a folder with one or with an .onnx file and tokenizer.json, or a model of another program:
    /// ollama:NAME[:TAG], hf:OWNER/REPO[/FILE], lmstudio:PUBLISHER/MODEL[/FILE]; it is not changed
    #[arg(value_name = "FILE|FOLDER|MODEL")]
    pub what: String,
    /// The name to give it [default: by the file or folder]
    #[arg(long)]
    pub name: Option<String>,
    /// Use it from now on
    #[arg(long = "use")]
    pub and_use: bool,
    /// How the weights of a GGUF file are converted [default: exact]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// Leave .onnx files as they are, also where they compute more than is needed
    #[arg(long)]
    pub keep_graph: bool,
}

/// Arguments of `fimble model get`.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// A name of the catalogue (`fimble model list` shows it) or hf:OWNER/REPO[@REVISION][/FILE] [default: the best for
    /// this machine]
    #[arg(value_name = "NAME")]
    pub what: Option<String>,
    /// The name to give it [default: that of the catalogue or of the file]
    #[arg(long)]
    pub name: Option<String>,
    /// Use it from now on, also where another model than the bundled one is in use
    #[arg(long = "use")]
    pub and_use: bool,
    /// How the weights are converted [default: what the catalogue says, else exact]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// Accept a licence that forbids commercial use
    #[arg(long)]
    pub accept_licence: bool,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t = ProgressForm::Bar)]
    pub progress: ProgressForm,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    /// A bar on standard error
    Bar,
    /// Lines of JSON on standard output
    Json,
}

/// Runs the command.
///
/// # Errors
/// The store refused; the error names the cause and the remedy.
pub fn run(args: ModelArgs) -> anyhow::Result<()> {
    let store = ModelStore::from_env()?;
    match args.command {
        ModelCommand::List { json } => list::run(&store, json)?,
        ModelCommand::Add(args) => add::run(&store, &args)?,
        ModelCommand::Get(args) => get::run(&store, &args)?,
        ModelCommand::Bundle { names, to } => bundle::write(&store, &names, &to)?,
        ModelCommand::Use { name } => {
            store.use_model(&name)?;
            outln!("{name} is in use after the next start of a server.");
        }
        ModelCommand::Verify { name } => verify(&store, name)?,
        ModelCommand::Remove { name } => {
            store.remove(&name)?;
            outln!("Removed {name}.");
        }
    }
    Ok(())
}

pub use bundle::install as install_bundle;

fn verify(store: &ModelStore, name: Option<String>) -> anyhow::Result<()> {
    let name = match name {
        Some(name) => name,
        None => match store.active()? {
            ActiveModel::Bundled => BUNDLED_MODEL_NAME.to_owned(),
            ActiveModel::Folder { name, .. } => name,
        },
    };
    let mut progress = ProgressReporter::new();
    let verified = store.verify(&name, &mut |report| progress.store(report));
    progress.finish();
    let verified = verified?;
    outln!("{name} is whole: {} files, {}.", verified.n_files, HumanBytes(verified.n_bytes));
    Ok(())
}
