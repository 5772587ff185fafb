//! An entry of the table of families: a layout, and the evidence by which the family is recognised. Invariant: a token outside a
//! group is always written, so its family must require it.

use super::Vocabulary;
use super::edits::EditFormat;

/// Between plain snippets, and between the last one and the file.
pub(super) const SNIPPET_SEPARATOR: &str = "\n\n--- snippet ---\n\n";

/// One element of a layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A special token, by its text.
    Token(&'static str),
    /// Plain text of the family.
    Literal(&'static str),
    /// Path of the file, or of the snippet inside a snippet form.
    Path,
    /// Name of the language.
    Language,
    /// Name of the repository.
    Repository,
    /// The lines above the current one, or the text of the snippet inside a snippet form.
    Prefix,
    /// The current line up to the cursor, or the line break that a snippet lacks inside a snippet form.
    Line,
    /// Both, as one text.
    PrefixAndLine,
    /// The text after the cursor.
    Suffix,
    /// Every snippet in the given form.
    Snippets(&'static [Part]),
    /// Every snippet as bare text, each closed by [`SNIPPET_SEPARATOR`].
    PlainSnippets,
    /// Only if the path is known.
    IfPath(&'static [Part]),
    /// Only if there are snippets.
    IfSnippets(&'static [Part]),
    /// Only if the path is known or there are snippets, from which the file must be parted.
    IfPathOrSnippets(&'static [Part]),
    /// Only if the repository is known.
    IfRepository(&'static [Part]),
}

/// The evidence besides the tokens, if several families share these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Beginnings of model types, any of which is enough.
    pub(super) model_types: &'static [&'static str],
    /// Parts of model names, any of which is enough.
    pub(super) names: &'static [&'static str],
}

impl Evidence {
    /// The tokens are enough.
    pub(super) const NONE: Self = Self { model_types: &[], names: &[] };

    /// Whether the model type or the name fits, or neither is required.
    pub(super) fn holds(&self, vocabulary: &dyn Vocabulary) -> bool {
        (self.model_types.is_empty() && self.names.is_empty())
            || self.model_types.iter().any(|start| vocabulary.model_type().starts_with(start))
            || self.names.iter().any(|part| vocabulary.model_name().contains(part))
    }
}

/// One family.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Name, for people.
    pub(super) name: &'static str,
    /// The source of the layout.
    pub(super) source: &'static str,
    /// The tokens that frame prefix, suffix and middle.
    pub(super) markers: &'static [&'static str],
    /// Further tokens that must be there, to distinguish families with equal markers or because the layout needs them.
    pub(super) also: &'static [&'static str],
    /// The further evidence.
    pub(super) evidence: Evidence,
    /// The prompt.
    pub(super) layout: &'static [Part],
    /// Tokens that end a middle, besides those of the layout; those that a tokenizer lacks do not count.
    pub(super) stops: &'static [&'static str],
    /// Texts that end a middle.
    pub(super) stop_strings: &'static [&'static str],
    /// The format in which it writes edits, if it is made for that.
    pub(super) edits: Option<EditFormat>,
}

impl Family {
    /// The tokens without which the layout cannot be written.
    pub(super) fn required_tokens(&self) -> impl Iterator<Item = &'static str> {
        self.markers.iter().chain(self.also).copied()
    }

    /// Shows every token of the layout, those of groups and snippet forms included, and those of its edits.
    pub(super) fn visit_tokens(&self, visit: &mut impl FnMut(&'static str)) {
        visit_tokens(self.layout, visit);
        self.edits.iter().flat_map(|format| format.tokens()).for_each(|text| visit(text));
    }
}

fn visit_tokens(layout: &'static [Part], visit: &mut impl FnMut(&'static str)) {
    for part in layout {
        match part {
            Part::Token(text) => visit(text),
            Part::Snippets(inner)
            | Part::IfPath(inner)
            | Part::IfSnippets(inner)
            | Part::IfPathOrSnippets(inner)
            | Part::IfRepository(inner) => visit_tokens(inner, visit),
            _ => {}
        }
    }
}
