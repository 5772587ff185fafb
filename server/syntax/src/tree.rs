//! The syntax tree of one text: that of its language, and one for each part in another language (the script of a page).
//! Invariant: a tree is only asked about the text it was parsed from; after a [`TextEdit`] it is stale until it is parsed again;
//! questions about a cursor are answered by the language at the cursor.

use std::ops::Range;

use fimble_document::{Text, TextEdit};
use fimble_grammars::Language;

use crate::brackets::OpenBrackets;
use crate::embedded::embedded_layers;
use crate::layer::Layer;
use crate::parse::{Limits, input_edit, parse_chunks};
use crate::walk::{QueryTime, count_errors};
use crate::{Definition, Outline, ParseBudget, ParseStopped, Region, Scope};

/// The syntax tree of a text. Clones share their memory.
#[derive(Clone)]
pub struct SyntaxTree {
    whole: Layer,
    /// In order, and apart from each other.
    embedded: Vec<Layer>,
    brackets: OpenBrackets,
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
        Self::parse_read(language, old, budget, &|offset| text.chunk_from(offset))
    }

    /// Parses what `read` returns from a byte offset on, an empty chunk meaning the end.
    pub(crate) fn parse_read<'a>(
        language: &'static Language,
        old: Option<&SyntaxTree>,
        budget: &ParseBudget<'_>,
        read: &dyn Fn(usize) -> &'a [u8],
    ) -> Result<SyntaxTree, ParseStopped> {
        let old = old.filter(|old| old.language() == language);
        let limits = Limits::start(budget);
        let brackets = OpenBrackets::check(language, old.map(|old| old.brackets), read)?;
        let tree = parse_chunks(language, old.map(|old| &old.whole.tree), None, &limits, read)?;
        let old_layers = old.map_or(&[][..], |old| &old.embedded);
        let embedded = embedded_layers(language, &tree, old_layers, &limits, read)?;
        let whole = Layer { language, tree, range: 0..usize::MAX, is_touched: false };
        Ok(SyntaxTree { whole, embedded, brackets })
    }

    /// Moves the nodes behind a change, and marks what has to be parsed again. To be called for every change, in order.
    pub fn edit(&mut self, edit: &TextEdit) {
        self.whole.tree.edit(&input_edit(edit));
        for layer in &mut self.embedded {
            layer.edit(edit);
        }
        self.brackets = self.brackets.after(edit);
    }

    /// The language of the text as a whole.
    #[must_use]
    pub fn language(&self) -> &'static Language {
        self.whole.language
    }

    /// The language that is written at an offset: that of a script in a page, else that of the page.
    #[must_use]
    pub fn language_at(&self, offset: usize) -> &'static Language {
        self.at(offset).language
    }

    /// The languages of its parts, each once, in the order of their first parts; without that of the text as a whole.
    #[must_use]
    pub fn embedded_languages(&self) -> Vec<&'static Language> {
        let mut languages = Vec::new();
        for layer in &self.embedded {
            if !languages.contains(&layer.language) {
                languages.push(layer.language);
            }
        }
        languages
    }

    /// Number of places where the text did not fit the grammar of its language.
    #[must_use]
    pub fn n_errors(&self) -> usize {
        self.layers().map(|layer| count_errors(&layer.tree)).sum()
    }

    /// Whether there is any such place; cheaper than counting them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.layers().any(Layer::has_errors)
    }

    /// The tree as nested lists of node names, for tests and bug reports; trees of other languages are after the first,
    /// one on each line. Holds none of the text.
    #[must_use]
    pub fn to_s_expression(&self) -> String {
        let mut lists = self.whole.tree.root_node().to_sexp();
        for layer in &self.embedded {
            let Range { start, end } = layer.range;
            lists.push_str(&format!("\n{start}..{end} {}: ", layer.language.name()));
            lists.push_str(&layer.tree.root_node().to_sexp());
        }
        lists
    }

    /// The kind of text at the cursor. Code inside a string (`${here}`) is code. An offset past the end means the end.
    #[must_use]
    pub fn region(&self, text: &Text, offset: usize) -> Region {
        self.at(offset).region(text, offset)
    }

    /// The scopes around a cursor, the outermost first. Those of a page do not count in its scripts.
    #[must_use]
    pub fn enclosing_scopes(&self, text: &Text, offset: usize) -> Vec<Scope> {
        self.at(offset).enclosing_scopes(text, offset)
    }

    /// Whether the cursor stands where a body is to be written: behind an opening bracket or a header, on a blank line of
    /// an empty body. Several lines make sense there. Comments and a docstring do not fill a body.
    #[must_use]
    pub fn block_is_open_and_empty(&self, text: &Text, offset: usize) -> bool {
        self.at(offset).block_is_open_and_empty(text, offset)
    }

    /// The whole lines of imports that end before `before`, in order, without their last line break. What stands in
    /// functions or beyond the first 128 KiB is left out.
    #[must_use]
    pub fn imports(&self, text: &Text, before: usize) -> Vec<Range<usize>> {
        let time = &QueryTime::start();
        let mut imports: Vec<_> = self.layers().flat_map(|layer| layer.imports(text, before, time)).collect();
        imports.sort_by_key(|range| (range.start, range.end));
        imports
    }

    /// Start of the first line in `offset..limit` where an item begins (a function, a class, a section, a statement of
    /// the outer levels), with the comments right above it.
    #[must_use]
    pub fn item_start_at_or_after(&self, offset: usize, limit: usize) -> Option<usize> {
        let time = &QueryTime::start();
        self.layers().filter_map(|layer| layer.item_start_at_or_after(offset, limit, time)).min()
    }

    /// The names in a range, in order.
    #[must_use]
    pub fn identifiers(&self, text: &Text, range: Range<usize>) -> Vec<Range<usize>> {
        let time = &QueryTime::start();
        let mut identifiers: Vec<_> =
            self.layers().flat_map(|layer| layer.identifiers(text, range.clone(), time)).collect();
        identifiers.sort_by_key(|range| (range.start, range.end));
        identifiers
    }

    /// The definitions of the file in the order of their places, outer ones before inner ones.
    #[must_use]
    pub fn definitions(&self, text: &Text) -> Vec<Definition> {
        let time = &QueryTime::start();
        let mut found: Vec<_> = self.layers().flat_map(|layer| layer.definitions(text, time)).collect();
        found.sort_by_key(|definition| (definition.range.start, usize::MAX - definition.range.end));
        found
    }

    /// The outermost parts in a range, and those beside it.
    #[must_use]
    pub fn outline(&self, text: &Text, range: Range<usize>) -> Outline {
        self.at(range.start).outline(text, range)
    }

    /// The names that are defined in a range, in order: of functions, parameters and variables, as far as the language's
    /// queries know.
    #[must_use]
    pub fn defined_names(&self, text: &Text, range: Range<usize>) -> Vec<Range<usize>> {
        self.at(range.start).defined_names(text, range, &QueryTime::start())
    }

    /// The uses of a variable of this name in a range; none if it is also used there in a way that cannot be
    /// distinguished from other text, such as in a string. Fields and keys of the same name are not among its uses.
    #[must_use]
    pub fn uses(&self, text: &Text, range: Range<usize>, name: &str) -> Option<Vec<Range<usize>>> {
        self.at(range.start).uses(text, range, name)
    }

    /// The layer that a cursor is in. An offset past the end means the end.
    pub(crate) fn at(&self, offset: usize) -> &Layer {
        let offset = offset.min(self.whole.tree.root_node().end_byte());
        let index = self.embedded.partition_point(|layer| layer.range.end < offset);
        self.embedded.get(index).filter(|layer| layer.holds(offset)).unwrap_or(&self.whole)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.whole).chain(&self.embedded)
    }
}

impl std::fmt::Debug for SyntaxTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_bytes = self.whole.tree.root_node().end_byte();
        write!(f, "SyntaxTree({}, {n_bytes} bytes, {} embedded)", self.language().name(), self.embedded.len())
    }
}
