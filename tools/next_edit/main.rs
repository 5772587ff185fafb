//! `fimble-next-edit-eval`: how often the next edit that is shown is one that the author made, and how often nothing is shown
//! where nothing is left to do. Invariant: the same build and the same places give the same figures, except for times.
//! docs/evaluation.md explains the figures.

mod args;
mod case;
mod failures;
mod jsonl;
mod judge;
mod keys;
mod marked;
mod outcome;
mod read;
mod replay;
mod report;
mod scores;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use self::args::Args;
use self::keys::WhileTyping;
use self::outcome::Outcome;

fn main() {
    fimble_tools::program::run("fimble-next-edit-eval", || run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut cases = Vec::new();
    for path in &args.paths {
        cases.extend(read::read(path)?);
    }
    let mut warm = BTreeSet::new();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut wrong_at_keys = Vec::new();
    let mut while_typing = args.keys.then(WhileTyping::default);
    for case in &cases {
        // What a process prepares once for a language counts in no time.
        if warm.insert(case.language.as_str()) {
            outcome::measure(case, args.typing, args.candidates)?;
        }
        outcomes.push(outcome::measure(case, args.typing, args.candidates)?);
        if let Some(while_typing) = &mut while_typing {
            let stopped = keys::within_last_hunk(case);
            let at_keys: Vec<Outcome> = stopped
                .iter()
                .map(|case| outcome::measure(case, true, false))
                .collect::<anyhow::Result<_>>()?;
            while_typing.count(&at_keys);
            let mut pairs = stopped.into_iter().zip(at_keys);
            wrong_at_keys.extend(pairs.find(|(_, outcome)| outcome.is_wrong()));
        }
    }
    if let Some(path) = &args.places {
        std::fs::write(path, report::places(&cases, &outcomes))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.failures {
        std::fs::write(path, failures::list(&cases, &outcomes, &wrong_at_keys))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    report::write(args, &cases, &outcomes, while_typing.as_ref())?;
    Ok(ExitCode::SUCCESS)
}
