//! `fimble-next-edit-eval`: how often the next edit that is shown is one that the author made, and how often nothing is shown
//! where nothing is left to do. Invariant: the same build and the same places give the same figures, except for times.
//! docs/evaluation.md explains the figures.

mod case;
mod failures;
mod jsonl;
mod judge;
mod marked;
mod outcome;
mod replay;
mod report;
mod scores;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use self::outcome::Outcome;

/// Measures the edits that are proposed next.
#[derive(Debug, clap::Parser)]
#[command(name = "fimble-next-edit-eval", version)]
struct Args {
    /// Files of places: `.jsonl` as tools/sets/next_edit.py writes them, or texts with marked changes; or folders with such files
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// Ask as if the user were still in the word at the cursor
    #[arg(long)]
    typing: bool,
    /// Print how reliable the confidence is, in ten bins
    #[arg(long)]
    calibration: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Also write the scores to this file, without times
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write what was shown and wrong, and what was missed, to this file; it holds code
    #[arg(long, value_name = "FILE")]
    failures: Option<PathBuf>,
}

fn main() {
    fimble_tools::program::run("fimble-next-edit-eval", || run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut cases = Vec::new();
    for path in &args.paths {
        cases.extend(case::read(path)?);
    }
    let mut warm = BTreeSet::new();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for case in &cases {
        // What a process prepares once for a language counts in no time.
        if warm.insert(case.language.as_str()) {
            outcome::measure(case, args.typing)?;
        }
        outcomes.push(outcome::measure(case, args.typing)?);
    }
    if let Some(path) = &args.failures {
        std::fs::write(path, failures::list(&cases, &outcomes))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    report::write(args, &cases, &outcomes)?;
    Ok(ExitCode::SUCCESS)
}
