//! Places as tools/sets/next_edit.py writes them, one a line. Invariant: nothing of a line is changed.

use std::ops::Range;

use anyhow::Context as _;
use serde::Deserialize;

use crate::case::{Case, Change, File, Kind, Left, Typed};

#[derive(Deserialize)]
struct Line {
    package: String,
    path: String,
    language: String,
    kind: Kind,
    sort: String,
    text: String,
    /// Number of the hunk, start, end, new text.
    edits: Vec<(usize, usize, usize, String)>,
    remaining: Vec<Remaining>,
    #[serde(default)]
    others: Vec<Other>,
    #[serde(default)]
    undone: bool,
    #[serde(default)]
    typing: bool,
}

/// Start, end, new text, and whether it follows from what was typed.
type Remaining = (usize, usize, String, bool);

#[derive(Deserialize)]
struct Other {
    path: String,
    text: String,
    remaining: Vec<Remaining>,
}

/// The places of a file.
///
/// # Errors
/// A line is no place.
pub fn parse(text: &str) -> anyhow::Result<Vec<Case>> {
    let places = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    places
        .map(|(at, line)| {
            let line: Line = serde_json::from_str(line).with_context(|| format!("line {}", at + 1))?;
            Ok(Case::from(line))
        })
        .collect()
}

impl From<Line> for Case {
    fn from(line: Line) -> Self {
        let first = File { path: line.path, text: line.text, left: left(line.remaining) };
        let others = line.others.into_iter().map(|other| File {
            path: other.path,
            text: other.text,
            left: left(other.remaining),
        });
        Self {
            source: line.package,
            language: line.language,
            kind: line.kind,
            sort: line.sort,
            files: std::iter::once(first).chain(others).collect(),
            typed: line
                .edits
                .into_iter()
                .map(|(hunk, start, end, new)| Typed { hunk, change: change(start..end, new) })
                .collect(),
            is_undone: line.undone,
            is_typing: line.typing,
        }
    }
}

fn left(remaining: Vec<Remaining>) -> Vec<Left> {
    remaining
        .into_iter()
        .map(|(start, end, new, follows)| Left { change: change(start..end, new), follows })
        .collect()
}

fn change(range: Range<usize>, new: String) -> Change {
    Change { range, new }
}
