//! Parsing off the loop. Must hold: each parse that was started reports exactly once, whatever becomes of it.

use std::time::Duration;

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_syntax::{Language, ParseBudget, ParseStopped, SyntaxTree};

use crate::event::{Event, EventSender};
use crate::open_document::OpenDocument;
use crate::panics::contain;
use crate::workers::Workers;

/// Nobody waits, but a parser that hangs must end.
const BACKGROUND_BUDGET: Duration = Duration::from_secs(10);
/// With an older tree at hand, an incremental parse takes a few milliseconds; what takes longer can wait.
const INTERACTIVE_BUDGET_WITH_TREE: Duration = Duration::from_millis(20);
/// Without any tree, structure is worth a longer wait, once.
const INTERACTIVE_BUDGET_FRESH: Duration = Duration::from_millis(100);

/// What a parse needs.
pub(crate) struct ParseInput {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) language: &'static Language,
    pub(crate) text: Text,
    pub(crate) old: Option<SyntaxTree>,
}

/// Parses, and tells the loop. The tree is returned as well.
fn parse(
    input: &ParseInput,
    time: Duration,
    cancel: &CancelToken,
    events: &EventSender,
) -> Result<SyntaxTree, ParseStopped> {
    let parsed = parse_alone(input, time, cancel);
    let report = Event::Parsed { document: input.document, revision: input.revision, parsed: parsed.clone() };
    events.send(report);
    parsed
}

fn parse_alone(input: &ParseInput, time: Duration, cancel: &CancelToken) -> Result<SyntaxTree, ParseStopped> {
    let is_cancelled = || cancel.is_cancelled();
    let budget = ParseBudget { time: Some(time), cancelled: &is_cancelled };
    let parsed = contain(|| SyntaxTree::parse(input.language, &input.text, input.old.as_ref(), &budget))
        .unwrap_or(Err(ParseStopped::Failed));
    if matches!(parsed, Err(ParseStopped::OutOfMemory)) {
        // It is this process that holds what the parser freed, not the system.
        fimble_syntax::give_back_memory();
    }
    parsed
}

/// Parses a text that is no document's, or not yet: the loop is not told.
pub(crate) fn parse_unseen(input: &ParseInput, cancel: &CancelToken) -> Result<SyntaxTree, ParseStopped> {
    parse_alone(input, INTERACTIVE_BUDGET_FRESH, cancel)
}

/// Parses for a request that waits: briefly.
pub(crate) fn parse_for_request(
    input: &ParseInput,
    cancel: &CancelToken,
    events: &EventSender,
) -> Result<SyntaxTree, ParseStopped> {
    let time = if input.old.is_some() { INTERACTIVE_BUDGET_WITH_TREE } else { INTERACTIVE_BUDGET_FRESH };
    parse(input, time, cancel, events)
}

/// Starts a parse that nobody waits for.
pub(crate) fn start_background(document: &mut OpenDocument, workers: &mut Workers, events: &EventSender) {
    let Some(input) = document.parse_input() else { return };
    document.n_parses += 1;
    // If it does not work out now it does not work out later: this revision is not tried again.
    document.give_up_parse(input.revision);
    let events = events.clone();
    workers.spawn(move || {
        let name = input.language.name();
        if let Err(stopped) = parse(&input, BACKGROUND_BUDGET, &CancelToken::new(), &events) {
            tracing::warn!(language = name, bytes = input.text.len(), ?stopped, "no syntax tree");
        }
    });
}
