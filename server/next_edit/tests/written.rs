//! Edits that a model writes: what it is asked, and which edit its answer becomes.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use fimble_document::{Text, TextEdit};
use fimble_model::fim::{EditFormat, WrittenBlock};
use fimble_next_edit::{
    EditHistory, NextEdit, NextEditKind, OpenFile, Request, WrittenRequest, written_edit,
};
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

const OLD: &str = "import math\n\n\nclass Circle:\n    def __init__(self, r):\n        self.r = r\n\n    def area(self):\n        \
                   return math.pi * self.r ** 2\n\n    def grow(self, by):\n        self.r += by\n";

/// A document in which `from` was replaced by `to`, with the cursor behind it.
struct Session {
    text: Text,
    tree: SyntaxTree,
    history: EditHistory,
    cursor: usize,
}

impl Session {
    fn new(old: &str, from: &str, to: &str) -> Self {
        let start = old.find(from).unwrap();
        let new = old.replacen(from, to, 1);
        let (before, text) = (Text::new(old), Text::new(&new));
        let edit = TextEdit {
            start,
            old_end: start + from.len(),
            new_end: start + to.len(),
            start_point: before.point(start),
            old_end_point: before.point(start + from.len()),
            new_end_point: text.point(start + to.len()),
        };
        let mut history = EditHistory::new();
        history.record("file:///a.py", &before, &edit, &text, Duration::from_secs(1));
        let python = by_language_id("python").unwrap();
        let tree = SyntaxTree::parse(python, &text, None, &ParseBudget::unlimited()).unwrap();
        Self { text, tree, history, cursor: start + to.len() }
    }

    fn with<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let files = [OpenFile { document: "file:///a.py", text: &self.text, tree: Some(&self.tree) }];
        ask(&Request {
            files: &files,
            current: 0,
            cursor: self.cursor,
            is_at_rest: true,
            is_refused: &|_| false,
            history: &self.history,
            cancelled: &|| false,
        })
    }

    fn asked(&self, format: EditFormat) -> Option<WrittenRequest> {
        self.with(|request| WrittenRequest::new(request, format, 20_000, &|_| "src/a.py".to_owned()))
    }

    /// The edit of an answer that replaces a text of the block.
    fn edit(&self, from: &str, to: &str) -> Option<NextEdit> {
        let asked = self.asked(EditFormat::Sweep).unwrap();
        assert!(asked.text().contains(from), "{from:?} is not in {:?}", asked.text());
        let text = asked.text().replacen(from, to, 1);
        let written = WrittenBlock { range: 0..asked.text().len(), text };
        self.with(|request| written_edit(request, &asked, &written, &|_| 0.9))
    }
}

#[test]
fn a_prompt_has_the_file_before_the_edits_and_the_lines_now() {
    let session = Session::new(OLD, "r):", "radius):");
    let asked = session.asked(EditFormat::Sweep).unwrap();
    let parts = asked.parts(&[]);
    assert_eq!((parts.original, parts.path), (OLD, "src/a.py"));
    assert_eq!(
        parts.block,
        "\nclass Circle:\n    def __init__(self, radius):\n        self.r = r\n\n    def area(self):\n        return math.pi * self.r ** 2\n\n"
    );
    assert_eq!(parts.block_before, parts.block.replace("radius", "r"));
    assert_eq!(&parts.block[..parts.cursor], "\nclass Circle:\n    def __init__(self, radius):");
    assert_eq!(parts.changes.len(), 1);
    assert_eq!(parts.changes[0].old, "    def __init__(self, r):\n");
    assert_eq!(parts.changes[0].new, "    def __init__(self, radius):\n");
}

#[test]
fn the_beginning_of_a_prompt_stays_while_the_user_types() {
    let short = Session::new(OLD, "r):", "rad):");
    let long = Session::new(OLD, "r):", "radius, x):");
    let original =
        |session: &Session| session.asked(EditFormat::Sweep).unwrap().parts(&[]).original.to_owned();
    assert_eq!(original(&short), original(&long));
    // Of a long file, a part that stays for some lines.
    let lines: String = (0..3000).map(|line| format!("a{line} = {line}\n")).collect();
    let part = |line: usize| original(&Session::new(&lines, &format!("a{line} ="), &format!("b{line} =")));
    let first = part(1205);
    assert!(first.lines().count() == 300 && first.contains("a1205 = 1205\n"), "{first}");
    assert!((1210..1270).step_by(20).all(|line| part(line) == first));
    for line in [0, 80, 500, 2999] {
        assert!(part(line).contains(&format!("a{line} = {line}\n")), "{line}");
    }
}

#[test]
fn an_answer_becomes_the_first_edit_from_the_cursor_on() {
    let session = Session::new(OLD, "r):", "radius):");
    let edit = session.edit("self.r = r\n", "self.r = radius\n").unwrap();
    assert_eq!((edit.kind, &*edit.old_text, &*edit.new_text), (NextEditKind::Written, "", "adius"));
    let applied = session.text.to_string();
    assert_eq!(&applied[..edit.range.start], &applied[..applied.find("self.r = r").unwrap() + 10]);
    let edit = session.edit("self.r ** 2", "self.radius ** 2").unwrap();
    assert_eq!((&*edit.old_text, &*edit.new_text), ("", "adius"));
    assert!((edit.confidence - 0.9).abs() < 1e-6);
}

#[test]
fn what_the_crate_refuses_is_refused() {
    let session = Session::new(OLD, "r):", "radius):");
    for (from, to, reason) in [
        ("self, radius", "self, r", "it takes back what the user did"),
        ("self.r = r\n", "self.r = (r\n", "it adds a syntax error"),
        ("self.r = r\n", "self.r = r \n", "it changes blanks alone"),
        ("self.r = r\n", "self.r = r\n", "it changes nothing"),
        ("\nclass", "\nx = 1\nclass", "it adds lines above the cursor"),
    ] {
        assert_eq!(session.edit(from, to), None, "{reason}");
    }
    let many: String = (0..20).map(|n| format!("        self.a{n} = {n}\n")).collect();
    assert_eq!(session.edit("        self.r = r\n", &many), None);
}

#[test]
fn without_a_change_a_model_is_not_asked() {
    let mut session = Session::new(OLD, "r):", "radius):");
    session.history = EditHistory::new();
    assert_eq!(session.asked(EditFormat::Sweep), None);
    let blank = Session::new(OLD, "\n\n\nclass", "\n\n\n\nclass");
    assert_eq!(blank.asked(EditFormat::Sweep), None);
    let data = Session::new(&format!("x = '{}'\n{OLD}", "a".repeat(2000)), "import math", "import cmath");
    assert_eq!(data.asked(EditFormat::Sweep), None);
}
