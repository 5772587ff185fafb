//! Edits that a model writes: which lines it may write anew, and what it is shown. Invariant: what stands first in a prompt stays
//! the same while the user types; every offset is on a line of the present text.

mod answer;
mod settled;

use std::ops::Range;

use fimble_document::Text;
use fimble_model::fim::{EditChange, EditFormat, EditParts, Snippet};

pub use answer::written_edit;
pub use settled::SettledAnswer;

use crate::{Hunk, Request};

/// Lines of a file that a prompt has whole.
const WHOLE_FILE_LINES: usize = 800;
/// Lines of a part of a longer file: at most, and at least.
const PART_LINES: usize = 300;
const LEAST_PART_LINES: usize = 40;
/// A longer line is data: a model of this size writes nothing useful about it.
const MAX_LINE_BYTES: usize = 1000;
/// Changes of the user that a prompt has.
const MAX_CHANGES: usize = 6;

/// Lines around the cursor that a format has written anew, and lines around these that it shows.
struct Sizes {
    above: usize,
    below: usize,
    around: usize,
}

impl Sizes {
    /// As the models were trained.
    fn of(format: EditFormat) -> Self {
        match format {
            EditFormat::Sweep => Self { above: 2, below: 5, around: 0 },
            EditFormat::Zeta2 => Self { above: 10, below: 15, around: 8 },
            EditFormat::ZetaRegions => Self { above: 20, below: 30, around: 8 },
        }
    }
}

/// What a model is asked, with its own copies of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRequest {
    /// The bytes of the present text that may be written anew: whole lines.
    pub block: Range<usize>,
    path: String,
    original: String,
    changes: Vec<EditChange>,
    above: String,
    now: String,
    before: String,
    below: String,
    cursor: usize,
}

impl WrittenRequest {
    /// The request at a cursor, with at most `max_original` bytes of the file before the edits, about. `path_of` gives the path of a document in its workspace. None where nothing was changed that says
    /// what the user is about, and where a line is too long.
    #[must_use]
    pub fn new(
        request: &Request<'_>,
        format: EditFormat,
        max_original: usize,
        path_of: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let file = request.files.get(request.current)?;
        let (text, sizes) = (file.text, Sizes::of(format));
        let cursor = text.floor_char_boundary(request.cursor);
        let line = text.line_of(cursor);
        let first = line.saturating_sub(sizes.above);
        let last = line + sizes.below;
        let block = text.line_start(first)..text.line_start(last + 1);
        let around =
            text.line_start(first.saturating_sub(sizes.around))..text.line_start(last + 1 + sizes.around);
        let now = text.slice(block.clone()).into_owned();
        if now.lines().any(|line| line.len() > MAX_LINE_BYTES) {
            return None;
        }
        let changes = changes(request, path_of);
        if changes.is_empty() {
            return None;
        }
        let hunks = || request.history.hunks().iter().filter(|hunk| *hunk.document == *file.document);
        Some(Self {
            path: path_of(file.document),
            original: part_around(&request.history.original(file.document, text), line, max_original),
            changes,
            above: text.slice(around.start..block.start).into_owned(),
            before: undone(&now, &block, hunks()),
            below: text.slice(block.end..around.end).into_owned(),
            cursor: cursor - block.start,
            now,
            block,
        })
    }

    /// The parts of the prompt, with pieces of other files.
    #[must_use]
    pub fn parts<'a>(&'a self, snippets: &'a [Snippet]) -> EditParts<'a> {
        EditParts {
            path: &self.path,
            original: &self.original,
            snippets,
            changes: &self.changes,
            above: &self.above,
            block: &self.now,
            block_before: &self.before,
            below: &self.below,
            cursor: self.cursor,
        }
    }

    /// The text that may be written anew.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.now
    }
}

/// The last changes in whole lines, the oldest first, those of blanks alone left out.
fn changes(request: &Request<'_>, path_of: &dyn Fn(&str) -> String) -> Vec<EditChange> {
    let mut changes: Vec<EditChange> = request
        .history
        .hunks()
        .iter()
        .rev()
        .filter(|hunk| !hunk.is_blank())
        .filter_map(|hunk| {
            let file = request.files.iter().find(|file| *file.document == *hunk.document)?;
            Some(change(hunk, file.text, path_of(file.document)))
        })
        .take(MAX_CHANGES)
        .collect();
    changes.reverse();
    changes
}

fn change(hunk: &Hunk, text: &Text, path: String) -> EditChange {
    let line = text.line_of(hunk.range.start);
    let lines = text.line_start(line)..text.line_start(text.line_of(hunk.range.end) + 1);
    let before = text.slice(lines.start..hunk.range.start);
    let behind = text.slice(hunk.range.end..lines.end.max(hunk.range.end));
    EditChange {
        path,
        line,
        old: [&before, &*hunk.old, &behind].concat(),
        new: [&before, &*hunk.new, &behind].concat(),
    }
}

/// The whole file, or a part of a long one that does not move with every line of the cursor.
fn part_around(original: &str, line: usize, max_bytes: usize) -> String {
    let n_lines = original.lines().count();
    if n_lines <= WHOLE_FILE_LINES && original.len() <= max_bytes {
        return original.to_owned();
    }
    let n_fitting = max_bytes / (original.len() / n_lines.max(1)).max(1);
    let n_part = n_fitting.clamp(LEAST_PART_LINES, PART_LINES);
    // Half of the lines stay when the part moves.
    let n_step = n_part / 2;
    let first = line.saturating_sub(n_step / 2) / n_step * n_step;
    let first = first.min(n_lines.saturating_sub(n_part));
    original.split_inclusive('\n').skip(first).take(n_part).collect()
}

/// A block with the changes inside of it taken back.
fn undone<'h>(now: &str, block: &Range<usize>, hunks: impl Iterator<Item = &'h Hunk>) -> String {
    let mut inside: Vec<&Hunk> =
        hunks.filter(|hunk| block.start <= hunk.range.start && hunk.range.end <= block.end).collect();
    inside.sort_by_key(|hunk| hunk.range.start);
    let mut before = String::with_capacity(now.len());
    let mut copied = 0;
    for hunk in inside {
        before.push_str(&now[copied..hunk.range.start - block.start]);
        before.push_str(&hunk.old);
        copied = hunk.range.end - block.start;
    }
    before.push_str(&now[copied..]);
    before
}
