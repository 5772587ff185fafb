//! `fimble complete`: one completion of one place, for people and for scripts.
#![expect(clippy::print_stderr, reason = "why there is no suggestion is no suggestion")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use fimble_client::{InlineItem, InlineTrigger};
use fimble_document::{Position, PositionEncoding, Text};
use fimble_lsp::{Decision, RequestTrace, file_uri};
use serde_json::json;

use super::loader;
use super::local_server::LocalServer;

/// Arguments of `fimble complete`.
#[derive(Debug, clap::Args)]
pub struct CompleteArgs {
    /// The place: FILE:LINE:COLUMN, lines and columns from 1, columns in characters; the column after the last one is
    /// the end of the line
    place: Place,
    /// Model to use instead of the one in use: a name or a folder
    #[arg(long, value_parser = loader::model_name)]
    model: Option<String>,
    /// Print the suggestion, the range it replaces and the trace as JSON
    #[arg(long)]
    json: bool,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?} is not FILE:LINE:COLUMN, such as src/main.rs:10:5");
        let mut parts = text.rsplitn(3, ':');
        let mut number = || -> Option<u32> { parts.next()?.parse().ok().filter(|number| *number > 0) };
        let column = number().ok_or_else(expected)?;
        let line = number().ok_or_else(expected)?;
        let file = parts.next().filter(|file| !file.is_empty()).ok_or_else(expected)?;
        Ok(Self { file: PathBuf::from(file), line, column })
    }
}

/// The outcome.
pub struct Outcome {
    /// The suggestion, if there is one.
    pub item: Option<InlineItem>,
    /// The trace of the request.
    pub trace: RequestTrace,
}

/// Completes a place through the real server.
///
/// # Errors
/// The file cannot be read, the place is outside of it, or the model cannot be loaded.
pub fn complete(place: &Place, model: Option<&str>) -> anyhow::Result<Outcome> {
    let file = place.file.display();
    let bytes = std::fs::read(&place.file).with_context(|| format!("cannot read {file}"))?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("{file} is not UTF-8 text; convert it first (`iconv -t utf-8`)");
    };
    let wanted = Position { line: place.line - 1, character: place.column - 1 };
    let document = Text::new(&text);
    let nearest =
        document.position(document.offset(wanted, PositionEncoding::Utf32), PositionEncoding::Utf32);
    if nearest != wanted {
        let (line, column) = (nearest.line + 1, nearest.character + 1);
        bail!(
            "{file}:{}:{} is outside of the file; the nearest place is {line}:{column}",
            place.line,
            place.column
        );
    }
    let path = std::path::absolute(&place.file).with_context(|| format!("cannot find {file}"))?;
    let settings = model.map_or_else(|| json!({}), |model| json!({"model": model}));
    let server = LocalServer::start_in(&project_of(&path), &settings)?;
    let uri = file_uri(&path);
    server.client().open(&uri, "", &text);
    let answer = server.ask(&uri, (wanted.line, wanted.character), InlineTrigger::Invoked)?;
    let trace = server.last_trace()?;
    server.shut_down()?;
    Ok(Outcome { item: answer.item, trace })
}

/// The folder whose files belong to a file: that of its repository, else its own.
pub fn project_of(file: &Path) -> PathBuf {
    let own = file.parent().unwrap_or(file);
    own.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(own).to_owned()
}

/// Runs the command. The exit code is 1 when there is no suggestion.
///
/// # Errors
/// As [`complete`].
pub fn run(args: CompleteArgs) -> anyhow::Result<ExitCode> {
    let outcome = complete(&args.place, args.model.as_deref())?;
    if args.json {
        let suggestion = outcome.item.as_ref().map(|item| {
            let [start, end] =
                item.range.map(|(line, character)| json!({"line": line, "character": character}));
            json!({"text": item.insert_text, "replace": {"start": start, "end": end}})
        });
        outln!(
            "{}",
            serde_json::to_string_pretty(&json!({"suggestion": suggestion, "trace": outcome.trace}))?
        );
    } else if let Some(item) = &outcome.item {
        outln!("{}", item.insert_text);
    } else if let Decision::Nothing { sentence, .. } = &outcome.trace.decision {
        eprintln!("no suggestion: {sentence}");
    }
    Ok(if outcome.item.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_the_right_so_that_paths_may_hold_colons() {
        let place: Place = r"C:\src\main.rs:10:5".parse().unwrap();
        assert_eq!(place, Place { file: PathBuf::from(r"C:\src\main.rs"), line: 10, column: 5 });
        for wrong in ["main.rs", "main.rs:1", "main.rs:0:1", "main.rs:1:0", ":1:1", "main.rs:a:1"] {
            assert!(wrong.parse::<Place>().unwrap_err().contains("FILE:LINE:COLUMN"), "{wrong}");
        }
    }
}
