//! One place to complete, and which places are wanted. Invariant: the text of a case is that of its file without what was cut out.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What is asked for at a place.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The rest of a line, from anywhere behind its indentation, inside of words too
    #[default]
    Rest,
    /// A whole line but its indentation
    // The recipe of the model says `next`.
    #[serde(alias = "next")]
    Line,
    /// The remaining lines of a block, or the lines below a comment: 2 to 8 with text
    Lines,
    /// The body of a function: up to 8 lines with text
    Body,
    /// The rest of a line whose first name stands in another file only
    Crossfile,
    /// Nothing: places where the author wrote nothing
    Quiet,
}

impl Kind {
    /// In the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Rest, Self::Line, Self::Lines, Self::Body, Self::Crossfile, Self::Quiet];

    /// Whether the answer may have several lines.
    pub fn has_several_lines(self) -> bool {
        matches!(self, Self::Lines | Self::Body)
    }

    /// As on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Line => "line",
            Self::Lines => "lines",
            Self::Body => "body",
            Self::Crossfile => "crossfile",
            Self::Quiet => "quiet",
        }
    }
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Path in its project, with forward slashes.
    pub path: String,
    /// What the place is counted under.
    pub language: String,
    pub kind: Kind,
    /// What sort of place of its kind it is; may be empty.
    pub sort: String,
    /// The text without what was cut out.
    pub text: String,
    /// Where it was cut out, in bytes.
    pub offset: usize,
    /// What was cut out; empty where nothing should come.
    pub expected: String,
    /// Where another file was edited right before.
    pub edited: Option<Edited>,
}

/// The place of an edit in a file of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// Path in the project.
    pub path: String,
    /// In bytes.
    pub offset: usize,
}

/// Which places are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of these kinds; all that a file of cases has, and rests and lines of a folder, if none is named.
    pub kinds: Vec<Kind>,
    /// So many of each kind in each folder; rests and lines together count as one kind.
    pub n_cases: usize,
    pub seed: u64,
    /// Before each place of a folder another file was edited, somewhere.
    pub edits_elsewhere: bool,
}

impl Wanted {
    /// Whether places of this kind are wanted.
    pub fn includes(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// The place that is left when a range is taken out of a file.
pub fn cut_out(path: &str, text: &str, kind: Kind, sort: &str, range: Range<usize>) -> Case {
    Case {
        path: path.to_owned(),
        language: fimble_syntax::detect("", path, "").map_or("", |language| language.name()).to_owned(),
        kind,
        sort: sort.to_owned(),
        text: format!("{}{}", &text[..range.start], &text[range.end..]),
        offset: range.start,
        expected: text[range].to_owned(),
        edited: None,
    }
}
