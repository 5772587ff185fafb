//! Parts of a text inside and outside of a range, the names that are defined there, and where they are used.

use fimble_document::Text;
use fimble_syntax::PartKind;

use crate::{language, parse};

const JAVA: &str = "import java.util.List;\n\n// About A.\nclass A {\n    static final int LIMIT = 3;\n\n    int one(int a) {\n        int b = a + this.a;\n        return b;\n    }\n\n    int two() {\n        return 2;\n    }\n}\n";

#[test]
fn parts_are_inside_outside_or_around() {
    let text = Text::new(JAVA);
    let tree = parse(language("java"), &text);
    let start = JAVA.find("    int one").unwrap();
    let outline = tree.outline(&text, start..JAVA.find("    int two").unwrap());
    let named = |parts: &[fimble_syntax::Part]| -> Vec<(PartKind, String)> {
        parts.iter().map(|part| (part.kind, part.name.clone())).collect()
    };
    assert_eq!(named(&outline.inside), [(PartKind::Item, "one".to_owned())]);
    assert_eq!(outline.around, ["A"]);
    let outside = named(&outline.outside);
    for wanted in
        [(PartKind::Import, ""), (PartKind::Comment, ""), (PartKind::Other, "LIMIT"), (PartKind::Item, "two")]
    {
        assert!(outside.contains(&(wanted.0, wanted.1.to_owned())), "{wanted:?}: {outside:?}");
    }
}

#[test]
fn statements_are_told_from_what_defines_something() {
    for (name, code, expected) in [
        (
            "python",
            "a = 1\nprint(a)\nif a:\n    b()\n",
            vec![PartKind::Other, PartKind::Statement, PartKind::Statement],
        ),
        ("javascript", "const a = 1;\nmodule.exports = { a };\n", vec![PartKind::Other, PartKind::Statement]),
        (
            "javascript",
            "const a = require('a');\nconst f = () => {\n  b();\n};\n",
            vec![PartKind::Import, PartKind::Item],
        ),
        ("rust", "const A: u8 = 1;\nimpl B {\n    fn c() {}\n}\n", vec![PartKind::Other, PartKind::Item]),
    ] {
        let text = Text::new(code);
        let outline = parse(language(name), &text).outline(&text, 0..text.len());
        let kinds: Vec<PartKind> = outline.inside.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, expected, "{code}");
    }
}

#[test]
fn definitions_are_parameters_and_variables() {
    for (name, code, expected) in [
        (
            "python",
            "def f(a, b=1, c: int = 2):\n    for d, e in a:\n        g = d\n    return [h for h in g]\n",
            "f a b c d e g h",
        ),
        (
            "javascript",
            "function f(a, b = 1) {\n  for (const c of a) {\n    let d = c;\n  }\n}\n",
            "f a b c d",
        ),
        ("rust", "fn f(a: u8) {\n    for (b, c) in a {\n        let mut d = b;\n    }\n}\n", "f a b c d"),
        (
            "go",
            "package p\n\nfunc f(a, b int) {\n\tfor c, d := range a {\n\t\te := c\n\t}\n}\n",
            "f a b c d e",
        ),
        (
            "java",
            "class A {\n    int f(int a, String b) {\n        for (int c : a) {\n            int d = c;\n        }\n    }\n}\n",
            "A f a b c d",
        ),
        ("c", "char *f(const char *a, int b)\n{\n    char c[3];\n    char *d = a;\n}\n", "f a b c d"),
    ] {
        let text = Text::new(code);
        let tree = parse(language(name), &text);
        let found = tree.defined_names(&text, 0..text.len());
        let found: Vec<String> = found.into_iter().map(|name| text.slice(name).into_owned()).collect();
        assert_eq!(found.join(" "), expected, "{code}");
    }
}

#[test]
fn uses_are_those_of_a_variable() {
    for (name, code, variable, expected) in [
        ("java", JAVA, "a", Some(2)),
        ("python", "def f(a):\n    b.a = a\n    return g(a=a)\n", "a", Some(3)),
        ("python", "def f(a):\n    \"\"\"Of a.\"\"\"\n    return a\n", "a", None),
        ("javascript", "function f(a, b) {\n  return { a, b: b.b };\n}\n", "a", None),
        ("javascript", "function f(a, b) {\n  return { a, b: b.b };\n}\n", "b", Some(2)),
        ("rust", "fn f(a: u8) -> A {\n    A { a, b: a }\n}\n", "a", None),
        ("rust", "fn f(a: u8) -> u8 {\n    assert!(a > self.a);\n    a\n}\n", "a", Some(3)),
        ("rust", "fn f(a: u8) {\n    println!(\"{a}\");\n}\n", "a", None),
        ("c", "int f(struct s *a)\n{\n    return a->a;\n}\n", "a", Some(2)),
    ] {
        let text = Text::new(code);
        let found = parse(language(name), &text).uses(&text, 0..text.len(), variable);
        assert_eq!(found.map(|found| found.len()), expected, "{variable} in {code}");
    }
}
