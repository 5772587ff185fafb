//! `fimble-bench`: the figures of docs/performance.md, recorded typing sessions, and the same weights in llama.cpp's server.
//! Invariant: each figure is measured through the real server with the model in use; a threshold that is missed is printed like
//! one that is met.

mod binary;
mod figures;
mod replay;
mod settings;
mod versus;

use clap::{Parser, Subcommand};

/// Measures the whole server on this machine.
#[derive(Debug, Parser)]
#[command(name = "fimble-bench", version, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The figures of docs/performance.md, on this machine
    Figures(figures::FiguresArgs),
    /// Play typing sessions through the real server
    Replay(replay::ReplayArgs),
    /// The same weights here and in llama.cpp's server, in turns
    Versus(versus::VersusArgs),
}

fn main() {
    fimble_tools::program::run("fimble-bench", || match Args::parse().command {
        Command::Figures(args) => figures::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Versus(args) => versus::run(&args),
    })
}
