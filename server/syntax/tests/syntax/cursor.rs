//! The properties of a cursor while the user types, that is, mostly in broken code. `$0` is the cursor.

use fimble_document::Text;
use fimble_syntax::{ParseBudget, Region};

use crate::{at_cursor, language, parse};

fn headers(language: &str, marked: &str) -> Vec<String> {
    let (text, tree, offset) = at_cursor(language, marked);
    let scopes = tree.enclosing_scopes(&text, offset);
    scopes.iter().map(|scope| text.slice(scope.header.clone()).trim().to_owned()).collect()
}

#[test]
fn scopes_enclose_a_cursor_in_whole_code() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("rust", "mod a {\n    fn b() {\n        $0\n    }\n}\n", &["mod a {", "fn b() {"]),
        ("rust", "mod a {\n    fn b() {}\n    $0\n}\n", &["mod a {"]),
        ("rust", "fn a() {}$0\n", &[]),
        ("rust", "$0fn a() {}\n", &[]),
        (
            "rust",
            "fn a(\n    x: u32,\n) -> u32\nwhere\n    u32: Copy,\n{\n    $0\n}\n",
            &["fn a(\n    x: u32,\n) -> u32\nwhere\n    u32: Copy,\n{"],
        ),
        ("python", "class A:\n    def b(self):\n        x = 1\n        $0\n", &["class A:", "def b(self):"]),
        ("python", "class A:\n    def b(self):\n        x = 1\n    $0\n", &["class A:"]),
        ("python", "class A:\n    def b(self):\n        x = 1\n$0\n", &[]),
        (
            "python",
            "class A:\n    def b(self):\n        x = 1\n\n$0\n        y = 2\n",
            &["class A:", "def b(self):"],
        ),
        ("python", "def a():\n    return x$0", &["def a():"]),
        ("python", "@cached\ndef a():\n    return x$0", &["def a():"]),
        ("yaml", "a:\n  b:\n    c: 1\n    $0\n", &["a:", "b:"]),
        ("yaml", "a:\n  b:\n    c: 1\n  $0\n", &["a:"]),
        ("toml", "[a]\nb = 1\n$0", &["[a]"]),
        ("markdown", "# A\n\ntext\n\n## B\n\n$0\n", &["# A", "## B"]),
        ("markdown", "# A\n\n## B\n\ntext\n\n# C\n\n$0", &["# C"]),
        ("javascript", "const f = async () => {\n  $0\n};\n", &["const f = async () => {"]),
        (
            "tsx",
            "function A() {\n  return (\n    <ul>\n      $0\n    </ul>\n  );\n}\n",
            &["function A() {", "<ul>"],
        ),
        ("ruby", "class A\n  def b(c)\n    $0\n  end\nend\n", &["class A", "def b(c)"]),
        ("json", "{\n  \"a\": {\n    \"b\": [$0]\n  }\n}\n", &["\"a\": {", "\"b\": ["]),
        ("html", "<main>\n  <p>\n    $0\n  </p>\n</main>\n", &["<main>", "<p>"]),
        ("kotlin", "class A {\n    fun b() {\n        $0\n    }\n}\n", &["class A {", "fun b() {"]),
        ("kotlin", "routing {\n    get(\"/\") {\n        $0\n    }\n}\n", &["routing {", "get(\"/\") {"]),
        (
            "swift",
            "struct A: View {\n    var body: some View {\n        VStack {\n            $0\n        }\n    }\n}\n",
            &["struct A: View {", "var body: some View {", "VStack {"],
        ),
        (
            "scala",
            "object A {\n  def b(c: Int): Int = {\n    $0\n  }\n}\n",
            &["object A {", "def b(c: Int): Int = {"],
        ),
        ("dart", "class A {\n  void b() {\n    $0\n  }\n}\n", &["class A {", "void b() {"]),
        ("sql", "CREATE TABLE a (\n    b INTEGER,\n    $0\n);\n", &["CREATE TABLE a ("]),
        ("make", "all: a\n\techo b\n\t$0\n", &["all: a"]),
        ("make", "all: a\n\techo b\n$0\n", &[]),
        ("hcl", "resource \"a\" \"b\" {\n  c = {\n    $0\n  }\n}\n", &["resource \"a\" \"b\" {", "c = {"]),
        (
            "proto",
            "service A {\n  rpc B(C) returns (D) {\n    $0\n  }\n}\n",
            &["service A {", "rpc B(C) returns (D) {"],
        ),
        (
            "svelte",
            "<ul>\n  {#each a as b}\n    <li>\n      $0\n    </li>\n  {/each}\n</ul>\n",
            &["<ul>", "{#each a as b}", "<li>"],
        ),
        (
            "vue",
            "<template>\n  <p v-if=\"a\">\n    $0\n  </p>\n</template>\n",
            &["<template>", "<p v-if=\"a\">"],
        ),
        ("rust", "fn größe() {\r\n    let ß = \"ä\";\r\n    $0\r\n}\r\n", &["fn größe() {"]),
    ];
    for (language, marked, expected) in cases {
        assert_eq!(headers(language, marked), *expected, "{language} {marked:?}");
    }
}

#[test]
fn scopes_enclose_a_cursor_in_unfinished_code() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("rust", "fn a() {\n    let x = 1;\n    $0", &["fn a() {"]),
        ("rust", "impl A {\n    fn a(&self) {\n        let x = self.$0\n", &["impl A {", "fn a(&self) {"]),
        (
            "rust",
            "impl A {\n    fn a(&self) {\n        if x {\n            let y = $0\n    }\n\n    fn b() {}\n}\n",
            &["impl A {", "fn a(&self) {"],
        ),
        ("python", "class A:\n    def b(self):\n        $0", &["class A:", "def b(self):"]),
        (
            "python",
            "class A:\n    def b(self):\n        x = foo($0\n\n    def c(self):\n        pass\n",
            &["class A:", "def b(self):"],
        ),
        ("javascript", "class A {\n  b() {\n    return this.$0\n", &["class A {", "b() {"]),
        (
            "typescript",
            "export function f(a: string) {\n  const b = a.$0\n}\n",
            &["export function f(a: string) {"],
        ),
        ("go", "package a\n\nfunc b() {\n\tx := c.$0\n", &["func b() {"]),
        ("c", "int a(void)\n{\n    int b = $0\n", &["int a(void)\n{"]),
        ("java", "class A {\n    void b() {\n        int c = $0\n", &["class A {", "void b() {"]),
        ("ruby", "class A\n  def b\n    c = $0", &["class A", "def b"]),
        ("lua", "function a()\n  local b = $0", &["function a()"]),
        ("bash", "a() {\n  for b in c; do\n    $0", &["a() {"]),
        ("css", ".a {\n  color: $0", &[".a {"]),
        ("json", "{\n  \"a\": {\n    \"b\": $0", &["\"a\": {"]),
        ("kotlin", "class A {\n    fun b() {\n        val c = $0\n", &["class A {", "fun b() {"]),
        ("swift", "class A {\n    func b() {\n        let c = $0\n", &["class A {", "func b() {"]),
        ("scala", "class A {\n  def b() = {\n    val c = $0\n", &["class A {", "def b() = {"]),
        ("dart", "class A {\n  void b() {\n    var c = $0\n", &["class A {", "void b() {"]),
        ("sql", "CREATE TABLE a (\n    b $0\n", &["CREATE TABLE a ("]),
        ("hcl", "resource \"a\" \"b\" {\n  c = $0\n", &["resource \"a\" \"b\" {"]),
        ("proto", "message A {\n  string b = $0\n", &["message A {"]),
    ];
    for (language, marked, expected) in cases {
        let found = headers(language, marked);
        let missing = expected.iter().find(|header| !found.iter().any(|found| found == *header));
        assert_eq!(missing, None, "{language} {marked:?}: {found:?}");
    }
}

#[test]
fn regions_are_what_a_typist_means() {
    use Region::{Code, Comment, String};
    let cases = [
        ("rust", "let a = $0\"b\";", Code),
        ("rust", "let a = \"$0b\";", String),
        ("rust", "let a = \"b$0\";", String),
        ("rust", "let a = \"b\"$0;", Code),
        ("rust", "let a = r#\"b$0\"#;", String),
        ("rust", "fn f<'a>(x: &'a$0 str) {}", Code),
        ("rust", "// a$0", Comment),
        ("rust", "$0// a", Code),
        ("rust", "// a\n$0", Code),
        ("rust", "/// a$0\nfn f() {}", Comment),
        ("rust", "/// a\n$0fn f() {}", Code),
        ("rust", "// a$0\r\nfn f() {}", Comment),
        ("rust", "/* a$0 */ fn f() {}", Comment),
        ("rust", "/* a */$0 fn f() {}", Code),
        ("rust", "fn f() { g(\"a$0", String),
        ("rust", "fn f() { g(\"ä\", \"ö$0)", String),
        ("python", "x = 'a$0", String),
        ("python", "x = 'a' + $0", Code),
        ("python", "x = f\"a {b$0} c\"", Code),
        ("python", "x = f\"a {b} $0c\"", String),
        ("python", "\"\"\"a\n$0\n\"\"\"\n", String),
        ("python", "x = 1  # why$0", Comment),
        ("javascript", "const a = `b ${c.$0} d`;", Code),
        ("javascript", "const a = `b $0${c} d`;", String),
        ("javascript", "f('a$0", String),
        ("ruby", "puts \"a #{b$0} c\"", Code),
        ("bash", "echo \"a $0b\"", String),
        ("bash", "echo \"$(a $0b)\"", Code),
        ("bash", "# a$0", Comment),
        ("html", "<a href=\"x$0\">", String),
        ("html", "<!-- a $0 -->", Comment),
        ("html", "<p>it's $0</p>", Code),
        ("css", "/* a $0 */", Comment),
        ("yaml", "a: \"b$0\"", String),
        ("yaml", "a: 1 # b$0", Comment),
        ("toml", "a = \"b$0\"", String),
        ("markdown", "it's $0 here", Code),
        ("go", "var a = `b$0`", String),
        ("c", "#include <a$0>", String),
        ("php", "<?php\n$a = \"b $0c\";\n", String),
        ("lua", "--[[ a\n$0 ]]", Comment),
        ("lua", "-- a$0", Comment),
        ("json", "{\"a$0\": 1}", String),
        ("kotlin", "val a = \"b$0\"", String),
        ("kotlin", "val a = \"b ${c$0} d\"", Code),
        ("kotlin", "val a = \"\"\"b\n$0c\"\"\"", String),
        ("kotlin", "/* a /* b */ $0 */", Comment),
        ("swift", "let a = \"b \\(c$0) d\"", Code),
        ("swift", "let a = \"\"\"\nb$0\n\"\"\"", String),
        ("swift", "// a$0", Comment),
        ("scala", "val a = s\"b ${c$0} d\"", Code),
        ("scala", "val a = s\"b $0c\"", String),
        ("dart", "var a = 'b ${c$0} d';", Code),
        ("dart", "/// a$0\nvoid b() {}", Comment),
        ("sql", "SELECT a FROM b WHERE c = 'd$0'", String),
        ("sql", "SELECT a FROM b WHERE c = 12$0", Code),
        ("sql", "-- a$0\nSELECT 1;", Comment),
        ("dockerfile", "ENV A=\"b$0\"\n", String),
        ("dockerfile", "CMD [\"a$0\"]\n", String),
        ("dockerfile", "# a$0\nFROM b\n", Comment),
        ("make", "# a$0\n", Comment),
        ("make", "A = $(b $0)\n", Code),
        ("hcl", "a = \"b ${c$0} d\"\n", Code),
        ("hcl", "a = \"b$0\"\n", String),
        ("hcl", "// a$0\n", Comment),
        ("proto", "import \"a$0\";", String),
        ("proto", "/* a$0 */", Comment),
        ("svelte", "<a href={b$0}>c</a>", Code),
        ("svelte", "<a href=\"b$0\">c</a>", String),
        ("svelte", "<p>{a$0}</p>", Code),
        ("vue", "<p :a=\"b$0\">c</p>", Code),
        ("vue", "<p @a=\"b$0\">c</p>", Code),
        ("vue", "<p v-if=\"b$0\">c</p>", Code),
        ("vue", "<p a=\"b$0\">c</p>", String),
    ];
    for (language, marked, expected) in cases {
        let (text, tree, offset) = at_cursor(language, marked);
        assert_eq!(tree.region(&text, offset), expected, "{language} {marked:?} {}", tree.to_s_expression());
    }
}

#[test]
fn a_block_is_open_where_a_body_is_to_be_written() {
    let open = [
        ("rust", "fn a() {$0}"),
        ("rust", "fn a() {\n    $0\n}"),
        ("rust", "fn a() {\n    $0\n}\n\nfn b() {\n    c();\n}\n"),
        ("rust", "fn a() {\n    // first\n    $0\n}"),
        ("rust", "fn a() {\n    if b {\n        $0\n"),
        ("rust", "fn a() {$0"),
        ("rust", "struct A {\r\n    $0\r\n}\r\n"),
        ("kotlin", "fun a() {\n    $0\n}"),
        ("swift", "func a() {\n    $0\n}"),
        ("scala", "def a() = {\n  $0\n}"),
        ("dart", "void a() {\n  $0\n}"),
        ("sql", "CREATE TABLE a ($0);"),
        ("make", "all:\n\t$0"),
        ("hcl", "locals {\n  $0\n}\n"),
        ("proto", "message A {\n  $0\n}\n"),
        ("svelte", "{#if a}\n  $0\n{/if}\n"),
        ("vue", "<template>\n  $0\n</template>\n"),
        ("python", "def a():$0"),
        ("python", "def a():\n    $0"),
        ("python", "def a():\n    $0\n\ndef b():\n    pass\n"),
        ("python", "def a():\n    \"\"\"What it does.\"\"\"\n    $0"),
        ("python", "def a(\n    b: int,\n) -> int:\n    $0"),
        ("python", "def a(b,\n      c):\n    $0\n"),
        ("python", "class A:\n    def b(self):\n        $0\n\n    def c(self):\n        pass\n"),
        ("python", "if a:\n    b()\nelse:\n    $0\n"),
        ("javascript", "items.map((item) => {$0})"),
        ("typescript", "interface A {\n  $0\n}"),
        ("go", "func a() {\n\t$0\n}"),
        ("c", "int a(void)\n{\n    $0\n}"),
        ("ruby", "def a\n  $0\nend"),
        ("ruby", "items.each do |item|\n  $0\nend"),
        ("lua", "local a = function(b)\n  $0\nend"),
        ("lua", "if a then\n  $0"),
        ("bash", "if a; then\n  $0\nfi"),
        ("bash", "a() {\n  $0\n}"),
        ("css", ".a {\n  $0\n}"),
        ("json", "{\n  \"a\": [\n    $0\n  ]\n}"),
        ("yaml", "a:\n  $0"),
        ("toml", "[a]\n$0\n\n[b]\nc = 1\n"),
        ("html", "<ul>$0</ul>"),
        ("html", "<ul>\n  $0\n</ul>"),
        ("markdown", "# A\n\n$0\n"),
    ];
    let closed = [
        ("rust", "fn a() {\n    b();\n    $0\n}"),
        ("rust", "fn a() {\n    $0\n    b();\n}"),
        ("rust", "fn a() { $0b() }"),
        ("rust", "let a = $0"),
        ("rust", "// fn a() {$0"),
        ("rust", "let a = \"{$0"),
        ("rust", "let a = \"{\"; $0"),
        ("rust", "$0"),
        ("python", "def a():\n    b()\n    $0"),
        ("python", "def a():\n    $0\n    b()\n"),
        ("python", "a = {\"b\":$0}"),
        ("python", "a = b[1:$0"),
        ("python", "x = \"if a:$0"),
        ("ruby", "def a$0"),
        ("ruby", "def a\n  b\n  $0\nend"),
        ("ruby", "a = 1 if b\n$0"),
        ("lua", "local a = b(c)\n$0"),
        ("bash", "echo then x\n$0"),
        ("yaml", "a:$0"),
        ("yaml", "a: 1\n$0"),
        ("toml", "[a]$0"),
        ("html", "<p>a</p>$0"),
        ("markdown", "some text\n$0"),
        ("make", "all: a\n\techo b\n$0"),
        ("svelte", "{a}\n$0"),
        ("sql", "SELECT a FROM b$0"),
        ("dockerfile", "RUN a\n$0"),
    ];
    for (language, marked, expected) in open
        .into_iter()
        .map(|(language, marked)| (language, marked, true))
        .chain(closed.into_iter().map(|(language, marked)| (language, marked, false)))
    {
        let (text, tree, offset) = at_cursor(language, marked);
        assert_eq!(tree.block_is_open_and_empty(&text, offset), expected, "{language} {marked:?}");
    }
}

#[test]
fn an_item_starts_at_its_line_with_its_comments() {
    // The window may start from `$0` on; the answer is the start of the line that begins with `>`.
    let cases = [
        ("rust", "use a;\n$0\n>// About b.\n// More.\nfn b() {}\n"),
        ("rust", "fn a() {\n    $0x();\n}\n\n>#[test]\nfn b() {}\n"),
        ("rust", "impl A {\n    fn a() { $0 }\n\n>    /// About b.\n    fn b() {}\n}\n"),
        ("rust", "// Far away.$0\n\n>fn b() {}\n"),
        ("rust", "fn a() {$0} fn b() {}\n>fn c() {}\n"),
        ("python", "import a\n$0\n>@b\ndef c():\n    pass\n"),
        ("python", "class A:\n    $0x = 1\n\n>    def b(self):\n        pass\n"),
        ("markdown", "# A\n\ntext $0more\n\n>## B\n"),
        ("yaml", "a:\n  b: 1$0\n>  c: 2\n"),
        ("go", "package a\n$0\n>// About b.\nfunc b() {}\n"),
    ];
    for (language, marked) in cases {
        let expected = marked.replace("$0", "").find('>').expect("each case has one");
        let (text, tree, offset) = at_cursor(language, &marked.replacen('>', "", 1));
        let found = tree.item_start_at_or_after(offset, text.len());
        assert_eq!(found, Some(expected), "{language} {marked:?}");
        assert_eq!(tree.item_start_at_or_after(offset, expected), None, "{language} {marked:?}");
    }
}

#[test]
fn imports_in_the_middle_of_a_line_or_guard_are_whole_lines() {
    let (text, tree, _) = at_cursor("c", "#ifndef A\n#define A\n#  include <b.h> // why\nint c;\n#endif\n$0");
    let imports: Vec<_> = tree.imports(&text, text.len()).into_iter().map(|r| text.slice(r)).collect();
    assert_eq!(imports, ["#  include <b.h> // why"]);
    let (text, tree, offset) = at_cursor("rust", "use a;\r\nuse b::{\r\n    c,\r\n};\r\nuse $0\r\n");
    let imports: Vec<_> = tree.imports(&text, offset).into_iter().map(|r| text.slice(r)).collect();
    assert_eq!(imports, ["use a;", "use b::{\r\n    c,\r\n};"]);
}

#[test]
fn a_splice_that_fits_adds_no_errors() {
    // At `$0`, the first text repairs the code or leaves it as it is, the second makes it worse.
    let cases = [
        ("rust", "fn a() {\n    let b = $0;\n}\n", "c(1, 2)", "c(1, 2 3 ("),
        (
            "rust",
            "fn a() {\n    $0\n}\n",
            "for b in c {\n        d(b);\n    }",
            "for b in c {\n        d(b);",
        ),
        ("rust", "// ä\r\nfn a() {\r\n    $0\r\n}\r\n", "let ö = \"ü\";", "let ö = = \"ü\";"),
        ("python", "def a(b):\n    $0\n", "return b + 1", "return (b +"),
        ("javascript", "const a = () => {\n  $0\n};\n", "return 1;", "return {;"),
        ("json", "{\"a\": [1$0]}", ", 2", ", [2"),
        ("kotlin", "fun a() {\n    $0\n}\n", "val b = c(1, 2)", "val b = c(1, 2"),
        ("swift", "func a() {\n    $0\n}\n", "let b = c(1)", "let b = c(1"),
        ("scala", "def a() = {\n  $0\n}\n", "val b = c(1)", "val b = c(1"),
        ("dart", "void a() {\n  $0\n}\n", "b(1);", "b(1;"),
        ("sql", "SELECT a FROM b$0;\n", " WHERE c = 1", " WHERE c = (1"),
        ("hcl", "locals {\n  $0\n}\n", "a = [1, 2]", "a = [1, 2"),
        ("proto", "message A {\n  $0\n}\n", "string b = 1;", "string b = ;"),
        ("svelte", "{#if a}\n  $0\n{/if}\n", "<p>{b}</p>", "<p>{b</p>"),
        ("vue", "<template>\n  $0\n</template>\n", "<p>{{ a && b }}</p>", "<p>{{ a && b }</p>"),
    ];
    for (language, marked, good, bad) in cases {
        let (text, tree, offset) = at_cursor(language, marked);
        let check = |insertion: &str| {
            tree.splice_check(&text, offset..offset, insertion, &ParseBudget::unlimited()).expect("no limit")
        };
        assert!(!check(good).adds_errors(), "{language} {good:?}: {:?}", check(good));
        assert!(check(bad).adds_errors(), "{language} {bad:?}: {:?}", check(bad));
        assert_eq!(check("").errors_before, check("").errors_after, "{language}");
    }
}

#[test]
fn a_splice_replaces_its_range() {
    let (text, tree, offset) = at_cursor("rust", "fn a() { b($0(); }\n");
    let check =
        tree.splice_check(&text, offset..offset + 1, "", &ParseBudget::unlimited()).expect("no limit");
    assert!(check.errors_before > 0);
    assert_eq!(check.errors_after, 0);
}

#[test]
fn offsets_outside_the_text_are_clamped() {
    let text = Text::new("fn a() { \"ä\" }");
    let tree = parse(language("rust"), &text);
    for offset in (0..text.len() + 3).chain([usize::MAX - 1, usize::MAX]) {
        let _ = tree.region(&text, offset);
        let _ = tree.enclosing_scopes(&text, offset);
        let _ = tree.block_is_open_and_empty(&text, offset);
        let _ = tree.imports(&text, offset);
        let _ = tree.identifiers(&text, offset..usize::MAX);
        let _ = tree.item_start_at_or_after(offset, usize::MAX);
        let check = tree.splice_check(&text, offset..usize::MAX, "x", &ParseBudget::unlimited());
        assert!(check.is_ok());
    }
}
