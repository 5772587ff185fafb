//! Definitions of other files near a cursor: what is chosen for it in small projects.

#![allow(clippy::unwrap_used, reason = "a test")]

use fimble_document::Text;
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};
use fimble_workspace::{Around, Workspace};

/// The snippets for the place marked with `$0` in the first file.
fn chosen(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.replace("$0", "")).unwrap();
    }
    let workspace = Workspace::default();
    workspace.set_folders(vec![folder.path().display().to_string()]);
    workspace.scan(&|| false);
    let (path, content) = files[0];
    let offset = content.find("$0").unwrap();
    let text = Text::new(&content.replace("$0", ""));
    let tree = SyntaxTree::parse(by_path(path).unwrap(), &text, None, &ParseBudget::unlimited()).unwrap();
    let around = Around { text: &text, tree: Some(&tree), line: text.line_of(offset) };
    let file = format!("{}/{path}", folder.path().display());
    let choice = workspace.choose_at(1, &file, &around);
    choice.snippets.iter().map(|snippet| (snippet.path.clone(), snippet.text.clone())).collect()
}

#[test]
fn a_type_that_is_named_is_shown_with_its_members_and_without_their_bodies() {
    let python = "from stock.items import Item, Shelf\n\n\ndef restock(shelf: Shelf) -> int:\n    missing = $0\n    return missing\n";
    let items = "import json\n\nLIMIT = 40\n\n\nclass Item:\n    def __init__(self, name):\n        self.name = name\n        self.count = 0\n\n\nclass Shelf:\n    \"\"\"Holds items.\"\"\"\n\n    def __init__(self, items):\n        self.items = items\n        self.size = len(items)\n\n    def count_missing(self, at_least: int) -> int:\n        total = 0\n        for item in self.items:\n            total += max(0, at_least - item.count)\n        return total\n";
    let found = chosen(&[
        ("app.py", python),
        ("stock/items.py", items),
        ("stock/other.py", "class Other:\n    pass\n"),
    ]);
    let (path, text) = found.last().unwrap();
    assert_eq!(path, "stock/items.py");
    assert_eq!(
        text,
        "class Item:\n    def __init__(self, name):\nclass Shelf:\n    \"\"\"Holds items.\"\"\"\n    def __init__(self, items):\n    def count_missing(self, at_least: int) -> int:\n"
    );
}

#[test]
fn each_language_finds_what_it_imports() {
    let rust = "use crate::berth::Berth;\n\npub fn free(berths: &[Berth]) -> usize {\n    berths.iter().filter(|berth| $0).count()\n}\n";
    let berth = "pub struct Berth {\n    pub number: u32,\n    pub is_taken: bool,\n}\n\nimpl Berth {\n    pub fn fits(&self, length: f32) -> bool {\n        let margin = 2.0;\n        length + margin < 40.0\n    }\n}\n\nfn hidden() {\n    println!(\"x\");\n}\n";
    let typescript = "import { Quill } from './quill';\n\nexport function draw(quill: Quill) {\n  $0\n}\n";
    let quill = "export class Quill {\n  private ink = 3;\n\n  dip(depth: number): void {\n    this.ink += depth;\n    console.log(this.ink);\n  }\n}\n";
    let go = "package depot\n\nfunc Sum(shelf *Shelf) int {\n\treturn $0\n}\n";
    let shelf = "package depot\n\ntype Shelf struct {\n\tItems []int\n}\n\nfunc (s *Shelf) Weigh(factor int) int {\n\ttotal := 0\n\tfor _, item := range s.Items {\n\t\ttotal += item * factor\n\t}\n\treturn total\n}\n";
    let java = "package shop;\n\nimport shop.stock.Item;\n\nclass Till {\n    int price(Item item) {\n        return $0;\n    }\n}\n";
    let item = "package shop.stock;\n\npublic class Item {\n    private final int cents;\n\n    public int centsFor(int count) {\n        int all = cents * count;\n        return all;\n    }\n}\n";
    let c = "#include \"ring.h\"\n\nint drain(struct ring *ring) {\n    return $0;\n}\n";
    let ring = "struct ring {\n    int head;\n    int tail;\n};\n\nint ring_pop(struct ring *ring);\n";
    for (name, content, other, definition, expected, hidden) in [
        (
            "src/lib.rs",
            rust,
            "src/berth.rs",
            berth,
            vec!["pub is_taken: bool", "pub fn fits(&self, length: f32)"],
            vec!["margin", "hidden"],
        ),
        (
            "src/draw.ts",
            typescript,
            "src/quill.ts",
            quill,
            vec!["export class Quill", "dip(depth: number): void"],
            vec!["console"],
        ),
        ("sum.go", go, "shelf.go", shelf, vec!["type Shelf struct", "Items []int"], vec!["total"]),
        (
            "shop/Till.java",
            java,
            "shop/stock/Item.java",
            item,
            vec!["public int centsFor(int count)"],
            vec!["all = "],
        ),
        ("src/drain.c", c, "src/ring.h", ring, vec!["int head;"], vec![]),
    ] {
        let found = chosen(&[(name, content), (other, definition)]);
        let (path, text) = found.last().unwrap_or_else(|| panic!("{name} finds nothing"));
        assert_eq!(path, other);
        for part in expected {
            assert!(text.contains(part), "{name}: {part} in {text}");
        }
        for part in hidden {
            assert!(!text.contains(part), "{name}: {part} in {text}");
        }
    }
}

#[test]
fn what_the_file_defines_itself_is_not_looked_for() {
    let own = "class Item:\n    pass\n\n\ndef first(items) -> Item:\n    return $0\n";
    let other =
        "class Item:\n    def __init__(self, price):\n        self.price = price\n        self.tax = 0\n";
    let found = chosen(&[("app.py", own), ("far/away.py", other)]);
    // A part that is like the place may be shown, and that is whole.
    assert!(found.iter().all(|(_, text)| text.contains("self.tax")), "{found:?}");
}

#[test]
fn the_header_of_a_long_function_counts_on_a_blank_line_of_it() {
    let body = "    step = step + 1\n".repeat(30);
    let main = format!("import stock\n\n\ndef restock(shelf: stock.Shelf, step):\n{body}    $0\n");
    let stock = "class Shelf:\n    def count_missing(self):\n        return 1\n";
    let others = "class Other:\n    def count(self):\n        return 2\n";
    let found = chosen(&[("app.py", &main), ("far/shelves.py", stock), ("far/others.py", others)]);
    assert!(found.iter().any(|(_, text)| text.contains("def count_missing")), "{found:?}");
}
