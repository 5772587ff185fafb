//! The definitions of one text, and what of them may be shown. Invariant: a parse takes bounded time.

use std::time::Duration;

use fimble_document::Text;
use fimble_syntax::{Definition, ParseBudget, SyntaxTree, by_path};

/// Time for one file: a guard against texts that parsers take long for.
const FILE_TIME: Duration = Duration::from_millis(500);
/// Lines of one definition, and bytes of all of one file.
pub(crate) const MAX_LINES: usize = 24;
pub(crate) const MAX_BYTES: usize = 1000;

/// All definitions of a text, if it has a grammar and can be parsed in time.
pub(crate) fn parsed(file: &str, text: &Text) -> Option<Vec<Definition>> {
    let budget = ParseBudget { time: Some(FILE_TIME), cancelled: &|| false };
    let tree = SyntaxTree::parse(by_path(file)?, text, None, &budget).ok()?;
    Some(tree.definitions(text))
}

/// Whether a name is local to a function.
pub(crate) fn stands_in_function(definition: &Definition, all: &[Definition]) -> bool {
    let holds = |outer: &&Definition| {
        outer.is_function
            && outer
                .body
                .as_ref()
                .is_some_and(|body| body.start <= definition.name.start && definition.name.end <= body.end)
    };
    // Those that hold it begin before it, and there are as many as it is deep, or more where names are no scopes.
    all.iter().take_while(|outer| outer.range.start <= definition.name.start).any(|outer| holds(&outer))
        || all.iter().any(|outer| {
            // A parameter.
            outer.is_function
                && outer.name != definition.name
                && definition.body.is_none()
                && outer.range.start <= definition.name.start
                && definition.name.end <= outer.range.end
        })
}
