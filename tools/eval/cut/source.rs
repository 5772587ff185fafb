//! A file with its tree, and what the kinds of places ask of it. Invariant: offsets are bytes of the file's text.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{BlockStyle, Language, ParseBudget, Region, Scope, SyntaxTree};

/// Languages in which functions are written; the others are data and prose.
const CODE: &[&str] = &[
    "c",
    "cpp",
    "csharp",
    "go",
    "java",
    "javascript",
    "lua",
    "php",
    "python",
    "ruby",
    "rust",
    "tsx",
    "typescript",
];

/// Words before the name of a scope that is no function.
const NO_FUNCTION: &[&str] = &[
    "catch",
    "class",
    "do",
    "else",
    "enum",
    "for",
    "if",
    "impl",
    "interface",
    "match",
    "mod",
    "module",
    "namespace",
    "record",
    "select",
    "struct",
    "switch",
    "trait",
    "try",
    "union",
    "while",
    "with",
];

/// A file of code.
pub struct Source<'a> {
    /// Its index among the files.
    pub index: usize,
    pub text: &'a str,
    pub document: Text,
    pub language: &'static Language,
    pub tree: SyntaxTree,
    /// Everything that encloses a line, by its start; each once.
    pub scopes: Vec<Scope>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a file.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where the line starts.
    pub start: usize,
    /// Where its text starts, behind the indentation; its end where it is blank.
    pub content: usize,
    /// Where its text ends, before trailing blanks.
    pub end: usize,
    /// Whether blanks stand behind its text.
    pub has_trailing_blanks: bool,
}

impl Line {
    /// Whether it has no text.
    pub fn is_blank(&self) -> bool {
        self.content == self.end
    }

    /// Bytes of indentation.
    pub fn indent(&self) -> usize {
        self.content - self.start
    }
}

impl<'a> Source<'a> {
    /// Parses a file; none where its language is not code or it cannot be parsed.
    pub fn parse(index: usize, path: &str, text: &'a str) -> Option<Self> {
        let language =
            fimble_syntax::detect("", path, "").filter(|language| CODE.contains(&language.name()))?;
        let document = Text::new(text);
        let tree = SyntaxTree::parse(language, &document, None, &ParseBudget::unlimited()).ok()?;
        let lines = lines(text);
        let mut scopes: Vec<Scope> = Vec::new();
        for line in lines.iter().filter(|line| !line.is_blank()) {
            scopes.extend(tree.enclosing_scopes(&document, line.content + 1));
        }
        scopes.sort_by_key(|scope| (scope.range.start, scope.range.end, scope.header.end));
        scopes.dedup_by(|right, left| right.range == left.range);
        Some(Self { index, text, document, language, tree, scopes, lines })
    }

    /// The text of a line without indentation and trailing blanks.
    pub fn content(&self, line: &Line) -> &'a str {
        &self.text[line.content..line.end]
    }

    /// Whether code stands at an offset, neither a comment nor a string.
    pub fn is_code(&self, offset: usize) -> bool {
        self.tree.region(&self.document, offset) == Region::Code
    }

    /// Whether a line is a comment of its own.
    pub fn is_comment(&self, line: &Line) -> bool {
        let start = self.language.line_comment();
        start.is_some_and(|start| self.content(line).starts_with(start))
    }

    /// Whether blocks of the language stand in brackets.
    pub fn has_braces(&self) -> bool {
        self.language.block_style() == BlockStyle::Braces
    }

    /// Whether a scope is a function or a method.
    pub fn is_function(&self, scope: &Scope) -> bool {
        let Some(name) = &scope.name else { return false };
        let behind = &self.text[name.end.min(scope.header.end)..scope.header.end];
        let before = &self.text[scope.header.start..name.start.max(scope.header.start)];
        let has_word = |wanted: &[&str]| words(before).any(|(_, word)| wanted.contains(&word));
        match self.language.name() {
            "python" | "ruby" => has_word(&["def"]),
            "rust" => has_word(&["fn"]),
            "go" => has_word(&["func"]),
            _ => behind.contains('(') && !has_word(NO_FUNCTION),
        }
    }
}

fn lines(text: &str) -> Vec<Line> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let from = start;
            start += line.len();
            let whole = line.strip_suffix('\n').unwrap_or(line);
            let content = whole.trim_end();
            let indent = content.len() - content.trim_start().len();
            Line {
                start: from,
                content: from + indent,
                end: from + content.len(),
                has_trailing_blanks: content.len() < whole.len(),
            }
        })
        .collect()
}

/// The words of a text: letters, digits and underscores, with where each starts.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |len| start + len);
        at = end;
        Some((start, &text[start..end]))
    })
}

/// Whether a character belongs to a word.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a position lies in one of the ranges.
pub fn is_in(ranges: &[Range<usize>], at: usize) -> bool {
    ranges.iter().any(|range| range.contains(&at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(0, path, text).unwrap();
        let of = source.scopes.iter().filter(|scope| source.is_function(scope));
        of.map(|scope| text[scope.name.clone().unwrap()].to_owned()).collect()
    }

    #[test]
    fn functions_are_told_from_classes_and_blocks() {
        for (path, text, expected) in [
            ("a.py", "class A(B):\n    def f(self):\n        if x:\n            return 1\n", &["f"][..]),
            (
                "a.rs",
                "impl A {\n    fn f(&self) -> u8 {\n        match x {\n            _ => 1,\n        }\n    }\n}\n",
                &["f"],
            ),
            ("a.go", "package a\n\nfunc (o Order) F() int {\n\tfor {\n\t\treturn 1\n\t}\n}\n", &["F"]),
            (
                "a.ts",
                "export class A {\n  f(x: number): number {\n    if (x) {\n      return 1;\n    }\n    return 2;\n  }\n}\n",
                &["f"],
            ),
            ("a.js", "function f(x) {\n  return x;\n}\nconst g = (y) => {\n  return y;\n};\n", &["f", "g"]),
            (
                "A.java",
                "class A {\n    int f(int x) {\n        while (true) {\n            x++;\n        }\n    }\n}\n",
                &["f"],
            ),
        ] {
            assert_eq!(functions(path, text), expected, "{path}");
        }
        assert!(Source::parse(0, "a.json", "{}").is_none());
    }

    #[test]
    fn words_have_their_places() {
        assert_eq!(words("a.bc_1 (é)").collect::<Vec<_>>(), [(0, "a"), (2, "bc_1"), (8, "é")]);
    }
}
