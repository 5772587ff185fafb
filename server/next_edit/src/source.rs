//! One document while proposals are looked for. Invariant: everything is about the present text; the text is copied once at most.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use fimble_document::Text;
use fimble_syntax::{Name, Scope, SyntaxTree};

use crate::likelihood::Likelihood;
use crate::tokens::places_of;
use crate::{Hunk, NextEdit, NextEditKind, Request};

/// Places of one word that are looked at. More often used words are left alone.
const MAX_PLACES: usize = 400;

/// A document with a tree.
pub(crate) struct Source<'a> {
    pub(crate) document: Arc<str>,
    pub(crate) text: &'a Text,
    pub(crate) tree: &'a SyntaxTree,
    content: OnceCell<String>,
    imports: OnceCell<Vec<Range<usize>>>,
}

/// What encloses a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    /// A function: its names are its own.
    Function,
    /// A class, a struct, an interface: its names are members.
    Type,
    /// A namespace or a module: its names are as those of the file.
    Module,
}

/// The sources of a request: those with a tree, the current one first.
pub(crate) fn sources<'a>(request: &Request<'a>) -> Vec<Source<'a>> {
    let mut found: Vec<Source<'a>> = Vec::new();
    let current = request.files.get(request.current);
    let others = request.files.iter().enumerate().filter(|(index, _)| *index != request.current);
    for file in current.into_iter().chain(others.map(|(_, file)| file)) {
        if let Some(tree) = file.tree {
            found.push(Source {
                document: Arc::from(file.document),
                text: file.text,
                tree,
                content: OnceCell::new(),
                imports: OnceCell::new(),
            });
        }
    }
    found
}

impl Source<'_> {
    /// The whole text in one piece.
    pub(crate) fn content(&self) -> &str {
        self.content.get_or_init(|| self.text.to_string())
    }

    /// The lines of imports.
    pub(crate) fn imports(&self) -> &[Range<usize>] {
        self.imports.get_or_init(|| self.tree.imports(self.text, usize::MAX))
    }

    /// Whether a place is in the lines of an import, those in functions included.
    pub(crate) fn is_import(&self, at: usize) -> bool {
        let begins = |line: &str| ["import ", "from ", "use "].iter().any(|word| line.starts_with(word));
        begins(self.before(at).trim_start())
            || self.imports().iter().any(|import| import.start <= at && at <= import.end)
    }

    /// The names in code that are spelled like this, in order; none if there are too many.
    pub(crate) fn names(&self, word: &str) -> Option<Vec<(Range<usize>, Name)>> {
        self.names_in(word, 0..self.text.len())
    }

    /// The same in a range.
    pub(crate) fn names_in(&self, word: &str, range: Range<usize>) -> Option<Vec<(Range<usize>, Name)>> {
        let places = places_of(&self.content()[range.clone()], word, MAX_PLACES)?;
        let with_name = |place: Range<usize>| {
            let place = range.start + place.start..range.start + place.end;
            self.tree.name_at(self.text, place.clone()).map(|name| (place, name))
        };
        Some(places.into_iter().filter_map(with_name).collect())
    }

    /// The scopes around a place with their kinds, the outermost first. A scope does not enclose its own name.
    pub(crate) fn scopes_around(&self, place: &Range<usize>) -> Vec<(Scope, ScopeKind)> {
        let is_own = |scope: &Scope| {
            // In C, the name of a function is a declarator that holds its parameters.
            scope.name.as_ref().is_some_and(|name| {
                let name = name.start..name.start + self.declared_name(name).len();
                name.start <= place.start && place.end <= name.end
            })
        };
        let scopes = self.tree.enclosing_scopes(self.text, place.end);
        let around = scopes.into_iter().filter(|scope| {
            scope.range.start.min(scope.header.start) <= place.start && place.end <= scope.range.end
        });
        around
            .filter(|scope| !is_own(scope))
            .map(|scope| (self.kind_of(&scope), scope))
            .map(|(a, b)| (b, a))
            .collect()
    }

    /// The innermost function around a place.
    pub(crate) fn function_around(&self, place: &Range<usize>) -> Option<Scope> {
        let is_function = |(_, kind): &&(Scope, ScopeKind)| *kind == ScopeKind::Function;
        self.scopes_around(place).iter().rev().find(is_function).map(|(scope, _)| scope.clone())
    }

    /// A declarator up to its parameters.
    pub(crate) fn declared_name(&self, name: &Range<usize>) -> &str {
        let declarator = &self.content()[name.clone()];
        &declarator[..declarator.find('(').unwrap_or(declarator.len())]
    }

    fn kind_of(&self, scope: &Scope) -> ScopeKind {
        const TYPES: [&str; 12] = [
            "class",
            "struct",
            "interface",
            "impl",
            "trait",
            "enum",
            "record",
            "object",
            "union",
            "protocol",
            "extension",
            "type",
        ];
        const MODULES: [&str; 4] = ["namespace", "mod", "module", "package"];
        let header = &self.content()[scope.header.clone()];
        let has_parameters = header.contains('(');
        let words = header.split(['(', '{', ':', '=']).next().unwrap_or_default();
        let has = |wanted: &[&str]| {
            words.split_whitespace().any(|word| wanted.contains(&word.split('<').next().unwrap_or(word)))
        };
        // A function of C may return a struct.
        let is_c = matches!(self.tree.language().name(), "c" | "cpp");
        match () {
            () if has(&TYPES) && !(is_c && has_parameters) => ScopeKind::Type,
            () if has(&MODULES) => ScopeKind::Module,
            () => ScopeKind::Function,
        }
    }

    /// The line of a place, from 0.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.text.line_of(offset)
    }

    /// Text before a place on its line, without blanks at its end.
    pub(crate) fn before(&self, offset: usize) -> &str {
        let start = self.text.line_start(self.text.line_of(offset));
        self.content()[start..offset].trim_end()
    }

    /// Text behind a place on its line, without blanks at its start.
    pub(crate) fn behind(&self, offset: usize) -> &str {
        let end = self.text.line_end(self.text.line_of(offset)).max(offset);
        self.content()[offset..end].trim_start()
    }

    /// The hunks of this document.
    pub(crate) fn hunks<'h>(&self, hunks: &'h [Hunk]) -> impl DoubleEndedIterator<Item = &'h Hunk> {
        hunks.iter().filter(move |hunk| hunk.document == self.document)
    }

    /// An edit of this document.
    pub(crate) fn edit(
        &self,
        range: Range<usize>,
        new_text: String,
        kind: NextEditKind,
        likelihood: impl Into<Likelihood>,
        agreeing: usize,
    ) -> NextEdit {
        let Likelihood { confidence, evidence } = likelihood.into();
        let old_text = self.content()[range.clone()].to_owned();
        NextEdit {
            document: self.document.clone(),
            range,
            old_text,
            new_text,
            kind,
            confidence,
            agreeing,
            evidence,
        }
    }
}
