//! `fimble refactor`: changes to code as a patch, for a place or for every function of a folder. Must hold: files are written
//! only with `--apply`.
#![expect(clippy::print_stderr, reason = "why nothing was changed is no patch")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;
use fimble_actions::patch;
use fimble_document::Text;
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};

use super::batch::{self, Batch, Report};
use super::chat_args::ChatArgs;
use super::code_actions::{ActionServer, Lines, Made, read_text, write_whole};

/// Arguments of `fimble refactor`.
#[derive(Debug, clap::Args)]
pub struct RefactorArgs {
    /// What to change: FILE, FILE:LINE for the function at a line, or FILE:FIRST-LAST
    #[arg(required_unless_present = "batch")]
    place: Option<Lines>,
    /// What to do, in your own words
    #[arg(long, value_name = "TEXT", required_unless_present = "kind", conflicts_with = "kind")]
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
    /// Write a doc comment
    Document,
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
            Self::Tests => "tests",
        }
    }
}

/// Runs the command. The exit code is 1 when nothing came of it.
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
                let (new, n_refused) = every_item(&mut server, kind, &instruction, &file.path, text)?;
                if new == text {
                    return Ok(Report::Refused(format!(
                        "nothing was changed ({n_refused} functions refused)"
                    )));
                }
                if apply {
                    write_whole(&file.path, &new)?;
                }
                let text = patch(&file.relative, text, &new);
                Ok(Report::Written { name: format!("{}.patch", file.relative), text })
            })?;
            server.shut_down()?;
            Ok(summary.print())
        }
        _ => bail!("name a place (FILE, FILE:LINE or FILE:FIRST-LAST), or --batch FOLDER with --out FOLDER"),
    }
}

fn finish_one(file: &Path, old: &str, made: Made, apply: bool) -> anyhow::Result<ExitCode> {
    match made {
        Made::Text(new) if apply => write_whole(file, &new)?,
        Made::Text(new) => out!("{}", patch(&file.to_string_lossy(), old, &new)),
        Made::NewFile(name, text) => {
            let path = file.with_file_name(&name);
            if !apply {
                out!("{}", patch(&path.to_string_lossy(), "", &text));
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

/// The text after an action on each of its items, the last one first, so that the lines above stay where they are; and how
/// many were left as they are.
fn every_item(
    server: &mut ActionServer,
    kind: &str,
    instruction: &str,
    file: &Path,
    text: &str,
) -> anyhow::Result<(String, usize)> {
    let mut new = text.to_owned();
    let mut n_refused = 0;
    for line in item_lines(file, text).into_iter().rev() {
        let lines = Lines { file: file.to_owned(), lines: Some((line, line)) };
        match server.act(kind, instruction, &lines, &new)? {
            Made::Text(changed) => new = changed,
            Made::NewFile(..) | Made::Nothing(_) => n_refused += 1,
        }
    }
    Ok((new, n_refused))
}

/// The first lines of the functions of a file, from 1.
fn item_lines(file: &Path, text: &str) -> Vec<u32> {
    let document = Text::new(text);
    let tree = by_path(&file.to_string_lossy())
        .and_then(|language| SyntaxTree::parse(language, &document, None, &ParseBudget::unlimited()).ok());
    let Some(tree) = tree else { return Vec::new() };
    let mut lines = Vec::new();
    let mut at = 0;
    while at < document.len() {
        let line = document.line_of(at);
        let scopes = tree.enclosing_scopes(&document, inside(&document, line));
        let begins_here = scopes
            .iter()
            .rev()
            .find(|scope| scope.name.is_some())
            .filter(|scope| document.line_of(scope.range.start) == line && scope.body.is_some());
        // What holds other items is not changed as a whole: they are.
        if let Some(scope) = begins_here.filter(|scope| is_leaf(&tree, &document, scope.range.clone())) {
            lines.extend(u32::try_from(line + 1));
            at = document.line_start(document.line_of(scope.range.end.saturating_sub(1)) + 1).max(at + 1);
        } else {
            at = document.line_start(line + 1).max(at + 1);
        }
    }
    lines
}

/// A place on a line that is inside of what begins there.
fn inside(text: &Text, line: usize) -> usize {
    let content = text.line(line);
    text.line_start(line) + (content.len() - content.trim_start().len() + 1).min(content.len())
}

/// Whether no named item begins on a later line of a range.
fn is_leaf(tree: &SyntaxTree, text: &Text, range: std::ops::Range<usize>) -> bool {
    let (first, last) = (text.line_of(range.start), text.line_of(range.end));
    !(first + 1..=last).any(|line| {
        let scopes = tree.enclosing_scopes(text, inside(text, line));
        scopes.iter().any(|scope| {
            scope.name.is_some()
                && scope.body.is_some()
                && text.line_of(scope.range.start) == line
                && line > first
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_functions_of_a_file_are_gone_through() {
        let text = "struct A;\n\nimpl A {\n    fn one(&self) {\n        two();\n    }\n\n    fn two(&self) {}\n}\n\nfn three() {\n    x();\n}\n";
        assert_eq!(item_lines(Path::new("a.rs"), text), [4, 8, 11]);
        assert!(item_lines(Path::new("a.unknown"), text).is_empty());
    }
}
