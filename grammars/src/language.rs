//! One language. Invariant: a `Language` lives as long as the process, there is one of each, and its grammar and queries
//! are built once, when they are first asked for.

use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use tree_sitter::Query;

use crate::grammar::Grammar;
use crate::{QueryKind, memory};

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockStyle {
    /// Between brackets.
    Braces,
    /// Lines that are indented further than the header.
    Indentation,
    /// From a header to a closing word such as `end`.
    Keywords,
    /// Between an opening and a closing tag.
    Tags,
    /// From a heading to the next one.
    Headings,
}

/// One table of `languages.toml`; the head of that file says what the keys mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    display_name: String,
    pub(crate) language_ids: Vec<String>,
    pub(crate) extensions: Vec<String>,
    #[serde(default)]
    pub(crate) file_names: Vec<String>,
    #[serde(default)]
    pub(crate) shebangs: Vec<String>,
    line_comment: Option<String>,
    block_comment: Option<(String, String)>,
    quotes: String,
    #[serde(default)]
    line_quotes: String,
    block_style: BlockStyle,
    #[serde(default)]
    block_openers: Vec<String>,
    #[serde(default)]
    block_keywords: Vec<String>,
    #[serde(default)]
    block_closers: Vec<String>,
    #[serde(default)]
    embedded_nodes: Vec<String>,
    deepest_generics: Option<usize>,
    most_substitutions: Option<usize>,
}

/// A language with its grammar. Compared by name; only ever seen as `&'static Language`.
pub struct Language {
    pub(crate) description: Description,
    grammar: Grammar,
    tree_sitter: OnceLock<tree_sitter::Language>,
    queries: [OnceLock<Query>; QueryKind::ALL.len()],
}

impl Language {
    pub(crate) fn new(description: Description, grammar: Grammar) -> Self {
        Self {
            description,
            grammar,
            tree_sitter: OnceLock::new(),
            queries: [const { OnceLock::new() }; QueryKind::ALL.len()],
        }
    }

    /// Name of the language and of its feature, in lower case: "csharp".
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Name for people: "C#".
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.description.display_name
    }

    /// The identifiers that clients send as `languageId`; never empty, the usual one first.
    #[must_use]
    pub fn language_ids(&self) -> &[String] {
        &self.description.language_ids
    }

    /// Extensions of its files, in lower case and without the dot.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.description.extensions
    }

    /// Whole names of its files that have no known extension.
    #[must_use]
    pub fn file_names(&self) -> &[String] {
        &self.description.file_names
    }

    /// The beginnings of comments that end with their line.
    #[must_use]
    pub fn line_comment(&self) -> Option<&str> {
        self.description.line_comment.as_deref()
    }

    /// Start and end of a comment that has two ends.
    #[must_use]
    pub fn block_comment(&self) -> Option<(&str, &str)> {
        self.description.block_comment.as_ref().map(|(start, end)| (start.as_str(), end.as_str()))
    }

    /// Characters that delimit strings. Used for lines without a tree; a tree is more exact.
    #[must_use]
    pub fn quotes(&self) -> &str {
        &self.description.quotes
    }

    /// Those of [`Self::quotes`] whose strings end with their line at the latest. Three of them in a row mean something else.
    #[must_use]
    pub fn line_quotes(&self) -> &str {
        &self.description.line_quotes
    }

    /// The form of a body.
    #[must_use]
    pub fn block_style(&self) -> BlockStyle {
        self.description.block_style
    }

    /// Whether bodies stand between brackets.
    #[must_use]
    pub fn uses_braces(&self) -> bool {
        self.block_style() == BlockStyle::Braces
    }

    /// The ends of lines that open a body.
    #[must_use]
    pub fn block_openers(&self) -> &[String] {
        &self.description.block_openers
    }

    /// The beginnings of lines that open a body.
    #[must_use]
    pub fn block_keywords(&self) -> &[String] {
        &self.description.block_keywords
    }

    /// The beginnings of lines that close a body.
    #[must_use]
    pub fn block_closers(&self) -> &[String] {
        &self.description.block_closers
    }

    /// Kinds of the nodes that may be in another language; [`QueryKind::Embedded`] says which, from the node in front.
    #[must_use]
    pub fn embedded_nodes(&self) -> &[String] {
        &self.description.embedded_nodes
    }

    /// The number of generic types that may be open at once; none if the grammar has no limit. A deeper text must not be parsed:
    /// at its end the parser would take memory by the square of the depth, in one step.
    #[must_use]
    pub fn deepest_generics(&self) -> Option<usize> {
        self.description.deepest_generics
    }

    /// The number of `${` that a text may hold; none if the grammar has no limit. The scanner follows templates inside of
    /// templates on the stack of the thread: a text with more must not be parsed.
    #[must_use]
    pub fn most_substitutions(&self) -> Option<usize> {
        self.description.most_substitutions
    }

    /// The grammar.
    pub fn tree_sitter(&self) -> &tree_sitter::Language {
        memory::install();
        self.tree_sitter.get_or_init(self.grammar.tree_sitter)
    }

    /// One of its queries; compiled by the first call, which may take some milliseconds. A query without patterns (JSON
    /// has no imports) matches nothing.
    pub fn query(&self, kind: QueryKind) -> &Query {
        let index = kind as usize;
        self.queries[index].get_or_init(|| {
            Query::new(self.tree_sitter(), self.grammar.queries[index])
                .expect("the queries are compiled in, and a test compiles each of them")
        })
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Language {}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.name())
    }
}
