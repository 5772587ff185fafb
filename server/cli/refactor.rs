//! `fimble refactor`: changes to code as a patch, for a place or for every function of a folder. Invariant: files are written
//! only with `--apply`, and only if they have not changed since they were read.
#![expect(clippy::print_stderr, reason = "why nothing was changed is no patch")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;
use fimble_actions::patch;

use super::batch::{self, Batch, Report};
use super::chat_args::ChatArgs;
use super::code_actions::{ActionServer, Lines, Made, read_text, write_whole};
use super::every_function::act_on_every_function;

/// Arguments of `fimble refactor`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("task").required(true).args(["instruction", "kind"])))]
pub struct RefactorArgs {
    /// What to change: FILE, FILE:LINE for the function at a line, or FILE:FIRST-LAST
    #[arg(required_unless_present = "batch")]
    place: Option<Lines>,
    /// What to do, in your own words
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// What to do, of the things that editors offer
    #[arg(long)]
    kind: Option<Kind>,
    #[command(flatten)]
    chat: ChatArgs,
    /// Write the change into the file instead of printing a patch
    #[arg(long)]
    apply: bool,
    /// Go through every function of every source file of this folder instead; what was done is not done again
    #[arg(long, value_name = "FOLDER", requires = "out", conflicts_with = "place")]
    batch: Option<PathBuf>,
    /// Folder that the results of --batch go to: one patch for each source file
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// What can be done.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Move a part into a function
    Extract,
    /// Say the same with less
    Simplify,
    /// Clearer names
    Rename,
    /// Deal with what can go wrong
    Errors,
    /// Write a doc comment where there is none
    Document,
    /// Write a doc comment in the place of the one that is there
    Redocument,
    /// Write tests
    Tests,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Simplify => "simplify",
            Self::Rename => "rename",
            Self::Errors => "errors",
            Self::Document => "document",
            Self::Redocument => "redocument",
            Self::Tests => "tests",
        }
    }
}

/// Runs the command. The exit code is 1 if there is no result.
///
/// # Errors
/// There is no model that can do it, or a file cannot be read or written.
pub fn run(args: RefactorArgs) -> anyhow::Result<ExitCode> {
    let kind = args.kind.map_or("instruction", Kind::name);
    let instruction = args.instruction.unwrap_or_default();
    match (args.place, args.batch, args.out) {
        (Some(place), None, _) => {
            let text = read_text(&place.file)?;
            let mut server = ActionServer::start(&args.chat, &place.file)?;
            let made = server.act(kind, &instruction, &place, &text)?;
            server.shut_down()?;
            finish_one(&place.file, &text, made, args.apply)
        }
        (None, Some(folder), Some(out)) => {
            let mut server = ActionServer::start(&args.chat, &folder)?;
            let task = format!("refactor {kind} {instruction}");
            let batch = Batch { folder, out, task };
            let apply = args.apply;
            let summary = batch::run(&batch, &mut |file, text| {
                let made = act_on_every_function(&mut server, kind, &instruction, &file.path, text)?;
                let mut report = Report { refused: made.refused, ..Report::default() };
                if made.text != text {
                    let patch = patch(&file.relative, text, &made.text);
                    report.result = Some((format!("{}.patch", file.relative), patch));
                    report.source = apply.then_some(made.text);
                } else if !made.words.is_empty() {
                    let words = format!("# {}\n\n{}", file.relative, made.words);
                    report.result = Some((format!("{}.md", file.relative), words));
                } else if report.refused.is_empty() {
                    report.refused.push("there is no function in it".to_owned());
                }
                Ok(report)
            })?;
            server.shut_down()?;
            Ok(summary.print())
        }
        _ => bail!("name a place (FILE, FILE:LINE or FILE:FIRST-LAST), or --batch FOLDER with --out FOLDER"),
    }
}

/// A path as a patch has it: from this folder on, so that `git apply` and `patch -p1` find the file here.
fn in_patch(file: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_deref().and_then(|here| file.strip_prefix(here).ok()).unwrap_or(file);
    inside.to_string_lossy().replace('\\', "/")
}

fn finish_one(file: &Path, old: &str, made: Made, apply: bool) -> anyhow::Result<ExitCode> {
    match made {
        Made::Text(new) if apply && read_text(file).is_ok_and(|now| now == old) => write_whole(file, &new)?,
        Made::Text(new) if apply => {
            out!("{}", patch(&in_patch(file), old, &new));
            bail!(
                "{} was changed while the model answered, and was left as it is; the change is printed instead, as a patch of \
                 what it was before",
                file.display()
            );
        }
        Made::Words(words) => outln!("{}", words.trim_end()),
        Made::Text(new) => out!("{}", patch(&in_patch(file), old, &new)),
        Made::NewFile(name, text) => {
            let path = file.with_file_name(&name);
            if !apply {
                out!("{}", patch(&in_patch(&path), "", &text));
            } else if path.exists() {
                bail!(
                    "{} is there already; move it away, or leave out --apply to see the new one",
                    path.display()
                );
            } else {
                write_whole(&path, &text)?;
            }
        }
        Made::Nothing(reason) => {
            eprintln!("nothing was changed: {reason}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
