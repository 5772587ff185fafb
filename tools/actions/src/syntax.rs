//! What a syntax tree says about a whole text. Invariant: a language without a grammar is an error of the task, not a pass.

use std::collections::BTreeSet;

use fimble_document::Text;
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

fn tree(language: &str, text: &Text) -> Option<SyntaxTree> {
    let language = by_language_id(language)?;
    SyntaxTree::parse(language, text, None, &ParseBudget::unlimited()).ok()
}

/// Places that do not fit the grammar; very many where there is no grammar.
pub fn n_errors(language: &str, text: &str) -> usize {
    tree(language, &Text::new(text)).map_or(usize::MAX, |tree| tree.n_errors())
}

/// The names of all functions, classes and other named items with a body, each as often as it is defined.
pub fn functions(language: &str, text: &str) -> Vec<String> {
    let text = Text::new(text);
    let Some(tree) = tree(language, &text) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for line in 0..text.n_lines() {
        let first = text.line_start(line) + text.line(line).len() - text.line(line).trim_start().len();
        // An item on one line is around its beginning and not around its end.
        for place in [first + 1, text.line_end(line)] {
            for scope in tree.enclosing_scopes(&text, place) {
                let name =
                    scope.name.filter(|_| scope.body.is_some()).map(|name| text.slice(name).into_owned());
                // In C the parameters belong to what is declared.
                let name = name.and_then(|name| name.split('(').next().map(str::to_owned));
                found.extend(name.map(|name| (scope.range.start, name)));
            }
        }
    }
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_listed_as_often_as_they_are_defined() {
        let text = "def a():\n    pass\n\n\nclass B:\n    def a(self):\n        return 1\n";
        assert_eq!(functions("python", text), ["a", "B", "a"]);
        assert_eq!(
            functions("c", "int f(void)\n{\n    return 1;\n}\n\nstatic int g(int a) { return a; }\n"),
            ["f", "g"]
        );
        assert_eq!((n_errors("python", text), n_errors("nothing", text)), (0, usize::MAX));
        assert!(n_errors("python", "def a(:\n") > 0);
    }
}
