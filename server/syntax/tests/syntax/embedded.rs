//! Texts with parts in another language: scripts and styles of pages and components. `$0` is the cursor.

use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};
use fimble_syntax::{ParseBudget, Region, SyntaxTree};

use crate::{at_cursor, language, parse};

/// Each host language with a script and a style of its own.
const HOSTS: &[&str] = &["html", "vue", "svelte"];

#[test]
fn the_cursor_is_in_the_language_of_its_part() {
    let cases = [
        ("<script>\n$0\n</script>\n", "javascript"),
        ("<script>$0\n</script>\n", "javascript"),
        ("<script>\nlet a = 1;\n$0</script>\n", "javascript"),
        ("<script>\n</script$0>\n", "host"),
        ("<scr$0ipt>\n</script>\n", "host"),
        ("<script>\n</script>$0\n", "host"),
        ("<script type=\"module\">\n$0\n</script>\n", "javascript"),
        ("<script setup lang=\"ts\">\n$0\n</script>\n", "typescript"),
        ("<script lang='ts'>\n$0\n</script>\n", "typescript"),
        ("<script setup lang=\"tsx\" generic=\"T\">\n$0\n</script>\n", "tsx"),
        ("<script lang=\"coffee\">\n$0\n</script>\n", "host"),
        ("<script type=\"text/x-template\">\n$0\n</script>\n", "host"),
        ("<script type=\"application/json\">\n{$0}\n</script>\n", "json"),
        ("<style>\n$0\n</style>\n", "css"),
        ("<style scoped>\n$0\n</style>\n", "css"),
        ("<style scoped lang=\"scss\">\n$0\n</style>\n", "host"),
        ("<p>\n$0\n</p>\n", "host"),
        ("<p>\n</p>\n<script>\nf(\n</script>\n<style>\n.a {$0}\n</style>\n", "css"),
    ];
    for host in HOSTS {
        for (marked, expected) in cases {
            let (_, tree, offset) = at_cursor(host, marked);
            let expected = if expected == "host" { host } else { expected };
            assert_eq!(
                tree.language_at(offset).name(),
                expected,
                "{host} {marked:?} {}",
                tree.to_s_expression()
            );
            assert_eq!(tree.language().name(), *host);
        }
    }
}

#[test]
fn comments_and_strings_are_those_of_the_part() {
    use Region::{Code, Comment, String};
    let cases = [
        ("<script>\n// a$0\n</script>\n", Comment),
        ("<script>\nlet a = `b$0`;\n</script>\n", String),
        ("<script>\nlet a = `b${c$0}`;\n</script>\n", Code),
        ("<script>\nf(\"a$0\n</script>\n", String),
        ("<script>\nlet a = b // c\n$0</script>\n", Code),
        ("<style>\n/* a$0 */\n</style>\n", Comment),
        ("<style>\n// a$0\n</style>\n", Comment),
        ("<p>// a$0</p>\n", Code),
        ("<!-- a$0 -->\n<script>\n</script>\n", Comment),
        ("<a href=\"b$0\"></a>\n", String),
    ];
    for host in HOSTS {
        for (marked, expected) in cases {
            let (text, tree, offset) = at_cursor(host, marked);
            assert_eq!(tree.region(&text, offset), expected, "{host} {marked:?} {}", tree.to_s_expression());
        }
    }
}

#[test]
fn scopes_and_blocks_are_those_of_the_part() {
    let headers = |marked: &str, host: &str| -> Vec<String> {
        let (text, tree, offset) = at_cursor(host, marked);
        let scopes = tree.enclosing_scopes(&text, offset);
        scopes.iter().map(|scope| text.slice(scope.header.clone()).trim().to_owned()).collect()
    };
    for host in HOSTS {
        let inside = "<script>\n  class A {\n    b() {\n      $0\n    }\n  }\n</script>\n<p>\n</p>\n";
        assert_eq!(headers(inside, host), ["class A {", "b() {"], "{host}");
        // A page's elements are no scopes of its script.
        assert_eq!(headers("<script>\n  let a = 1;\n  $0\n</script>\n", host), [""; 0], "{host}");
        let unfinished = "<div>\n  <script>\n    function a() {\n      let b = $0\n  </script>\n</div>\n";
        assert_eq!(headers(unfinished, host), ["function a() {"], "{host}");
        assert_eq!(headers("<script>\n</script>\n<p>\n  $0\n</p>\n", host), ["<p>"], "{host}");
        for (marked, expected) in [
            ("<script>\n  function a() {\n    $0\n  }\n</script>\n", true),
            ("<script>\n  function a() {$0}\n</script>\n", true),
            ("<script>\n  function a() {\n    $0\n</script>\n", true),
            ("<script>\n  $0\n</script>\n", false),
            ("<style>\n  .a {\n    $0\n  }\n</style>\n", true),
            ("<p>$0</p>\n", true),
        ] {
            let (text, tree, offset) = at_cursor(host, marked);
            assert_eq!(tree.block_is_open_and_empty(&text, offset), expected, "{host} {marked:?}");
        }
    }
}

#[test]
fn imports_items_and_names_are_those_of_all_parts_in_order() {
    for host in HOSTS {
        let (text, tree, _) = at_cursor(
            host,
            "<p id=\"first\"></p>\n<script>\n  import a from \"a\";\n\n  function second() {}\n</script>\n<style>\n.third {}\n</style>\n$0",
        );
        let line = |range: std::ops::Range<usize>| text.slice(range).trim().to_owned();
        let imports: Vec<_> = tree.imports(&text, text.len()).into_iter().map(line).collect();
        assert_eq!(imports, ["import a from \"a\";"], "{host}");
        let names: Vec<_> = tree.identifiers(&text, 0..text.len()).into_iter().map(line).collect();
        let at = |name: &str| {
            names.iter().position(|found| found == name).unwrap_or_else(|| panic!("{name}: {names:?}"))
        };
        assert!(at("first") < at("second") && at("second") < at("third"), "{host} {names:?}");
        let content = text.to_string();
        let function = content.find("function").expect("it is there");
        let from = content.find("from").expect("it is there");
        assert_eq!(
            tree.item_start_at_or_after(from, text.len()),
            Some(text.line_start(text.line_of(function)))
        );
    }
}

#[test]
fn a_splice_is_judged_by_the_language_of_the_part() {
    let cases = [
        ("<script>\nlet a = $0;\n</script>\n", "b(1, 2)", "b(1, 2 3 ("),
        ("<script>\n$0\n</script>\n<p></p>\n", "if (a < b) { c(); }", "if (a < b) { c();"),
        ("<script>\n$0\n</script>\n", "let a = \"<p>\";", "let a = <;"),
        ("<script>\n$0\n</script>\n<script>\nlet a = ;\n</script>\n", "a();", "a("),
        ("<style>\n.a { $0 }\n</style>\n", "color: red;", "color: {"),
        ("<div>\n$0\n</div>\n<script>\nlet a = ;\n</script>\n", "<p>a</p>", "<p a=></p>"),
    ];
    for host in HOSTS {
        for (marked, good, bad) in cases {
            let (text, tree, offset) = at_cursor(host, marked);
            let check = |insertion: &str| {
                tree.splice_check(&text, offset..offset, insertion, &ParseBudget::unlimited())
                    .expect("no limit")
            };
            assert!(!check(good).adds_errors(), "{host} {marked:?} {good:?}: {:?}", check(good));
            assert!(check(bad).adds_errors(), "{host} {marked:?} {bad:?}: {:?}", check(bad));
            assert_eq!(check("").errors_before, check("").errors_after, "{host} {marked:?}");
            assert_eq!(tree.n_errors(), check("").errors_before, "{host} {marked:?}");
        }
    }
}

#[test]
fn types_are_known_in_scripts_that_say_so() {
    for (lang, n_errors) in [(" lang=\"ts\"", false), ("", true)] {
        let text = Text::new(&format!("<script{lang}>\nlet a: Map<string, number> = f();\n</script>\n"));
        for host in HOSTS {
            assert_eq!(parse(language(host), &text).has_errors(), n_errors, "{host} {lang}");
        }
    }
}

/// Changes to a text and its tree, which is parsed after each of them.
fn follow(document: &mut Document, tree: &mut SyntaxTree, range: std::ops::Range<usize>, inserted: &str) {
    let encoding = PositionEncoding::Utf8;
    let range = PositionRange {
        start: document.text().position(range.start, encoding),
        end: document.text().position(range.end, encoding),
    };
    let change = TextChange::Part { range, text: inserted.to_owned() };
    let version = document.version() + 1;
    document.apply(version, &[change], encoding, |_, edit| tree.edit(&edit)).expect("the change fits");
    *tree = SyntaxTree::parse(tree.language(), document.text(), Some(tree), &ParseBudget::unlimited())
        .expect("nothing limits the parse");
}

/// A component is written from nothing, and taken away again, one character after the other.
#[test]
fn a_component_that_is_typed_has_the_tree_of_a_fresh_parse() {
    let content = "<script lang=\"ts\">\nconst größe: number = f(1);\n</script>\n<p>ä</p>\n<style>\n.a { color: red; }\n</style>\n";
    for host in HOSTS {
        let mut document = Document::new("", 0);
        let mut tree = parse(language(host), document.text());
        let mut n_different = 0;
        let mut compare = |document: &Document, tree: &SyntaxTree| {
            let fresh = parse(language(host), document.text());
            let text = document.text();
            let names = |tree: &SyntaxTree| tree.identifiers(text, 0..text.len());
            if tree.to_s_expression() == fresh.to_s_expression() {
                assert_eq!(names(tree), names(&fresh), "{host} {text:?}");
            } else {
                // What is mended in a broken text may depend on what stood there before.
                assert!(fresh.has_errors(), "{host} {text:?}");
                n_different += 1;
            }
        };
        for (at, character) in content.char_indices() {
            follow(&mut document, &mut tree, at..at, &character.to_string());
            compare(&document, &tree);
        }
        assert_eq!(tree.embedded_languages(), [language("typescript"), language("css")], "{host}");
        // A line above moves all parts and touches none.
        follow(&mut document, &mut tree, 0..0, "<!-- ö -->\n");
        compare(&document, &tree);
        follow(&mut document, &mut tree, 0.."<!-- ö -->\n".len(), "");
        // The language of a part changes without the part.
        let lang = content.find(" lang").expect("it is there");
        follow(&mut document, &mut tree, lang..lang + " lang=\"ts\"".len(), "");
        assert_eq!(tree.embedded_languages(), [language("javascript"), language("css")], "{host}");
        assert!(tree.has_errors());
        compare(&document, &tree);
        follow(&mut document, &mut tree, lang..lang, " lang=\"ts\"");
        for (at, character) in content.char_indices().rev() {
            follow(&mut document, &mut tree, at..at + character.len_utf8(), "");
            compare(&document, &tree);
        }
        assert!(n_different < 5, "{host}: {n_different} trees differ");
    }
}
