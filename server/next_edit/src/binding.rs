//! Where the thing that a name stands for can be named. Invariant: a binding is found at a definition, never guessed from a use.

use std::ops::Range;

use fimble_syntax::{Name, NameRole};

use crate::calls::list_around;
use crate::source::{ScopeKind, Source};
use crate::tokens::places_of;

/// What a definition makes visible, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// In one function.
    Local(Range<usize>),
    /// As a member of a type; none where its name is not known.
    Member(Option<String>),
    /// In the file, and perhaps in others.
    Global,
}

/// How likely a name in the right scope is meant.
pub(crate) const LOCAL: f32 = 0.95;
pub(crate) const GLOBAL: f32 = 0.9;
pub(crate) const OWN_MEMBER: f32 = 0.9;
/// The same for a member of an object of unknown type.
pub(crate) const OTHER_MEMBER: f32 = 0.78;

/// Languages where an assignment defines a variable, so that several of them define the same one.
const ASSIGNING: [&str; 6] = ["python", "ruby", "php", "lua", "bash", "javascript"];

/// Languages where a method names members of its own type alone, without `this`.
const IMPLICIT_THIS: [&str; 7] = ["java", "cpp", "csharp", "kotlin", "swift", "scala", "dart"];

impl Source<'_> {
    /// The names that are spelled like this and may stand for what a binding makes visible; none if there are too many.
    pub(crate) fn names_of(&self, binding: &Binding, word: &str) -> Option<Vec<(Range<usize>, Name)>> {
        match binding {
            Binding::Local(scope) => self.names_in(word, scope.clone()),
            Binding::Member(_) | Binding::Global => self.names(word),
        }
    }

    /// The binding of the name at a place; none if it is not defined there.
    pub(crate) fn binding(&self, place: &Range<usize>, name: Name) -> Option<Binding> {
        if self.is_own_assignment(place, name) {
            return Some(Binding::Member(Some(self.own_type(place)?)));
        }
        if !name.is_definition {
            return self.is_imported_name(place, name).then_some(Binding::Global);
        }
        if name.role == NameRole::Member {
            return Some(Binding::Member(self.own_type(place)));
        }
        if self.is_arrow_parameter(place) {
            return None;
        }
        let scopes = self.scopes_around(place);
        Some(match scopes.last() {
            Some((scope, ScopeKind::Function)) => Binding::Local(scope.range.clone()),
            Some((_, ScopeKind::Type)) => Binding::Member(self.own_type(place)),
            Some((_, ScopeKind::Module)) | None => match self.qualifier(place) {
                Some(qualifier) => Binding::Member(Some(qualifier)),
                None => Binding::Global,
            },
        })
    }

    /// How likely a name stands for the thing that a binding makes visible; none if it does not.
    pub(crate) fn same_thing(&self, binding: &Binding, range: &Range<usize>, name: Name) -> Option<f32> {
        let is_free = matches!(name.role, NameRole::Free | NameRole::Shorthand);
        match binding {
            Binding::Local(scope) => {
                (is_free && scope.start <= range.start && range.end <= scope.end).then_some(LOCAL)
            }
            Binding::Global if is_free => Some(GLOBAL),
            Binding::Global => {
                let receiver = self.receiver(range)?;
                let is_rust = self.tree.language().name() == "rust";
                (is_rust && ["self", "crate", "super"].contains(&receiver)).then_some(GLOBAL)
            }
            Binding::Member(owner) => {
                let is_own = owner.is_some() && self.own_type(range) == *owner;
                match name.role {
                    NameRole::Free if is_own && (self.has_implicit_this() || name.is_definition) => {
                        Some(OWN_MEMBER)
                    }
                    NameRole::Free => {
                        let receiver = self.receiver(range).filter(|receiver| !receiver.is_empty());
                        (receiver.is_some() && receiver == owner.as_deref()).then_some(OWN_MEMBER)
                    }
                    _ if is_own && self.has_implicit_this() && self.receiver(range).is_none() => {
                        Some(OWN_MEMBER)
                    }
                    _ if is_own && self.is_own_receiver(range) => Some(OWN_MEMBER),
                    _ if self.receiver(range).is_some_and(|receiver| Some(receiver) == owner.as_deref()) => {
                        Some(OWN_MEMBER)
                    }
                    // An own receiver of another type has a member of its own.
                    _ if self.is_own_receiver(range) => None,
                    _ => Some(OTHER_MEMBER),
                }
            }
        }
    }

    /// Whether this document shows that it knows a global name of another one. `names` are its places here.
    pub(crate) fn knows(&self, home: &Source<'_>, word: &str, names: &[(Range<usize>, Name)]) -> bool {
        if names.is_empty() || self.tree.language() != home.tree.language() {
            return false;
        }
        let module = stem(&home.document);
        let is_imported = self.imports().iter().any(|import| {
            let line = &self.content()[import.clone()];
            let has = |word: &str| places_of(line, word, 1).is_none_or(|places| !places.is_empty());
            has(word) || has(module)
        });
        let is_shared = match self.tree.language().name() {
            "go" | "java" | "kotlin" | "csharp" => folder(&home.document) == folder(&self.document),
            "rust" => names.iter().any(|(range, _)| self.receiver(range) == Some(module)),
            _ => false,
        };
        is_imported || is_shared
    }

    /// Whether the function around a place defines a name before it.
    pub(crate) fn is_local(&self, name: &str, place: &Range<usize>) -> bool {
        let Some(function) = self.function_around(place) else { return false };
        let before = &self.content()[function.range.start..place.start.max(function.range.start)];
        let places = places_of(before, name, usize::MAX).unwrap_or_default();
        places.into_iter().any(|place| {
            let place = function.range.start + place.start..function.range.start + place.end;
            self.tree.name_at(self.text, place).is_some_and(|name| name.is_definition)
        })
    }

    /// Whether several assignments define one variable.
    pub(crate) fn is_assigning(&self) -> bool {
        ASSIGNING.contains(&self.tree.language().name())
    }

    /// Whether members of the own type are named alone.
    pub(crate) fn has_implicit_this(&self) -> bool {
        IMPLICIT_THIS.contains(&self.tree.language().name())
    }

    /// Whether a function is declared in one place and defined in another.
    pub(crate) fn has_declarations(&self) -> bool {
        matches!(self.tree.language().name(), "c" | "cpp")
    }

    /// Whether a name is that of a function or a type with a body.
    pub(crate) fn has_body(&self, place: &Range<usize>) -> bool {
        let scopes = self.tree.enclosing_scopes(self.text, place.end);
        scopes
            .iter()
            .filter_map(|scope| scope.name.as_ref())
            .any(|name| name.start <= place.start && place.end <= name.end)
    }

    /// Whether constructors have the name of their type.
    pub(crate) fn has_named_constructors(&self) -> bool {
        matches!(self.tree.language().name(), "java" | "csharp" | "cpp" | "dart")
    }

    /// The word before a place with what joins both: `self.`, `->`, `::`.
    pub(crate) fn receiver(&self, place: &Range<usize>) -> Option<&str> {
        let before = self.before(place.start);
        let object = ["?.", "->", "::", "."].iter().find_map(|mark| before.strip_suffix(mark))?;
        let start = object
            .rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
            .map_or(0, |at| at + object[at..].chars().next().map_or(1, char::len_utf8));
        // What stands before the object makes it another one: `a.self.b`.
        let is_nested = object[..start].trim_end().ends_with(['.', ':', '>']);
        Some(if is_nested { "" } else { &object[start..] })
    }

    /// Whether a member is one of the object that the method around it belongs to.
    pub(crate) fn is_own_receiver(&self, place: &Range<usize>) -> bool {
        let Some(receiver) = self.receiver(place) else { return false };
        if ["self", "this", "cls", "Self", "super"].contains(&receiver) {
            return true;
        }
        if receiver.is_empty() {
            return false;
        }
        let scopes = self.scopes_around(place);
        let is_go = self.tree.language().name() == "go";
        let of_method = |header: &str| {
            header.strip_prefix("func (").and_then(|rest| rest.split([' ', ')']).next()) == Some(receiver)
        };
        is_go && scopes.iter().any(|(scope, _)| of_method(&self.content()[scope.header.clone()]))
            || self.own_type(place).as_deref() == Some(receiver)
    }

    /// The name of the type that a place belongs to.
    pub(crate) fn own_type(&self, place: &Range<usize>) -> Option<String> {
        let scopes = self.scopes_around(place);
        let in_type = scopes.iter().rev().find(|(_, kind)| *kind == ScopeKind::Type);
        if let Some((scope, _)) = in_type {
            let name = scope.name.as_ref()?;
            return first_name(&self.content()[name.clone()]);
        }
        if self.tree.language().name() == "go" {
            let line_start = self.text.line_start(self.text.line_of(place.start));
            let header = scopes.last().map_or(line_start..place.end, |(scope, _)| scope.header.clone());
            let receiver = self.content()[header].strip_prefix("func (")?.split(')').next()?;
            return first_name(receiver.rsplit([' ', '*']).next()?);
        }
        let outer = scopes.iter().find_map(|(scope, _)| {
            let name = scope.name.as_ref()?;
            qualifier_of(self.declared_name(name))
        });
        outer.or_else(|| self.qualifier(place))
    }

    /// The type before a member that is defined outside of it: `Type::member` of C++.
    fn qualifier(&self, place: &Range<usize>) -> Option<String> {
        let is_cpp = self.tree.language().name() == "cpp";
        let before = self.before(place.start).strip_suffix("::").filter(|_| is_cpp)?;
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        first_name(before.get(start..)?)
    }

    /// `self.x = 1`: what the languages without declarations of fields have instead.
    fn is_own_assignment(&self, place: &Range<usize>, name: Name) -> bool {
        let is_own = || self.receiver(place).is_some_and(|receiver| ["self", "this"].contains(&receiver));
        let behind = self.behind(place.end);
        let is_assigned = (behind.starts_with('=') && !behind.starts_with("==")) || behind.starts_with(": ");
        name.role == NameRole::Member && is_assigned && is_own()
    }

    /// Whether a name is a parameter of `(a, b) => a + b`, which is no scope if it has no block.
    fn is_arrow_parameter(&self, place: &Range<usize>) -> bool {
        let is_arrow = |at: usize| {
            let behind = self.behind(at);
            behind.strip_prefix("=>").is_some_and(|body| !body.trim_start().starts_with('{'))
        };
        is_arrow(place.end)
            || list_around(self.content(), place.start).is_some_and(|list| is_arrow(list.close + 1))
    }

    /// Whether a name in an import is one that the file can use, and not a part of a path.
    fn is_imported_name(&self, place: &Range<usize>, name: Name) -> bool {
        let behind = self.behind(place.end);
        let is_path = [".", "::", "/", "as ", "import "].iter().any(|mark| behind.starts_with(mark));
        name.role != NameRole::Shorthand && self.is_import(place.start) && !is_path
    }
}

fn qualifier_of(declarator: &str) -> Option<String> {
    let (before, _) = declarator.rsplit_once("::")?;
    first_name(before.rsplit("::").next()?)
}

/// The first name of a text: that of `Point<T>`.
fn first_name(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_alphabetic() || c == '_')?;
    let name: String = text[start..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    Some(name)
}

/// The name of a file without its folder and ending.
pub(crate) fn stem(document: &str) -> &str {
    let name = document.rsplit(['/', '\\']).next().unwrap_or(document);
    name.split('.').next().unwrap_or(name)
}

fn folder(document: &str) -> &str {
    document.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder)
}
