//! The parts inside and outside a range: those of a text at the outermost level that a range leaves whole.
//! Invariant: a part is either inside of the range or outside, never both; the cost is bounded by the text of the levels that
//! are visited.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::QueryKind;
use tree_sitter::Node;

use crate::layer::Layer;
use crate::names::{is_member, is_shorthand};
use crate::walk::{QueryScope, QueryTime};

/// Levels that are visited at most.
const MAX_LEVELS: usize = 64;

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// It brings names from elsewhere.
    Import,
    /// It has a name and a body: a function, a class.
    Item,
    /// It does something where it stands.
    Statement,
    /// A comment.
    Comment,
    /// Anything else, such as a constant.
    Other,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// All of it, in bytes.
    pub range: Range<usize>,
    /// Its kind.
    pub kind: PartKind,
    /// The name that it defines; empty if it defines none.
    pub name: String,
    /// The range between its brackets or below its header, for an item.
    pub body: Option<Range<usize>>,
}

/// A text as a range divides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The parts in the range, in order.
    pub inside: Vec<Part>,
    /// The parts outside the range and outside its enclosing parts, in order of the levels.
    pub outside: Vec<Part>,
    /// Names of what encloses the range, the outermost first.
    pub around: Vec<String>,
}

impl Layer {
    /// The outermost parts in a range, and those beside it.
    pub(crate) fn outline(&self, text: &Text, range: Range<usize>) -> Outline {
        let time = &QueryTime::start();
        let mut outline = Outline::default();
        let mut level = vec![self.tree().root_node()];
        for _ in 0..MAX_LEVELS {
            let mut below = Vec::new();
            for node in level {
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor) {
                    let place = child.byte_range();
                    let end = trimmed_end(text, &place);
                    if place.start >= range.start && end <= range.end {
                        outline.inside.push(self.part(text, child, time));
                    } else if end <= range.start || place.start >= range.end {
                        outline.outside.push(self.part(text, child, time));
                    } else {
                        let part = self.part(text, child, time);
                        let is_named = part.kind == PartKind::Item && !part.name.is_empty();
                        outline.around.extend(is_named.then_some(part.name));
                        below.push(child);
                    }
                }
            }
            if below.is_empty() {
                break;
            }
            level = below;
        }
        outline
    }

    /// The names that are defined in a range, in order: of functions, parameters and variables, as far as the language's
    /// queries know.
    pub(crate) fn defined_names(
        &self,
        text: &Text,
        range: Range<usize>,
        time: &QueryTime,
    ) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let scope = QueryScope { node: self.tree().root_node(), range: range.clone(), max_depth: None };
        self.for_each_match(QueryKind::Identifiers, text, scope, time, |captures| {
            for (_, node) in captures.iter().filter(|(name, _)| matches!(*name, "definition" | "binding")) {
                if range.start <= node.start_byte() && node.end_byte() <= range.end {
                    found.push(node.byte_range());
                }
            }
            true
        });
        found.sort_by_key(|range| (range.start, range.end));
        found.dedup();
        found
    }

    /// The uses of a variable of this name in a range; none if it is also used there in a way that cannot be
    /// distinguished from other text, such as in a string. Fields and keys of the same name are not among its uses.
    pub(crate) fn uses(&self, text: &Text, range: Range<usize>, name: &str) -> Option<Vec<Range<usize>>> {
        let (mut found, mut n_others, mut is_clear) = (Vec::new(), 0, true);
        let scope = QueryScope { node: self.tree().root_node(), range: range.clone(), max_depth: None };
        let time = &QueryTime::start();
        self.for_each_match(QueryKind::Identifiers, text, scope, time, |captures| {
            for (_, node) in captures.iter().filter(|(capture, _)| *capture == "identifier") {
                let place = node.byte_range();
                if place.start < range.start || place.end > range.end || text.slice(place.clone()) != name {
                    continue;
                }
                is_clear &= !is_shorthand(*node);
                if node.kind() != "identifier" || is_member(*node) {
                    n_others += 1;
                } else {
                    found.push(place);
                }
            }
            true
        });
        let n_words = words(&text.slice(range)).filter(|word| *word == name).count();
        (is_clear && n_words == found.len() + n_others).then_some(found)
    }

    fn part(&self, text: &Text, node: Node<'_>, time: &QueryTime) -> Part {
        let range = node.byte_range();
        let mut item: Option<(Range<usize>, Range<usize>, Range<usize>)> = None;
        let mut is_import = false;
        let scope = || QueryScope { node, range: range.clone(), max_depth: Some(3) };
        self.for_each_match(QueryKind::Imports, text, scope(), time, |captures| {
            is_import |= captures.iter().any(|(name, found)| *name == "import" && found.id() == node.id());
            !is_import
        });
        self.for_each_match(QueryKind::Scopes, text, scope(), time, |captures| {
            let capture =
                |wanted: &str| captures.iter().find(|(name, _)| *name == wanted).map(|(_, node)| node);
            if let (Some(scope), Some(name), Some(body)) =
                (capture("scope"), capture("scope.name"), capture("scope.body"))
                && text
                    .slice(scope.end_byte().min(range.end)..range.end)
                    .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
                    .is_empty()
                && item.as_ref().is_none_or(|(outer, _, _)| scope.byte_range().len() > outer.len())
            {
                item = Some((scope.byte_range(), name.byte_range(), body.byte_range()));
            }
            true
        });
        let kind = match &item {
            _ if node.is_extra() => PartKind::Comment,
            _ if is_import => PartKind::Import,
            Some(_) => PartKind::Item,
            None if node.kind().ends_with("_statement") && !assigns(node) => PartKind::Statement,
            None => PartKind::Other,
        };
        let name = match (&item, kind) {
            (_, PartKind::Comment | PartKind::Import | PartKind::Statement) => String::new(),
            (Some((_, name, _)), _) => first_word(&text.slice(name.clone())),
            // The name of a constant is before its value.
            (None, _) => self
                .defined_names(text, range.clone(), time)
                .first()
                .or(self.identifiers(text, range.clone(), time).first())
                .map(|name| text.slice(name.clone()).into_owned())
                .unwrap_or_default(),
        };
        Part { range, kind, name, body: item.map(|(_, _, body)| body) }
    }
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a statement is one of Python's that defines a name.
fn assigns(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.named_child(0).is_some_and(|child| child.kind() == "assignment")
}

/// The end without blanks: some grammars take line breaks along.
fn trimmed_end(text: &Text, range: &Range<usize>) -> usize {
    range.start + text.slice(range.clone()).trim_end().len()
}

/// The name in a declarator: `*find(const char *key)`.
fn first_word(declarator: &str) -> String {
    let start = declarator.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    start.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
