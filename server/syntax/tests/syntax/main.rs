//! Tests of the public functions of this crate. `cursor`: one cursor at a time, marked `$0`;
//! `embedded`: parts in another language; `samples`: every language on a file of its own; `incremental`: trees under random
//! edits; `budget`: parses that stop; `outline`: what stands in a range; `errors`: what counts as one; `hostile`: texts that
//! the grammars' scanners and the parser cannot bear.

mod budget;
mod cursor;
mod embedded;
mod errors;
mod hostile;
mod incremental;
mod outline;
mod samples;

use fimble_document::Text;
use fimble_syntax::{Language, ParseBudget, SyntaxTree, by_language_id};

/// The language of this name.
pub fn language(name: &str) -> &'static Language {
    by_language_id(name).unwrap_or_else(|| panic!("{name} is not compiled in"))
}

/// A fresh tree.
pub fn parse(language: &'static Language, text: &Text) -> SyntaxTree {
    SyntaxTree::parse(language, text, None, &ParseBudget::unlimited()).expect("nothing limits the parse")
}

/// A text without its `$0`, the tree of it, and where the marker stood.
pub fn at_cursor(language_name: &str, marked: &str) -> (Text, SyntaxTree, usize) {
    let offset = marked.find("$0").unwrap_or_else(|| panic!("no $0 in {marked:?}"));
    let text = Text::new(&marked.replacen("$0", "", 1));
    let tree = parse(language(language_name), &text);
    (text, tree, offset)
}
