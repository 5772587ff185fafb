//! `fimble why`: explains the last requests. Invariant: every request has an explanation, also one without a suggestion.

use std::process::ExitCode;

use fimble_lsp::{RequestTrace, render_plain};

use super::complete::{self, Place};
use super::state;

/// Arguments of `fimble why`.
#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    /// Complete this place now and explain that, instead of what a running server did (FILE:LINE:COLUMN, from 1)
    place: Option<Place>,
    /// How many of the last requests to explain
    #[arg(long, default_value_t = 1, value_name = "N")]
    last: usize,
    /// Print the traces as JSON
    #[arg(long, conflicts_with = "place")]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The file of traces cannot be read, or the place cannot be completed.
pub fn run(args: WhyArgs) -> anyhow::Result<ExitCode> {
    if let Some(place) = args.place {
        let outcome = complete::complete(&place, None)?;
        out!("{}", render_plain(&outcome.trace));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(file) = state::read_traces()? else {
        outln!(
            "No server has answered a request yet. Open a file in an editor that runs `fimble lsp` and type;"
        );
        outln!("`fimble doctor` checks that it can work, `fimble why FILE:LINE:COLUMN` explains one place.");
        return Ok(ExitCode::SUCCESS);
    };
    let n_skipped = file.traces.len().saturating_sub(args.last);
    let last: &[RequestTrace] = &file.traces[n_skipped..];
    if args.json {
        outln!("{}", serde_json::to_string_pretty(last)?);
    } else {
        let texts: Vec<String> = last.iter().map(render_plain).collect();
        out!("{}", texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}
