//! Every language that is compiled in: its grammar loads, its queries compile and name only known captures, and files are
//! recognised as it. What the queries find is tested where they are used.

use fimble_grammars::{BlockStyle, QueryKind, all, by_language_id, by_path, by_shebang, detect};

#[test]
fn every_query_of_every_language_compiles_with_the_captures_its_kind_has() {
    for language in all() {
        for kind in QueryKind::ALL {
            let known: &[&str] = match kind {
                QueryKind::Scopes => &["scope", "scope.body", "scope.name", "scope.header", "item"],
                // Captures besides the first are there for predicates.
                QueryKind::Imports => &["import", "function", "method", "name"],
                QueryKind::Identifiers => &["identifier", "definition", "name"],
                QueryKind::Regions => &["comment", "string", "code"],
            };
            for name in language.query(kind).capture_names() {
                assert!(known.contains(name), "{language:?} {kind:?}: @{name}");
            }
        }
    }
}

#[test]
fn every_language_is_found_by_each_of_its_names() {
    for language in all() {
        for id in language.language_ids() {
            assert_eq!(by_language_id(id), Some(language), "{id}");
            assert_eq!(by_language_id(&id.to_uppercase()), Some(language), "{id}");
        }
        for extension in language.extensions() {
            assert_eq!(by_path(&format!("/home/x.y/file.{extension}")), Some(language), "{extension}");
        }
        assert!(!language.display_name().is_empty());
        assert!(
            language.block_style() == BlockStyle::Headings || !language.block_openers().is_empty(),
            "{language:?}"
        );
    }
}

#[cfg(all(
    feature = "rust",
    feature = "python",
    feature = "ruby",
    feature = "bash",
    feature = "tsx",
    feature = "javascript",
    feature = "lua"
))]
#[test]
fn a_file_is_recognised_by_id_then_name_then_first_line() {
    let cases = [
        (("rust", "main.rs", ""), Some("rust")),
        (("rust", "script.py", ""), Some("rust")),
        (("javascriptreact", "app.jsx", ""), Some("javascript")),
        (("typescriptreact", "app.tsx", ""), Some("tsx")),
        (("sh", "run", ""), Some("bash")),
        (("", "file:///home/x/Gemfile", ""), Some("ruby")),
        (("", "C:\\work\\Main.RS", ""), Some("rust")),
        (("plaintext", "run", "#!/usr/bin/env python3"), Some("python")),
        (("", "run", "#!/usr/bin/env -S LANG=C python3.12 -u"), Some("python")),
        (("", "run", "#! /bin/sh -e"), Some("bash")),
        (("", "run", "#!/usr/bin/lua5.4"), Some("lua")),
        (("", "run", "#!"), None),
        (("", "run", "#!/usr/bin/env"), None),
        (("", "notes.txt", "plain words"), None),
        (("", "", ""), None),
    ];
    for ((id, path, first_line), expected) in cases {
        let found = detect(id, path, first_line).map(fimble_grammars::Language::name);
        assert_eq!(found, expected, "{id:?} {path:?} {first_line:?}");
    }
    assert_eq!(by_shebang("# no interpreter"), None);
}

#[cfg(not(feature = "php"))]
#[test]
fn a_language_that_is_switched_off_is_unknown() {
    assert_eq!(by_language_id("php"), None);
    assert_eq!(by_path("index.php"), None);
}

#[cfg(feature = "csharp")]
#[test]
fn what_a_language_writes_comments_with_is_known() {
    let csharp = by_language_id("csharp").expect("compiled in");
    assert_eq!(csharp.display_name(), "C#");
    assert_eq!(csharp.line_comment(), Some("//"));
    assert_eq!(csharp.block_comment(), Some(("/*", "*/")));
    assert!(csharp.uses_braces());
}
