//! Definitions of other files near a cursor: what is chosen for it in small projects.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use fimble_document::Text;
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};
use fimble_workspace::{Around, Choice, OpenText, Workspace};

/// A workspace in a folder.
struct Project {
    folder: tempfile::TempDir,
    workspace: Workspace,
}

impl Project {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content.replace("$0", "")).unwrap();
        }
        let workspace = Workspace::default();
        workspace.set_folders(vec![folder.path().display().to_string()]);
        workspace.scan(&|| false);
        Self { folder, workspace }
    }

    fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.folder.path().display())
    }

    /// An open document in which the letter before `$0` was typed last; without `$0` it was not edited.
    fn open(&self, document: u64, revision: u64, path: &str, content: &str) -> OpenText {
        OpenText {
            document,
            revision,
            file: self.file(path),
            text: Text::new(&content.replace("$0", "")),
            edited: content.find("$0").map(|end| end.saturating_sub(1)..end),
        }
    }

    /// The choice for the place marked with `$0` in a file.
    fn choice(&self, path: &str, content: &str, others: &[OpenText]) -> Arc<Choice> {
        let offset = content.find("$0").unwrap();
        let text = Text::new(&content.replace("$0", ""));
        let tree = SyntaxTree::parse(by_path(path).unwrap(), &text, None, &ParseBudget::unlimited()).unwrap();
        let around = Around { text: &text, tree: Some(&tree), line: text.line_of(offset), others };
        self.workspace.choose_at(1, &self.file(path), &around)
    }
}

/// Paths and texts of the snippets.
fn shown(choice: &Choice) -> Vec<(String, String)> {
    choice.snippets.iter().map(|snippet| (snippet.path.clone(), snippet.text.clone())).collect()
}

/// The snippets for the place marked with `$0` in the first file.
fn chosen(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let (path, content) = files[0];
    shown(&Project::of(files).choice(path, content, &[]))
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

const APP: &str = "import sys\n\n\ndef main():\n    $0\n";
const GATES: &str = "class Gate:\n    def open(self):\n        return 1\n";

#[test]
fn the_definition_that_was_edited_last_elsewhere_is_shown_before_it_is_saved() {
    let project =
        Project::of(&[("app.py", APP), ("far/gates.py", "GATE = 1\n"), ("far/others.py", "LIMIT = 3\n")]);
    assert_eq!(shown(&project.choice("app.py", APP, &[])), []);
    let edited = "class Gate:\n    def open(self):\n        return 1\n\n    def lower_slowly(self, seconds):\n        total = 1$0\n        return total\n";
    let gates = project.open(2, 7, "far/gates.py", edited);
    let choice = project.choice("app.py", APP, std::slice::from_ref(&gates));
    let expected = ("far/gates.py".to_owned(), "    def lower_slowly(self, seconds):\n".to_owned());
    assert_eq!(shown(&choice), [expected]);
    // An edit in its body changes nothing, so that what a model has read stays valid; a document that was not edited is not shown.
    let in_body = project.open(2, 8, "far/gates.py", &edited.replace("= 1$0", "= 12$0"));
    let unedited = project.open(3, 1, "far/others.py", "LIMIT = 3\n");
    assert!(Arc::ptr_eq(&choice, &project.choice("app.py", APP, &[in_body, unedited])));
    // Another signature does, and two edited documents are shown, the one edited last nearest to the cursor's file.
    let renamed = project.open(2, 9, "far/gates.py", &edited.replace("seconds", "minutes"));
    let limit = project.open(3, 2, "far/others.py", "LIMIT = 30$0\n");
    let both = shown(&project.choice("app.py", APP, &[renamed, limit]));
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.iter().any(|(_, text)| text == "    def lower_slowly(self, minutes):\n"), "{both:?}");
    assert!(both.iter().any(|(_, text)| text == "LIMIT = 30\n"), "{both:?}");
}

#[test]
fn what_was_typed_behind_a_definition_belongs_to_it() {
    let app = "import sys\n\n\nlater = $0\n";
    let project = Project::of(&[("app.py", app), ("gates.py", "GATE = 1\n")]);
    for (edited, expected) in [
        ("LIMIT = 3\n\n\ndef lower(seconds):\n    return 1\n\n\n$0", "def lower(seconds):\n"),
        ("LIMIT = 3\n\n$0\ndef lower(seconds):\n    return 1\n", "LIMIT = 3\n"),
        ("LIMIT = 3\n\n\ndef lower(x$0):\n    return 1\n", "def lower(x):\n"),
        ("LIMIT = 3\n\n\ndef lower():\n $0   return 1\n", "def lower():\n"),
    ] {
        let open = project.open(2, edited.len() as u64, "gates.py", edited);
        let found = shown(&project.choice("app.py", app, &[open]));
        assert_eq!(found, [("gates.py".to_owned(), expected.to_owned())], "{edited}");
    }
}

#[test]
fn an_edited_document_that_may_not_be_read_is_not_shown() {
    let secret = "API_PASSWORD = \"kX9-tr4nQ-82hdw\"\n\n\ndef lower(seconds):\n    total = 1$0\n";
    let project = Project::of(&[
        ("app.py", APP),
        ("gates.py", GATES),
        (".gitignore", "kept/\n"),
        ("kept/gates.py", GATES),
    ]);
    for (path, content) in [
        ("gates.py", secret),
        ("kept/gates.py", &GATES.replace("return 1", "return 2$0")),
        ("unknown.py", &GATES.replace("return 1", "return 2$0")),
    ] {
        let open = project.open(2, 1, path, content);
        assert_eq!(shown(&project.choice("app.py", APP, &[open])), [], "{path}");
    }
}

#[test]
fn definitions_are_read_from_open_documents() {
    let app = "from gates import Gate\n\n\ndef main(gate: Gate):\n    gate.$0\n";
    let project = Project::of(&[("app.py", app), ("gates.py", GATES)]);
    let unsaved = GATES.replace("open", "lower");
    let open = project.open(2, 1, "gates.py", &unsaved);
    let found = shown(&project.choice("app.py", app, &[open]));
    assert!(found.last().is_some_and(|(_, text)| text.contains("def lower(self)")), "{found:?}");
}
