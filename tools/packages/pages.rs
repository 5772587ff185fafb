//! Writes the man pages and the shell completions of `fimble` into a folder, from the definition of its command line:
//!   cargo run --locked -p fimble-tools --bin fimble-pages -- FOLDER
//! Invariant: the pages describe every subcommand that `fimble --help` shows, and the same sources give the same bytes.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, ValueEnum as _};
use clap_complete::Shell;
use fimble::Cli;

/// Writes the man pages and the shell completions of fimble.
#[derive(Debug, Parser)]
struct Args {
    /// Where the folders `man` and `completions` are made
    folder: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let folder = Args::parse().folder;
    let man = folder.join("man");
    let completions = folder.join("completions");
    for part in [&man, &completions] {
        fs::create_dir_all(part).with_context(|| format!("{} cannot be made", part.display()))?;
    }
    clap_mangen::generate_to(Cli::command(), &man)
        .with_context(|| format!("the man pages cannot be written into {}", man.display()))?;
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut Cli::command(), "fimble", &completions)
            .with_context(|| format!("{shell}: cannot be written into {}", completions.display()))?;
    }
    Ok(())
}
