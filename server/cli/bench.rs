//! `fimble bench`: measures this machine. Invariant: figures of the whole server are not here but in `fimble-bench` of `tools`.

mod bandwidth;
mod memory;
mod model;

use std::process::ExitCode;

/// Arguments of `fimble bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, clap::Subcommand)]
enum BenchCommand {
    /// Speed and memory of a model, without the server around it
    Model(model::ModelBenchArgs),
}

/// Runs the command.
///
/// # Errors
/// The runtime cannot be installed, or the model cannot be loaded or run.
pub fn run(args: BenchArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        BenchCommand::Model(args) => model::run(&args),
    }
}
