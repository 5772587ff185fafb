//! One place: files, what was typed in the first of them, and what its author changed after that. Invariant: all ranges are of
//! the texts at the start, on character boundaries and in order; no two of a file overlap.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::{jsonl, marked};

/// What a place is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A name is changed everywhere
    Rename,
    /// The same change is made at several places
    Repeat,
    /// Parameters of a function are changed, then its calls
    Signature,
    /// A line is added, then the one that belongs to it
    Counterpart,
    /// What is changed next does not follow from what was typed
    Other,
    /// Nothing is to be done
    Nothing,
}

impl Kind {
    /// In the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Rename, Self::Repeat, Self::Signature, Self::Counterpart, Self::Other, Self::Nothing];

    /// As in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Repeat => "repeat",
            Self::Signature => "signature",
            Self::Counterpart => "counterpart",
            Self::Other => "other",
            Self::Nothing => "nothing",
        }
    }

    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A range of a text at the start, and what replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub range: Range<usize>,
    pub new: String,
}

/// A change that is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Changes of one hunk are typed without a pause.
    pub hunk: usize,
    pub change: Change,
}

/// A change that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub change: Change,
    /// Whether it follows from what was typed.
    pub follows: bool,
}

/// One open file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    /// The text at the start.
    pub text: String,
    /// From top to bottom.
    pub left: Vec<Left>,
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it was made from.
    pub source: String,
    pub language: String,
    pub kind: Kind,
    /// What sort of place of its kind it is; may be empty.
    pub sort: String,
    /// The first one is edited.
    pub files: Vec<File>,
    /// In the order in which they are typed.
    pub typed: Vec<Typed>,
    /// Whether all that was typed is taken back.
    pub is_undone: bool,
    /// Whether the last word is not complete.
    pub is_typing: bool,
}

/// The places of a file, or of all files of a folder.
///
/// # Errors
/// A file cannot be read or is no file of places.
pub fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inner = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        inner.retain(|path| path.extension().is_some_and(|end| end == "jsonl" || end == "txt"));
        inner.sort();
        ensure!(!inner.is_empty(), "{} has no file of places", path.display());
        return Ok(inner.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?.concat());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let cases = if name.ends_with(".jsonl") { jsonl::parse(&text) } else { marked::parse(&text) };
    let cases = cases.with_context(|| path.display().to_string())?;
    cases.iter().try_for_each(check).with_context(|| path.display().to_string())?;
    Ok(cases)
}

fn check(case: &Case) -> anyhow::Result<()> {
    let File { path, text, .. } = &case.files[0];
    ensure!(!case.typed.is_empty(), "{path}: nothing is typed");
    let mut typed: Vec<&Change> = case.typed.iter().map(|typed| &typed.change).collect();
    typed.sort_by_key(|change| (change.range.start, change.range.end));
    are_apart(path, text, &typed)?;
    for file in &case.files {
        let left: Vec<&Change> = file.left.iter().map(|left| &left.change).collect();
        are_apart(&file.path, &file.text, &left)?;
    }
    Ok(())
}

fn are_apart(path: &str, text: &str, changes: &[&Change]) -> anyhow::Result<()> {
    for Change { range, .. } in changes {
        ensure!(text.get(range.clone()).is_some(), "{path}: {range:?} is no range of the text");
    }
    if let Some(pair) = changes.windows(2).find(|pair| pair[0].range.end > pair[1].range.start) {
        bail!("{path}: {:?} overlaps {:?}", pair[0].range, pair[1].range);
    }
    Ok(())
}
