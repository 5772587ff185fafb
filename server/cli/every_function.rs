//! One action on every function of a file, the last one first, so that the lines above stay where they are. Invariant: the
//! results of the model are kept in any form; the reason for a missing result is shown.

use std::path::Path;

use fimble_actions::fenced;
use fimble_document::Text;
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};

use super::code_actions::{ActionServer, Lines, Made};

/// The outcomes of all functions of a file.
pub struct EveryFunction {
    /// The new text of the file.
    pub text: String,
    /// Text that belongs into no source file, as Markdown; usually empty.
    pub words: String,
    /// Functions without a result, and the reasons.
    pub refused: Vec<String>,
}

/// Does an action on each function.
///
/// # Errors
/// There is no model that can, or none that can be asked now.
pub fn act_on_every_function(
    server: &mut ActionServer,
    kind: &str,
    instruction: &str,
    file: &Path,
    text: &str,
) -> anyhow::Result<EveryFunction> {
    let mut made = EveryFunction { text: text.to_owned(), words: String::new(), refused: Vec::new() };
    for line in item_lines(file, text).into_iter().rev() {
        let lines = Lines { file: file.to_owned(), lines: Some((line, line)) };
        match server.act(kind, instruction, &lines, &made.text)? {
            Made::Text(changed) => made.text = changed,
            // Files of several functions would have one name, and need not fit together.
            Made::NewFile(name, text) => {
                made.words = format!("## Line {line}: {name}\n\n{}\n{}", fenced(&text, ""), made.words);
            }
            Made::Words(words) => {
                made.words = format!("## Line {line}\n\n{}\n\n{}", words.trim_end(), made.words);
            }
            Made::Nothing(reason) => made.refused.push(format!("line {line}: {reason}")),
        }
    }
    made.refused.reverse();
    Ok(made)
}

/// The first lines of the functions of a file, from 1.
fn item_lines(file: &Path, text: &str) -> Vec<u32> {
    let document = Text::new(text);
    let tree = by_path(&file.to_string_lossy())
        .and_then(|language| SyntaxTree::parse(language, &document, None, &ParseBudget::unlimited()).ok());
    let Some(tree) = tree else { return Vec::new() };
    let mut lines = Vec::new();
    let mut at = 0;
    while at < document.len() {
        let line = document.line_of(at);
        let scopes = tree.enclosing_scopes(&document, inside(&document, line));
        let begins_here = scopes
            .iter()
            .rev()
            .find(|scope| scope.name.is_some())
            .filter(|scope| document.line_of(scope.range.start) == line && scope.body.is_some());
        // What holds other items is not changed as a whole: they are.
        if let Some(scope) = begins_here.filter(|scope| is_leaf(&tree, &document, scope.range.clone())) {
            lines.extend(u32::try_from(line + 1));
            at = document.line_start(document.line_of(scope.range.end.saturating_sub(1)) + 1).max(at + 1);
        } else {
            at = document.line_start(line + 1).max(at + 1);
        }
    }
    lines
}

/// A place on a line that is inside of what begins there.
fn inside(text: &Text, line: usize) -> usize {
    let content = text.line(line);
    text.line_start(line) + (content.len() - content.trim_start().len() + 1).min(content.len())
}

/// Whether no named item begins on a later line of a range.
fn is_leaf(tree: &SyntaxTree, text: &Text, range: std::ops::Range<usize>) -> bool {
    let (first, last) = (text.line_of(range.start), text.line_of(range.end));
    !(first + 1..=last).any(|line| {
        let scopes = tree.enclosing_scopes(text, inside(text, line));
        scopes.iter().any(|scope| {
            scope.name.is_some()
                && scope.body.is_some()
                && text.line_of(scope.range.start) == line
                && line > first
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_functions_of_a_file_are_gone_through() {
        let text = "struct A;\n\nimpl A {\n    fn one(&self) {\n        two();\n    }\n\n    fn two(&self) {}\n}\n\nfn three() {\n    x();\n}\n";
        assert_eq!(item_lines(Path::new("a.rs"), text), [4, 8, 11]);
        assert!(item_lines(Path::new("a.unknown"), text).is_empty());
    }
}
