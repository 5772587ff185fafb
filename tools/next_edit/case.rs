//! One place: files, what was typed in the first of them, and what its author changed after that. Invariant: all ranges are of
//! the texts at the start, on character boundaries and in order; no two of a file overlap.

use std::ops::Range;

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
