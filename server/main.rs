//! The binary: reads the command line, runs one subcommand, prints its error if it has one.

mod cli;

use std::process::ExitCode;

use clap::Parser;

#[expect(clippy::print_stderr, reason = "the one place where an error of a command is printed")]
fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fimble: {error:#}");
            ExitCode::FAILURE
        }
    }
}
