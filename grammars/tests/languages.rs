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
                QueryKind::Identifiers => &["identifier", "definition", "name", "binding"],
                QueryKind::Regions => &["comment", "string", "code", "name"],
                QueryKind::Embedded => &["name", "value"],
            };
            for name in language.query(kind).capture_names() {
                assert!(known.contains(name), "{language:?} {kind:?}: @{name}");
            }
        }
    }
}

#[test]
fn parts_in_other_languages_are_in_nodes_that_exist_and_in_languages_that_may_stand_there() {
    for language in all() {
        let query = language.query(QueryKind::Embedded);
        assert_eq!(query.pattern_count() == 0, language.embedded_nodes().is_empty(), "{language:?}");
        for kind in language.embedded_nodes() {
            assert_ne!(language.tree_sitter().id_for_node_kind(kind, true), 0, "{language:?} {kind}");
        }
        for pattern in 0..query.pattern_count() {
            let property = &query.property_settings(pattern)[0];
            let inner = property.value.as_deref().expect("it has a value");
            assert_eq!(&*property.key, "language", "{language:?}");
            // Those that are switched off are as good as none.
            let known = ["none", "javascript", "typescript", "tsx", "json", "css"];
            assert!(known.contains(&inner), "{language:?} {inner}");
            let deepest = by_language_id(inner).and_then(fimble_grammars::Language::deepest_generics);
            assert_eq!(deepest, None, "the depth of {inner} is not counted inside of {language:?}");
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
        if expected.is_some_and(|name| by_language_id(name).is_none()) {
            // Switched off: then the file may be taken for another language, or for none.
            continue;
        }
        let found = detect(id, path, first_line).map(fimble_grammars::Language::name);
        assert_eq!(found, expected, "{id:?} {path:?} {first_line:?}");
    }
    assert_eq!(by_shebang("# no interpreter"), None);
}

#[test]
fn what_a_language_writes_comments_with_is_known() {
    let Some(csharp) = by_language_id("csharp") else { return };
    assert_eq!(csharp.display_name(), "C#");
    assert_eq!(csharp.line_comment(), Some("//"));
    assert_eq!(csharp.block_comment(), Some(("/*", "*/")));
    assert!(csharp.uses_braces());
}

#[test]
fn each_feature_is_one_language() {
    let features = [
        ("bash", cfg!(feature = "bash")),
        ("c", cfg!(feature = "c")),
        ("cpp", cfg!(feature = "cpp")),
        ("csharp", cfg!(feature = "csharp")),
        ("css", cfg!(feature = "css")),
        ("dart", cfg!(feature = "dart")),
        ("dockerfile", cfg!(feature = "dockerfile")),
        ("go", cfg!(feature = "go")),
        ("hcl", cfg!(feature = "hcl")),
        ("html", cfg!(feature = "html")),
        ("java", cfg!(feature = "java")),
        ("javascript", cfg!(feature = "javascript")),
        ("json", cfg!(feature = "json")),
        ("kotlin", cfg!(feature = "kotlin")),
        ("lua", cfg!(feature = "lua")),
        ("make", cfg!(feature = "make")),
        ("markdown", cfg!(feature = "markdown")),
        ("php", cfg!(feature = "php")),
        ("proto", cfg!(feature = "proto")),
        ("python", cfg!(feature = "python")),
        ("ruby", cfg!(feature = "ruby")),
        ("rust", cfg!(feature = "rust")),
        ("scala", cfg!(feature = "scala")),
        ("sql", cfg!(feature = "sql")),
        ("svelte", cfg!(feature = "svelte")),
        ("swift", cfg!(feature = "swift")),
        ("toml", cfg!(feature = "toml")),
        ("tsx", cfg!(feature = "tsx")),
        ("typescript", cfg!(feature = "typescript")),
        ("vue", cfg!(feature = "vue")),
        ("yaml", cfg!(feature = "yaml")),
    ];
    for (name, on) in features {
        assert_eq!(all().iter().any(|language| language.name() == name), on, "{name}");
    }
    assert_eq!(all().len(), features.iter().filter(|(_, on)| *on).count());
}
