//! Running the parser within a budget. Invariant: a stopped parse has no effect; a parse stops within microseconds of its limits,
//! those of all languages of a text together.

use std::cell::Cell;
use std::time::{Duration, Instant};

use fimble_document::{Point, TextEdit};
use fimble_grammars::{
    BoundedParse, Language, MemoryMeter, ParseBounds, ScannerRefusal, is_refused, limit_scanners,
    parse_bounded, take_refusal,
};
use tree_sitter::{InputEdit, Parser, Tree};

/// The time limit of a parse.
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

/// Memory that one parse may take, its tree included. The tree of usual code takes about ten times the text.
const MAX_PARSE_BYTES: usize = 96 << 20;

/// Where the parser does not ask whether to stop, it is left this far beyond the limits. It is lost then, so that a parser that
/// does ask should have the time to.
const BYTES_BEYOND: usize = 16 << 20;
const TIME_BEYOND: Duration = Duration::from_millis(20);

/// A parser that needed more than this is not kept for the next text: it would keep its buffers.
const MAX_KEPT_BYTES: usize = 8 << 20;

/// Why there is no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseStopped {
    /// [`ParseBudget::time`] was used up.
    OutOfTime,
    /// [`ParseBudget::cancelled`] said so.
    Cancelled,
    /// The parser needs more than [`MAX_PARSE_BYTES`].
    OutOfMemory,
    /// The text is nested deeper than the parser or the grammar's scanner can follow, or holds a longer name than the
    /// scanner can keep.
    TooDeep,
    /// The grammar does not fit the parser.
    Failed,
}

impl std::fmt::Display for ParseStopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutOfTime => "parsing took too long",
            Self::Cancelled => "parsing was cancelled",
            Self::OutOfMemory => "parsing took too much memory",
            Self::TooDeep => "the text is nested too deep for its grammar, or holds too long a delimiter",
            Self::Failed => "the grammar failed",
        })
    }
}

impl std::error::Error for ParseStopped {}

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

/// The limits of all parses of one text together.
pub(crate) struct Limits<'a> {
    cancelled: &'a dyn Fn() -> bool,
    deadline: Option<Instant>,
    meter: MemoryMeter,
}

impl<'a> Limits<'a> {
    /// Counts from now on.
    pub(crate) fn start(budget: &ParseBudget<'a>) -> Self {
        let deadline = budget.time.map(|time| Instant::now() + time);
        Self { cancelled: budget.cancelled, deadline, meter: MemoryMeter::start() }
    }

    /// Why nothing more is to be done, if nothing is.
    pub(crate) fn stopped(&self) -> Option<ParseStopped> {
        if (self.cancelled)() {
            return Some(ParseStopped::Cancelled);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(ParseStopped::OutOfTime)
    }
}

/// Parses what `read` returns from a byte offset on, an empty chunk meaning the end; all of it, or a part.
pub(crate) fn parse_chunks<'a>(
    language: &'static Language,
    old: Option<&Tree>,
    part: Option<tree_sitter::Range>,
    limits: &Limits<'_>,
    read: &dyn Fn(usize) -> &'a [u8],
) -> Result<Tree, ParseStopped> {
    let most_bytes = Cell::new(0);
    let (mut stopped, mut refusal) = (None, None);
    let mut stops = || {
        most_bytes.set(limits.meter.bytes().max(most_bytes.get()));
        // First, because `cancelled` might parse, too, and would take the report.
        if is_refused() {
            refusal = take_refusal();
            stopped = refusal.map(by_scanner);
        } else if most_bytes.get() > MAX_PARSE_BYTES {
            stopped = Some(ParseStopped::OutOfMemory);
        } else {
            stopped = limits.stopped();
        }
        stopped.is_some()
    };
    // Short texts are done before the parser asks for the first time.
    if (limits.cancelled)() {
        return Err(ParseStopped::Cancelled);
    }
    let grammar = language.tree_sitter();
    // The parser is taken out, not borrowed: `cancelled` is foreign code and might parse, too, or panic.
    let mut parser = PARSER.take().unwrap_or_default();
    parser.set_language(grammar).map_err(|_| ParseStopped::Failed)?;
    // No part is the whole text, whatever the parser was used for before.
    parser.set_included_ranges(part.as_slice()).map_err(|_| ParseStopped::Failed)?;
    // A report that is left from a parse whose caller panicked.
    let _ = take_refusal();
    limit_scanners(limits.deadline);
    let bounds = ParseBounds {
        meter: &limits.meter,
        max_bytes: MAX_PARSE_BYTES + BYTES_BEYOND,
        deadline: limits.deadline.map(|deadline| deadline + TIME_BEYOND),
    };
    let ended = parse_bounded(parser, old, bounds, read, &mut stops);
    limit_scanners(None);
    let tree = match ended {
        BoundedParse::Returned(mut parser, tree) => {
            // A stopped parse would otherwise be resumed by the next one, whose text is another.
            parser.reset();
            if most_bytes.get() <= MAX_KEPT_BYTES {
                PARSER.set(Some(parser));
            }
            tree
        }
        BoundedParse::OutOfMemory => return left(ParseStopped::OutOfMemory),
        BoundedParse::OutOfTime => return left(ParseStopped::OutOfTime),
    };
    if let Some(refusal) = refusal.or_else(take_refusal) {
        return Err(by_scanner(refusal));
    }
    tree.ok_or(stopped.unwrap_or(ParseStopped::Failed))
}

/// The end of a parse that was left. A report of its scanner, if there is one, does not belong to the next parse.
fn left(stopped: ParseStopped) -> Result<Tree, ParseStopped> {
    let _ = take_refusal();
    Err(stopped)
}

fn by_scanner(refusal: ScannerRefusal) -> ParseStopped {
    match refusal {
        ScannerRefusal::State => ParseStopped::TooDeep,
        ScannerRefusal::OutOfTime => ParseStopped::OutOfTime,
    }
}
