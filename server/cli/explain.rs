//! `fimble explain`: what code does, in Markdown, for a place or for all files of a folder.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use super::batch::{self, Batch, Report};
use super::code_actions::{ActionServer, Lines, read_text};

/// Arguments of `fimble explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// What to explain: FILE, FILE:LINE for the function at a line, or FILE:FIRST-LAST
    #[arg(required_unless_present = "batch")]
    place: Option<Lines>,
    /// Model to use instead of the one in use: a name or a folder
    #[arg(long)]
    model: Option<String>,
    /// Explain every source file of this folder instead; what was done is not done again
    #[arg(long, value_name = "FOLDER", requires = "out", conflicts_with = "place")]
    batch: Option<PathBuf>,
    /// Folder that the results of --batch go to: one Markdown file for each source file
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// There is no model that can explain, or a file cannot be read or written.
pub fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let mut server = ActionServer::start(args.model.as_deref())?;
    let code = match (args.place, args.batch, args.out) {
        (Some(place), None, _) => explain_one(&mut server, &place)?,
        (None, Some(folder), Some(out)) => {
            let batch = Batch { folder, out, task: "explain".to_owned() };
            let summary = batch::run(&batch, &mut |file, text| {
                let lines = Lines { file: file.path.clone(), lines: None };
                Ok(match server.explain(&lines, text, &mut |_| {})? {
                    Ok(explanation) => Report::Written {
                        name: format!("{}.md", file.relative),
                        text: format!("# {}\n\n{explanation}", file.relative),
                    },
                    Err(reason) => Report::Refused(reason),
                })
            })?;
            summary.print()
        }
        _ => bail!("name a place (FILE, FILE:LINE or FILE:FIRST-LAST), or --batch FOLDER with --out FOLDER"),
    };
    server.shut_down()?;
    Ok(code)
}

fn explain_one(server: &mut ActionServer, place: &Lines) -> anyhow::Result<ExitCode> {
    let text = read_text(&place.file)?;
    let mut n_shown = 0;
    let explained = server.explain(place, &text, &mut |so_far| {
        // Each text continues the one before it.
        if let Some(new) = so_far.get(n_shown..) {
            out!("{new}");
            let _ = std::io::stdout().flush();
            n_shown = so_far.len();
        }
    })?;
    outln!("");
    Ok(if explained.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
