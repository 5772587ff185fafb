//! `fimble explain`: what code does, in Markdown, for a place or for all files of a folder. Invariant: nothing but the
//! explanation goes to standard output.
#![expect(clippy::print_stderr, reason = "why there is no explanation is none")]

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;

use super::batch::{self, Batch, Report};
use super::chat_args::ChatArgs;
use super::code_actions::{ActionServer, Lines, read_text};

/// Arguments of `fimble explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// What to explain: FILE, FILE:LINE for the function at a line, or FILE:FIRST-LAST
    #[arg(required_unless_present = "batch")]
    place: Option<Lines>,
    #[command(flatten)]
    chat: ChatArgs,
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
    let start = |place: &Path| ActionServer::start(&args.chat, place);
    match (args.place, args.batch, args.out) {
        (Some(place), None, _) => explain_one(&place, &start),
        (None, Some(folder), Some(out)) => {
            let mut server = start(&folder)?;
            let batch = Batch { folder, out, task: "explain".to_owned() };
            let summary = batch::run(&batch, &mut |file, text| {
                let lines = Lines { file: file.path.clone(), lines: None };
                Ok(match server.explain(&lines, text, &mut |_| {})? {
                    Ok(explanation) => {
                        let text = format!("# {}\n\n{explanation}", file.relative);
                        Report { result: Some((format!("{}.md", file.relative), text)), ..Report::default() }
                    }
                    Err(reason) => Report { refused: vec![reason], ..Report::default() },
                })
            })?;
            server.shut_down()?;
            Ok(summary.print())
        }
        _ => bail!("name a place (FILE, FILE:LINE or FILE:FIRST-LAST), or --batch FOLDER with --out FOLDER"),
    }
}

fn explain_one(
    place: &Lines,
    start: &dyn Fn(&Path) -> anyhow::Result<ActionServer>,
) -> anyhow::Result<ExitCode> {
    let text = read_text(&place.file)?;
    let mut server = start(&place.file)?;
    let mut shown = String::new();
    let mut print = |so_far: &str| {
        out!("{}", news(&shown, so_far));
        let _ = std::io::stdout().flush();
        so_far.trim().clone_into(&mut shown);
    };
    // Only who looks at it wants to see it grow: what is printed may turn out to be a thought.
    let is_watched = std::io::stdout().is_terminal();
    let explained = server.explain(place, &text, &mut |so_far| {
        if is_watched && !so_far.trim().is_empty() {
            print(so_far);
        }
    })?;
    server.shut_down()?;
    match explained {
        Ok(all) => {
            print(&all);
            outln!("");
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("nothing was explained: {reason}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The part of the text to print after what was printed, so that the whole text can be read.
fn news(shown: &str, so_far: &str) -> String {
    let so_far = so_far.trim();
    so_far.strip_prefix(shown).map_or_else(|| format!("\n\n{so_far}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::news;

    #[test]
    fn a_text_that_begins_anew_is_printed_from_there() {
        for (shown, so_far, expected) in [
            ("", "It adds.\n", "It adds."),
            ("It adds.", "It adds.\n\nMore.", "\n\nMore."),
            ("Hm, well", "It adds.", "\n\nIt adds."),
        ] {
            assert_eq!(news(shown, so_far), expected);
        }
    }
}
