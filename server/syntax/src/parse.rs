//! The syntax tree of one text. Must hold: a tree is only asked about the text it was parsed from; after a
//! [`TextEdit`] it is stale until it is parsed again; a parse that was stopped leaves nothing behind.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fimble_document::{Point, Text, TextEdit};
use fimble_grammars::Language;
use tree_sitter::{InputEdit, ParseOptions, ParseState, Parser, Tree};

use crate::walk::count_errors;

/// How long a parse may take.
pub struct ParseBudget<'a> {
    /// Time for the whole parse; none is unlimited.
    pub time: Option<Duration>,
    /// Asked every few microseconds; true stops the parse.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl ParseBudget<'static> {
    /// As long as it takes.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { time: None, cancelled: &|| false }
    }
}

/// Why there is no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseStopped {
    /// [`ParseBudget::time`] was used up.
    OutOfTime,
    /// [`ParseBudget::cancelled`] said so.
    Cancelled,
    /// The grammar cannot be used on this text: it is nested deeper than [`Language::deepest_level`], or the grammar does
    /// not fit the parser.
    Failed,
}

impl std::fmt::Display for ParseStopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutOfTime => "parsing took too long",
            Self::Cancelled => "parsing was cancelled",
            Self::Failed => "the text is nested too deep for its grammar",
        })
    }
}

impl std::error::Error for ParseStopped {}

/// What a text looks like to its language's grammar. Clones share their memory.
#[derive(Clone)]
pub struct SyntaxTree {
    language: &'static Language,
    tree: Tree,
}

impl SyntaxTree {
    /// Parses a text. `old` is a tree of the same buffer whose [`SyntaxTree::edit`] saw every change since; what the
    /// changes left alone is taken over from it.
    ///
    /// # Errors
    /// The budget is used up, or the grammar cannot be used on this text.
    pub fn parse(
        language: &'static Language,
        text: &Text,
        old: Option<&SyntaxTree>,
        budget: &ParseBudget<'_>,
    ) -> Result<SyntaxTree, ParseStopped> {
        let old = old.filter(|old| old.language == language).map(|old| &old.tree);
        let tree = parse_chunks(language, old, budget, |offset| text.chunk_from(offset))?;
        Ok(SyntaxTree { language, tree })
    }

    /// Moves the nodes behind a change, and marks what has to be parsed again. To be called for every change, in order.
    pub fn edit(&mut self, edit: &TextEdit) {
        self.tree.edit(&input_edit(edit));
    }

    /// The language it was parsed with.
    #[must_use]
    pub fn language(&self) -> &'static Language {
        self.language
    }

    /// Number of places where the text did not fit the grammar.
    #[must_use]
    pub fn n_errors(&self) -> usize {
        count_errors(&self.tree)
    }

    /// Whether there is any such place; cheaper than counting them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.tree.root_node().has_error()
    }

    /// The tree as nested lists of node names, for tests and bug reports. Holds none of the text.
    #[must_use]
    pub fn to_s_expression(&self) -> String {
        self.tree.root_node().to_sexp()
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }
}

impl std::fmt::Debug for SyntaxTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SyntaxTree({}, {} bytes)", self.language.name(), self.tree.root_node().end_byte())
    }
}

/// An edit in tree-sitter's terms.
pub(crate) fn input_edit(edit: &TextEdit) -> InputEdit {
    InputEdit {
        start_byte: edit.start,
        old_end_byte: edit.old_end,
        new_end_byte: edit.new_end,
        start_position: tree_sitter_point(edit.start_point),
        old_end_position: tree_sitter_point(edit.old_end_point),
        new_end_position: tree_sitter_point(edit.new_end_point),
    }
}

fn tree_sitter_point(point: Point) -> tree_sitter::Point {
    tree_sitter::Point { row: point.row, column: point.column }
}

thread_local! {
    /// Parsers keep buffers that are worth reusing, and cannot be shared between threads.
    static PARSER: Cell<Option<Parser>> = const { Cell::new(None) };
}

/// Parses what `read` returns from a byte offset on, an empty chunk meaning the end.
pub(crate) fn parse_chunks<'a>(
    language: &'static Language,
    old: Option<&Tree>,
    budget: &ParseBudget<'_>,
    read: impl Fn(usize) -> &'a [u8],
) -> Result<Tree, ParseStopped> {
    let deadline = budget.time.map(|time| Instant::now() + time);
    let mut stopped = None;
    let mut check = |_: &ParseState| {
        if (budget.cancelled)() {
            stopped = Some(ParseStopped::Cancelled);
        } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            stopped = Some(ParseStopped::OutOfTime);
        }
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // Short texts are done before the parser asks for the first time.
    if (budget.cancelled)() {
        return Err(ParseStopped::Cancelled);
    }
    if language.deepest_level().is_some_and(|limit| is_deeper_than(limit, &read)) {
        return Err(ParseStopped::Failed);
    }
    // The parser is taken out, not borrowed: `cancelled` is foreign code and might parse, too, or panic.
    let mut parser = PARSER.take().unwrap_or_default();
    parser.set_language(language.tree_sitter()).map_err(|_| ParseStopped::Failed)?;
    let options = ParseOptions::new().progress_callback(&mut check);
    let tree = parser.parse_with_options(&mut |offset, _| read(offset), old, Some(options));
    // A stopped parse would otherwise be resumed by the next one, whose text is another.
    parser.reset();
    PARSER.set(Some(parser));
    tree.ok_or(stopped.unwrap_or(ParseStopped::Failed))
}

/// Whether a line may open more levels than `limit`: each blank it begins with can stand for one that is open, each dash
/// or question mark of YAML for one that it opens itself.
fn is_deeper_than<'a>(limit: usize, read: impl Fn(usize) -> &'a [u8]) -> bool {
    let mut offset = 0;
    let mut level = 0;
    let mut in_indentation = true;
    let mut after_indicator = false;
    loop {
        let chunk = read(offset);
        if chunk.is_empty() {
            return false;
        }
        for &byte in chunk {
            let blank = matches!(byte, b' ' | b'\t');
            if matches!(byte, b'\n' | b'\r') {
                (level, in_indentation, after_indicator) = (0, true, false);
            } else {
                level += usize::from(blank && (in_indentation || after_indicator));
                in_indentation &= blank;
                after_indicator = matches!(byte, b'-' | b'?');
                if level > limit {
                    return true;
                }
            }
        }
        offset += chunk.len();
    }
}
