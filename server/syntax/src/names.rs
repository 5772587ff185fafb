//! What a name is at its place. Invariant: the cost depends on the depth of the tree and not on the size of the text.

use std::ops::Range;

use fimble_document::Text;
use fimble_grammars::QueryKind;
use tree_sitter::Node;

use crate::SyntaxTree;
use crate::layer::Layer;
use crate::walk::{QueryScope, QueryTime, path_to};

/// What a name refers to, as far as its place says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameRole {
    /// A variable, a function, a type: found by the scopes around it.
    Free,
    /// A field, a method, the name of an argument: found by what stands before it.
    Member,
    /// A field and a variable of the same name in one (`Point { x }`).
    Shorthand,
}

/// A name at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// What it refers to.
    pub role: NameRole,
    /// Whether it is defined or bound here.
    pub is_definition: bool,
}

/// How far above a name the node stands that makes it a definition.
const MAX_DEFINITION_DEPTH: usize = 6;

impl SyntaxTree {
    /// What the name in a range is; none if the range is no whole name of code: in a comment or a string, or only a part.
    #[must_use]
    pub fn name_at(&self, text: &Text, range: Range<usize>) -> Option<Name> {
        self.at(range.start).name_at(text, range)
    }
}

impl Layer {
    fn name_at(&self, text: &Text, range: Range<usize>) -> Option<Name> {
        let path = path_to(self.tree(), range.clone());
        let found = path.iter().rposition(|node| node.byte_range() == range)?;
        let node = path[found];
        let mut is_name = false;
        let time = &QueryTime::start();
        self.captures_at(node, node, text, time, |capture| is_name |= capture == "identifier");
        if !is_name {
            return None;
        }
        let mut is_definition = false;
        for around in path[..=found].iter().rev().take(MAX_DEFINITION_DEPTH) {
            self.captures_at(*around, node, text, time, |capture| {
                is_definition |= matches!(capture, "definition" | "binding");
            });
            if is_definition {
                break;
            }
        }
        let is_field = ["field", "property"].iter().any(|word| node.kind().contains(word));
        let role = match node {
            _ if is_shorthand(node) => NameRole::Shorthand,
            _ if is_field || is_member(node) => NameRole::Member,
            _ => NameRole::Free,
        };
        Some(Name { role, is_definition })
    }

    /// Passes the captures of `wanted` in the matches that start at a node.
    fn captures_at<'tree>(
        &'tree self,
        start: Node<'tree>,
        wanted: Node<'tree>,
        text: &Text,
        time: &QueryTime,
        mut visit: impl FnMut(&str),
    ) {
        let scope = QueryScope { node: start, range: wanted.byte_range(), max_depth: Some(0) };
        self.for_each_match(QueryKind::Identifiers, text, scope, time, |captures| {
            captures.iter().filter(|(_, node)| node.id() == wanted.id()).for_each(|(name, _)| visit(name));
            true
        });
    }
}

/// Whether a name is a field and a variable in one.
pub(crate) fn is_shorthand(node: Node<'_>) -> bool {
    let above = node.parent().map(|above| above.kind()).unwrap_or_default();
    node.kind().contains("shorthand") || above.contains("shorthand")
}

/// Whether a name is that of a field, a method or an argument, and not of a variable.
pub(crate) fn is_member(node: Node<'_>) -> bool {
    const MEMBERS: [(&str, &str); 7] = [
        ("attribute", "attribute"),
        ("keyword_argument", "name"),
        ("field_access", "field"),
        ("method_invocation", "name"),
        ("scoped_identifier", "name"),
        ("labeled_statement", "label"),
        ("keyed_element", "key"),
    ];
    let Some(above) = node.parent() else { return false };
    // The grammar knows no expressions in a macro's arguments.
    if above.kind() == "token_tree" && node.prev_sibling().is_some_and(|before| before.kind() == ".") {
        return true;
    }
    let is_of = |above: Node<'_>, child: Node<'_>| {
        MEMBERS.iter().any(|(kind, field)| {
            above.kind() == *kind
                && above.child_by_field_name(field).is_some_and(|found| found.id() == child.id())
        })
    };
    is_of(above, node) || above.parent().is_some_and(|outer| is_of(outer, above))
}

#[cfg(test)]
mod tests {
    use fimble_grammars::by_language_id;

    use super::*;
    use crate::ParseBudget;

    #[test]
    fn a_name_is_what_its_place_says() {
        use NameRole::{Free, Member, Shorthand};
        let cases = [
            ("python", "def f(na|me):\n    pass\n", Some((Free, true))),
            ("python", "def f(x):\n    return na|me\n", Some((Free, false))),
            ("python", "x.na|me = 1\n", Some((Member, false))),
            ("python", "f(na|me=1)\n", Some((Member, false))),
            ("python", "x = 'na|me'\n", None),
            ("python", "# na|me\n", None),
            ("python", "for a, na|me in b:\n    pass\n", Some((Free, true))),
            ("python", "x = f'{na|me}'\n", Some((Free, false))),
            ("rust", "struct A { na|me: u8 }\n", Some((Member, true))),
            ("rust", "fn f() { let a = A { na|me }; }\n", Some((Shorthand, false))),
            ("rust", "fn f() { a.na|me(); }\n", Some((Member, false))),
            ("rust", "fn f() -> Na|me { g() }\n", Some((Free, false))),
            ("typescript", "const a = { na|me: 1 };\n", Some((Member, false))),
            ("typescript", "const na|me = 1;\n", Some((Free, true))),
            ("go", "func f(na|me int) {}\n", Some((Free, true))),
            ("go", "func f() { a.Na|me() }\n", Some((Member, false))),
            ("java", "class A { int na|me; }\n", Some((Free, true))),
            ("java", "class A { void f() { b.na|me(); } }\n", Some((Member, false))),
            ("cpp", "int f(int *na|me) { return 0; }\n", Some((Free, true))),
            ("cpp", "int f() { return a->na|me; }\n", Some((Member, false))),
        ];
        for (language, code, expected) in cases {
            let text = Text::new(&code.replace('|', ""));
            let language = by_language_id(language).expect("it is compiled in");
            let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
            let at = code.find('|').unwrap();
            let found = tree.name_at(&text, at - 2..at + 2);
            assert_eq!(found.map(|name| (name.role, name.is_definition)), expected, "{code}");
        }
    }
}
