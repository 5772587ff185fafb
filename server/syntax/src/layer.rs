//! A part of a text in one language: the whole text, or the parts of it in another language. Invariant: a layer's tree is parsed
//! from its range alone, and its offsets are those of the whole text.

use std::ops::Range;

use fimble_document::TextEdit;
use fimble_grammars::Language;
use tree_sitter::Tree;

use crate::parse::input_edit;

/// One language's view of a part of a text. Clones share their memory.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) language: &'static Language,
    pub(crate) tree: Tree,
    /// The bytes that are in this language. A cursor at either end is inside.
    pub(crate) range: Range<usize>,
    /// Whether an edit touched the range since it was parsed.
    pub(crate) is_touched: bool,
}

impl Layer {
    pub(crate) fn language(&self) -> &'static Language {
        self.language
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.tree.root_node().has_error()
    }

    /// Whether a cursor at this offset is inside.
    pub(crate) fn holds(&self, offset: usize) -> bool {
        self.range.start <= offset && offset <= self.range.end
    }

    /// Moves the layer along with a change, and marks what has to be parsed again.
    pub(crate) fn edit(&mut self, edit: &TextEdit) {
        self.tree.edit(&input_edit(edit));
        self.is_touched |= edit.start <= self.range.end && self.range.start <= edit.old_end;
        // What is typed at either end belongs to the layer.
        let moved = |offset: usize| match offset {
            before if before < edit.start => before,
            behind if behind >= edit.old_end => edit.new_end + (behind - edit.old_end),
            _ => edit.new_end,
        };
        let start = if self.range.start == edit.start { edit.start } else { moved(self.range.start) };
        self.range = start..moved(self.range.end).max(start);
    }
}

#[cfg(test)]
mod tests {
    use fimble_document::{Point, Text};
    use fimble_grammars::by_language_id;

    use super::*;
    use crate::{ParseBudget, SyntaxTree};

    fn layer(range: Range<usize>) -> Layer {
        let language = by_language_id("json").expect("it is compiled in");
        let tree = SyntaxTree::parse(language, &Text::new("[1]"), None, &ParseBudget::unlimited());
        Layer { range, ..tree.expect("it can be parsed").at(0).clone() }
    }

    #[test]
    fn a_layer_moves_with_the_text_and_grows_at_its_ends() {
        let cases = [
            // Edit (start, old end, new end), the range afterwards, whether it was touched.
            ((0, 0, 3), 13..23, false),
            ((0, 9, 2), 3..13, false),
            ((21, 25, 21), 10..20, false),
            ((10, 10, 14), 10..24, true),
            ((20, 20, 24), 10..24, true),
            ((12, 14, 12), 10..18, true),
            ((5, 10, 5), 5..15, true),
            ((5, 12, 6), 6..14, true),
            ((18, 25, 19), 10..19, true),
            ((5, 25, 6), 6..6, true),
        ];
        for ((start, old_end, new_end), expected, is_touched) in cases {
            let point = Point { row: 0, column: 0 };
            let edit = TextEdit {
                start,
                old_end,
                new_end,
                start_point: point,
                old_end_point: point,
                new_end_point: point,
            };
            let mut layer = layer(10..20);
            layer.edit(&edit);
            assert_eq!(
                (layer.range, layer.is_touched),
                (expected, is_touched),
                "{start} {old_end} {new_end}"
            );
        }
    }
}
