//! Parsing off the loop. Invariant: each parse that was started reports exactly once, whether it succeeds, fails or panics.

use std::time::Duration;

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_syntax::{Language, ParseBudget, ParseStopped, SyntaxTree};

use crate::panics::contain;
use crate::report::Reporter;

/// No request waits, but a parser that hangs must end.
const BACKGROUND_BUDGET: Duration = Duration::from_secs(10);
/// With an older tree at hand, an incremental parse takes a few milliseconds; what takes longer can wait.
const INTERACTIVE_BUDGET_WITH_TREE: Duration = Duration::from_millis(20);
/// Without any tree, structure is worth a longer wait, once.
const INTERACTIVE_BUDGET_FRESH: Duration = Duration::from_millis(100);

/// The check of a suggestion against the syntax may take this long; then the suggestion is shown unchecked.
pub(crate) const CHECK_BUDGET: Duration = Duration::from_millis(20);

/// What a parse needs.
pub(crate) struct ParseInput {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) language: &'static Language,
    pub(crate) text: Text,
    pub(crate) old: Option<SyntaxTree>,
}

/// The result of a parse, for the loop.
pub(crate) struct ParseReport {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) parsed: Result<SyntaxTree, ParseStopped>,
}

/// Parses and reports. The tree is returned as well.
fn parse_and_report(
    input: &ParseInput,
    time: Duration,
    cancel: &CancelToken,
    reporter: &Reporter<ParseReport>,
) -> Result<SyntaxTree, ParseStopped> {
    let parsed = parse(input, time, cancel);
    let (document, revision) = (input.document, input.revision);
    reporter.send(ParseReport { document, revision, parsed: parsed.clone() });
    parsed
}

fn parse(input: &ParseInput, time: Duration, cancel: &CancelToken) -> Result<SyntaxTree, ParseStopped> {
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

/// Parses a text that no document has (yet). Nothing is reported.
pub(crate) fn parse_speculative(
    input: &ParseInput,
    cancel: &CancelToken,
) -> Result<SyntaxTree, ParseStopped> {
    parse(input, INTERACTIVE_BUDGET_FRESH, cancel)
}

/// Parses for a request that waits: briefly.
pub(crate) fn parse_for_request(
    input: &ParseInput,
    cancel: &CancelToken,
    reporter: &Reporter<ParseReport>,
) -> Result<SyntaxTree, ParseStopped> {
    let time = if input.old.is_some() { INTERACTIVE_BUDGET_WITH_TREE } else { INTERACTIVE_BUDGET_FRESH };
    parse_and_report(input, time, cancel, reporter)
}

/// Parses for an action, which may take long but needs the tree of exactly this text.
pub(crate) fn parse_for_action(
    input: &ParseInput,
    cancel: &CancelToken,
    reporter: &Reporter<ParseReport>,
) -> Result<SyntaxTree, ParseStopped> {
    parse_and_report(input, BACKGROUND_BUDGET, cancel, reporter)
}

/// Parses while nothing waits for the tree.
pub(crate) fn parse_in_background(input: &ParseInput, reporter: &Reporter<ParseReport>) {
    let name = input.language.name();
    if let Err(stopped) = parse_and_report(input, BACKGROUND_BUDGET, &CancelToken::new(), reporter) {
        tracing::warn!(language = name, bytes = input.text.len(), ?stopped, "no syntax tree");
    }
}
