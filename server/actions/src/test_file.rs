//! The place of tests: the file itself, or a new one beside it, as usual in each language. Invariant: a returned path stays in
//! the folder of the file.

use fimble_document::Text;
use fimble_syntax::{ParseBudget, PartKind, SyntaxTree};

use crate::{Source, Target};

/// The place of the tests of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TestPlace {
    /// Into the file, at its end.
    Here,
    /// Into a file of this name beside it.
    Beside(String),
    /// No known place: they are shown.
    Nowhere,
}

/// The place of the tests of a file at this path.
pub(crate) fn test_place(language: &str, path: &str) -> TestPlace {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_test = ["test_", "_test", ".test", ".spec", "_spec"].iter().any(|mark| stem.contains(mark));
    match language {
        "rust" => TestPlace::Here,
        _ if is_test || stem.is_empty() || extension.is_empty() => TestPlace::Nowhere,
        "python" => TestPlace::Beside(format!("test_{stem}.{extension}")),
        "go" => TestPlace::Beside(format!("{stem}_test.{extension}")),
        "javascript" | "typescript" | "tsx" => TestPlace::Beside(format!("{stem}.test.{extension}")),
        "ruby" => TestPlace::Beside(format!("{stem}_test.{extension}")),
        _ => TestPlace::Nowhere,
    }
}

/// The test library for a target.
pub(crate) struct TestForm {
    /// The library, in the middle of a sentence; empty if unknown.
    pub(crate) with: &'static str,
    /// The lines that the file of the tests begins with.
    pub(crate) head: String,
}

/// The test library for a target: the one that comes with the language, so that tests run anywhere.
pub(crate) fn test_form(source: &Source<'_>, target: &Target) -> TestForm {
    let form = |with, head: String| TestForm { with, head };
    let file = source.path.rsplit('/').next().unwrap_or(source.path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    // A method is reached through its class.
    let outer = source
        .tree
        .and_then(|tree| tree.outline(source.text, target.range.clone()).around.into_iter().next());
    let name = outer.unwrap_or_else(|| target.name.clone());
    let whole: String = source.text.chunks().collect();
    match source.fence_word() {
        "python" => form(" with unittest", format!("import unittest\n\nfrom {stem} import {name}\n")),
        "javascript" | "typescript" | "tsx" => {
            let is_module = !file.ends_with(".cjs")
                && (!file.ends_with(".js") || whole.lines().any(|line| line.starts_with("export ")));
            let head = if is_module {
                format!(
                    "import {{ test }} from \"node:test\";\nimport assert from \"node:assert\";\nimport {{ {name} }} from \
                     \"./{file}\";\n"
                )
            } else {
                format!(
                    "const {{ test }} = require(\"node:test\");\nconst assert = require(\"node:assert\");\nconst {{ {name} }} = \
                     require(\"./{file}\");\n"
                )
            };
            form(" with node:test and assert", head)
        }
        "rust" => form(" as functions with #[test]", String::new()),
        "go" => {
            let package = whole.lines().find(|line| line.starts_with("package ")).unwrap_or("package main");
            form(" with the package testing", format!("{}\n\nimport \"testing\"\n", package.trim_end()))
        }
        "java" => form(
            " with JUnit 5",
            "import static org.junit.jupiter.api.Assertions.*;\n\nimport org.junit.jupiter.api.Test;\n"
                .to_owned(),
        ),
        "c" => form(" with assert, called by a main function", "#include <assert.h>\n".to_owned()),
        _ => form("", String::new()),
    }
}

/// Tests with the lines of their form that are missing in front, and without the code that they are for.
pub(crate) fn completed(code: &str, source: &Source<'_>, target: &Target) -> String {
    let code = without_target(code, source, target);
    let TestForm { head, .. } = test_form(source, target);
    let has =
        |line: &str| line.is_empty() || code.lines().any(|other| is_same_import(other.trim(), line.trim()));
    // Tests in the manner of pytest need no module of Python's own.
    let is_needed = |line: &str| match line.strip_prefix("import ") {
        Some(module) if module.chars().all(char::is_alphanumeric) => code.contains(&format!("{module}.")),
        _ => true,
    };
    let missing: Vec<&str> = head.lines().filter(|line| !has(line) && is_needed(line)).collect();
    if missing.is_empty() {
        code
    } else {
        format!("{}\n\n{}", missing.join("\n"), code.trim_start_matches('\n'))
    }
}

/// Whether a line brings what another one does, perhaps with more.
fn is_same_import(line: &str, wanted: &str) -> bool {
    let module = |line: &str| {
        let quoted = line.split(['"', '\'']).nth(1).map(str::to_owned);
        quoted.or_else(|| line.split_whitespace().nth(1).map(|word| word.trim_end_matches(';').to_owned()))
    };
    let names = |line: &str| -> Vec<String> {
        let braces = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let python = line.split_once(" import ").filter(|_| line.starts_with("from "));
        let list = braces.map(|(names, _)| names).or(python.map(|(_, names)| names)).unwrap_or_default();
        list.split(',').map(|name| name.trim().to_owned()).collect()
    };
    let brings = names(line);
    let starts = |word: &str| line.starts_with(word) && wanted.starts_with(word);
    line == wanted
        || (["import ", "from ", "const ", "package "].iter().any(|word| starts(word))
            && module(line) == module(wanted)
            && names(wanted).iter().all(|name| brings.contains(name)))
        || (line.starts_with('"') && wanted == format!("import {line}"))
}

/// Tests without the function that they are for, which models like to repeat.
fn without_target(code: &str, source: &Source<'_>, target: &Target) -> String {
    let text = Text::new(code);
    let parsed = source
        .language
        .and_then(|language| SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).ok());
    let Some(tree) = parsed.filter(|tree| !tree.has_errors()) else { return code.to_owned() };
    let mut kept = code.to_owned();
    for part in tree.outline(&text, 0..text.len()).inside.into_iter().rev() {
        if part.kind == PartKind::Item && part.name == target.name && target.item.is_some() {
            let range = crate::target::lines_of(&text, &part.range);
            kept.replace_range(range, "");
        }
    }
    if kept.trim().is_empty() { code.to_owned() } else { kept }
}

/// Tests in Rust at the end of a file: in a module of their own, under a name that is free.
pub(crate) fn rust_module(tests: &str, text: &Text, step: &str) -> String {
    let whole: String = text.chunks().collect();
    let has = |name: &str| {
        let wanted = format!("mod {name}");
        whole.match_indices(&wanted).any(|(at, found)| {
            !whole[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    let name = (1..)
        .map(|n| if n == 1 { "tests".to_owned() } else { format!("tests_{n}") })
        .find(|name| !has(name))
        .unwrap_or_default();
    let tests = tests.trim_matches('\n');
    if let Some(at) = tests.find("mod tests") {
        return format!("{}mod {name}{}\n", &tests[..at], &tests[at + "mod tests".len()..]);
    }
    let indented =
        tests.lines().map(|line| if line.is_empty() { String::new() } else { format!("{step}{line}") });
    let body: Vec<String> = indented.collect();
    let import =
        if tests.contains("use super::") { String::new() } else { format!("{step}use super::*;\n\n") };
    format!("#[cfg(test)]\nmod {name} {{\n{import}{}\n}}\n", body.join("\n"))
}

#[cfg(test)]
mod tests {
    use fimble_syntax::by_language_id;

    use super::*;
    use crate::find_target;

    #[test]
    fn tests_go_where_their_language_has_them() {
        for (language, path, expected) in [
            ("rust", "src/a.rs", TestPlace::Here),
            ("python", "pkg/a.py", TestPlace::Beside("test_a.py".to_owned())),
            ("go", "a.go", TestPlace::Beside("a_test.go".to_owned())),
            ("tsx", "x/a.tsx", TestPlace::Beside("a.test.tsx".to_owned())),
            ("python", "pkg/test_a.py", TestPlace::Nowhere),
            ("c", "a.c", TestPlace::Nowhere),
        ] {
            assert_eq!(test_place(language, path), expected, "{path}");
        }
    }

    #[test]
    fn tests_get_the_lines_that_they_need() {
        let code = "def add(a, b):\n    return a + b\n";
        let text = Text::new(code);
        let language = by_language_id("python").unwrap();
        let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
        let source = Source {
            text: &text,
            tree: Some(&tree),
            language: Some(language),
            path: "src/calc.py",
            file: "/src/calc.py",
        };
        let target = find_target(&source, 4..4, true).unwrap();
        let tests = "class T(unittest.TestCase):\n    def test_it(self):\n        pass\n";
        let wanted = format!("import unittest\nfrom calc import add\n\n{tests}");
        for answer in [
            tests.to_owned(),
            format!("import unittest\n\n{tests}"),
            format!("{code}\n\n{tests}"),
            format!("import unittest\nfrom calc import add, sub\n\n{tests}"),
        ] {
            let done = completed(&answer, &source, &target).replace("add, sub", "add");
            let sorted = |text: &str| {
                let mut lines: Vec<String> =
                    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(&done), sorted(&wanted), "{answer}");
        }
        assert!(is_same_import(
            "import { test, it } from 'node:test';",
            "import { test } from \"node:test\";"
        ));
        assert!(is_same_import("\"testing\"", "import \"testing\""));
        assert!(!is_same_import("from calc import sub", "from calc import add"));
    }

    #[test]
    fn a_module_of_tests_takes_a_free_name() {
        let text = Text::new("mod tests {}\nmod tests_helper {}\n");
        let module = rust_module("#[test]\nfn a() {}\n", &text, "    ");
        let expected = "#[cfg(test)]\nmod tests_2 {\n    use super::*;\n\n    #[test]\n    fn a() {}\n}\n";
        assert_eq!(module, expected);
        let whole = "#[cfg(test)]\nmod tests {\n    use super::*;\n}";
        assert_eq!(rust_module(whole, &Text::new(""), "    "), format!("{whole}\n"));
    }
}
