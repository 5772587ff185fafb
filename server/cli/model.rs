//! `fimble model`: the models on this machine. Must hold: it only asks the store and the engine; what a model is and where it
//! lies is known to the one, what can be changed in its graph to the other.

use std::path::PathBuf;

use fimble_onnx::edit::{Edit, keep_last_logits, name_reshaped_weights};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelEntry, ModelStore, Rewrite};
use indicatif::HumanBytes;

use super::progress::ProgressReporter;

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
    /// List the models; the one in use is marked with a star
    List,
    /// Add a model from a folder that holds an .onnx file and tokenizer.json
    Add {
        /// The folder; it is not changed
        folder: PathBuf,
        /// The name to give it [default: the name of the folder]
        #[arg(long)]
        name: Option<String>,
        /// Use it from now on
        #[arg(long = "use")]
        and_use: bool,
        /// Leave the .onnx files as they are, also where they compute more than is needed
        #[arg(long)]
        keep_graph: bool,
    },
    /// Use a model, from the next start of a server on
    Use {
        /// Its name; `bundled` is the one in the program
        name: String,
    },
    /// Compare the files of a model with the checksums they had when it was added
    Verify {
        /// Its name [default: the one in use]
        name: Option<String>,
    },
    /// Remove a model; the folder it was added from stays
    Remove {
        /// Its name
        name: String,
    },
}

/// Runs the command.
///
/// # Errors
/// The store refused; the error names the cause and the remedy.
pub fn run(args: ModelArgs) -> anyhow::Result<()> {
    let store = ModelStore::from_env()?;
    let mut progress = ProgressReporter::new();
    match args.command {
        ModelCommand::List => {
            // A broken choice must be seen, but must not hide the models to choose from.
            list(&store.list()?);
            store.active()?;
        }
        ModelCommand::Add { folder, name, and_use, keep_graph } => {
            let mut notes = Vec::new();
            let mut edit = |file: &str, content: &[u8]| {
                let (note, content) = edit(file, content);
                notes.push(note);
                content
            };
            let rewrite: Option<&mut Rewrite<'_>> = if keep_graph { None } else { Some(&mut edit) };
            let report = &mut |report| progress.store(report);
            let added = store.add_rewritten(&folder, name.as_deref(), rewrite, report);
            progress.finish();
            let added = added?;
            let size = HumanBytes(added.n_bytes.unwrap_or_default());
            outln!("Added {} ({size}).", added.name);
            for note in notes {
                outln!("{note}");
            }
            if and_use {
                store.use_model(&added.name)?;
                outln!("It is in use from the next start of a server on.");
            } else {
                outln!("Use it with `fimble model use {}`.", added.name);
            }
        }
        ModelCommand::Use { name } => {
            store.use_model(&name)?;
            outln!("{name} is in use from the next start of a server on.");
        }
        ModelCommand::Verify { name } => {
            let name = match name {
                Some(name) => name,
                None => match store.active()? {
                    ActiveModel::Bundled => BUNDLED_MODEL_NAME.to_owned(),
                    ActiveModel::Folder { name, .. } => name,
                },
            };
            let verified = store.verify(&name, &mut |report| progress.store(report));
            progress.finish();
            let verified = verified?;
            outln!("{name} is whole: {} files, {}.", verified.n_files, HumanBytes(verified.n_bytes));
        }
        ModelCommand::Remove { name } => {
            store.remove(&name)?;
            outln!("Removed {name}.");
        }
    }
    Ok(())
}

/// What is said about a graph file, and its new content if it has one.
fn edit(file: &str, content: &[u8]) -> (String, Option<Vec<u8>>) {
    // What is damaged for one edit is damaged for the other, which tells it.
    let named = name_reshaped_weights(content).unwrap_or_default();
    let (mut note, edited) = match keep_last_logits(named.as_deref().unwrap_or(content)) {
        Ok(Edit::Made(content)) => (
            format!(
                "{file} was edited to compute logits only where they are needed; the folder it is from is unchanged, and \
                 --keep-graph adds it unedited."
            ),
            Some(content),
        ),
        Ok(Edit::NotNeeded(reason)) => {
            (format!("{file} computes logits only where they are needed: {reason}."), None)
        }
        Err(reason) => (format!("{file} still computes logits for all tokens: {reason}."), None),
    };
    if named.is_some() {
        note.push_str(" Weights that it reads in two shapes take memory once.");
    }
    (note, edited.or(named))
}

fn list(models: &[ModelEntry]) {
    if models.is_empty() {
        outln!("There are no models. Add one with `fimble model add FOLDER`.");
    }
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or_default();
    for model in models {
        let mark = if model.active { '*' } else { ' ' };
        let size = model
            .n_bytes
            .map_or_else(|| "size unknown".to_owned(), |n_bytes| HumanBytes(n_bytes).to_string());
        let origin = match (&model.path, &model.source) {
            (None, _) => "in the program".to_owned(),
            (Some(_), Some(source)) => format!("from {source}"),
            (Some(path), None) => format!("in {}", path.display()),
        };
        outln!("{mark} {:width$}  {size:>12}  {origin}", model.name);
    }
}
