//! The binary: reads the command line, runs one subcommand, prints its error if it has one. Invariant: however early a
//! command ends, the process ends by its exit code and not by a signal; what it loads is told to send nothing.

use std::process::ExitCode;

use clap::Parser;
use fimble::Cli;

#[expect(clippy::print_stderr, reason = "the one place where an error of a command is printed")]
fn main() {
    fimble_engine::runtime::forbid_telemetry();
    let code = Cli::parse().run().unwrap_or_else(|error| {
        eprintln!("fimble: {error:#}");
        ExitCode::FAILURE
    });
    fimble_engine::runtime::exit_process(if code == ExitCode::SUCCESS { 0 } else { 1 });
}
