//! Where tests go: into the file itself, or into a new one beside it, as each language has it. Must hold: a path that comes
//! out stays in the folder of the file.

use fimble_document::Text;

/// Where the tests of a file go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TestPlace {
    /// Into the file, at its end.
    Here,
    /// Into a file of this name beside it.
    Beside(String),
    /// Nobody knows: they are shown.
    Nowhere,
}

/// Where the tests of a file at this path go.
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

/// Tests in Rust as they stand at the end of a file: in a module of their own, under a name that is free.
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
    use super::*;

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
    fn a_module_of_tests_takes_a_free_name() {
        let text = Text::new("mod tests {}\nmod tests_helper {}\n");
        let module = rust_module("#[test]\nfn a() {}\n", &text, "    ");
        let expected = "#[cfg(test)]\nmod tests_2 {\n    use super::*;\n\n    #[test]\n    fn a() {}\n}\n";
        assert_eq!(module, expected);
        let whole = "#[cfg(test)]\nmod tests {\n    use super::*;\n}";
        assert_eq!(rust_module(whole, &Text::new(""), "    "), format!("{whole}\n"));
    }
}
