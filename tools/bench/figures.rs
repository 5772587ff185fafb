//! `fimble-bench figures`: the figures of docs/performance.md. Invariant: a threshold that is missed is printed like one that is
//! met.

mod figure;
mod idle;
mod process;
mod typing;

use std::process::ExitCode;

use fimble::shared::{ProgressReporter, ensure_runtime, model_name, outln};

use crate::binary::BinaryArgs;
use crate::settings::settings_for;

/// Arguments of `fimble-bench figures`.
#[derive(Debug, clap::Args)]
pub struct FiguresArgs {
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(long, value_parser = model_name)]
    model: Option<String>,
    /// Also run the soak: this many edits with completions
    #[arg(long, value_name = "EDITS", num_args = 0..=1, default_missing_value = "20000")]
    soak: Option<usize>,
    #[command(flatten)]
    binary: BinaryArgs,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The binary is not there, the runtime cannot be installed, the model cannot be loaded, or the server stopped answering.
pub fn run(args: &FiguresArgs) -> anyhow::Result<ExitCode> {
    let binary = args.binary.path()?;
    ensure_runtime()?;
    let mut progress = ProgressReporter::new();
    let mut figures = Vec::new();
    let settings = settings_for(args.model.as_deref());
    progress.step("starting processes");
    figures.extend(process::start_times(&binary, &settings)?);
    progress.step("typing");
    figures.extend(typing::typing(&settings)?);
    progress.step("changing a file of 1 MB");
    figures.extend(typing::large_file(&settings)?);
    progress.step("memory");
    figures.extend(process::memory(&binary, &settings)?);
    progress.step("doing nothing");
    figures.extend(idle::idle(&binary, &settings)?);
    if let Some(n_edits) = args.soak {
        progress.step("soak");
        figures.extend(process::soak(&binary, &settings, n_edits, &mut progress)?);
    }
    progress.finish();
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        outln!("| what | measured | target | |\n|---|---|---|---|");
        for figure in &figures {
            let met = figure.met.map_or("", |met| if met { "met" } else { "missed" });
            outln!("| {} | {} | {} | {met} |", figure.what, figure.measured, figure.target);
        }
    }
    Ok(ExitCode::SUCCESS)
}
